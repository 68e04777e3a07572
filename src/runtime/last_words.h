// What is said of a server that did not start.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace velo::runtime {

/// Errc::server: `why`, with what the server itself named as the reason in the log of this start,
/// its last FATAL or PANIC; the log's last lines as the detail.
std::unexpected<Error> did_not_start(std::string why, std::string_view log);

}  // namespace velo::runtime
