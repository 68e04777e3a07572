// What is said of a server that did not start.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace velo::runtime {

/// Errc::server: `why`, with what the server itself named as the reason in the log of this start,
/// its last FATAL or PANIC; the log's last lines as the detail.
std::unexpected<Error> did_not_start(std::string why, std::string_view log);

/// Whether a server that is starting has crashed and begun anew again and again, by its log since
/// this start. Where the checkpoint that ends its recovery fails (a full disk), it goes on like
/// that for ever, and is never ready. By PostgreSQL's own words, so of one that speaks another
/// language it is not known.
bool crashes_over_and_over(std::string_view log);

}  // namespace velo::runtime
