// Whether a port is free for a server to come.
#pragma once

#include <string>

#include "base/error.h"

namespace velo::runtime {

/// Errc::in_use when something listens there already; PostgreSQL would say so too, but only in its
/// log.
Result<void> check_port(const std::string& address, int port);

}  // namespace velo::runtime
