// Where a server to come may listen.
#pragma once

#include <string>

#include "base/error.h"
#include "base/os_user.h"

namespace velo::runtime {

/// Errc::in_use when something listens there already; PostgreSQL would say so too, but only in its
/// log.
Result<void> check_port(const std::string& address, int port);

/// Errc::usage when the address is none of this machine's.
Result<void> check_address_is_here(const std::string& address);

/// Errc::permission when a process of `owner`'s may not listen on that port, whoever does now.
Result<void> check_right_to_port(int port, const OsUser& owner);

}  // namespace velo::runtime
