// Where a server to come may listen.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "base/os_user.h"

namespace velo::runtime {

/// Errc::in_use when something listens there already; PostgreSQL would say so too, but only in its
/// log.
Result<void> check_port(const std::string& address, int port);

/// A socket that is bound there on all addresses and does not listen: while it is open nobody else
/// can hold that port. Servers can listen there, for they set SO_REUSEADDR, and it is set here once
/// the port is bound (socket(7)): a process that another thread has just forked may have the socket
/// open for longer than its owner. Empty where anybody listens
/// there or holds it, or had a connection there in the last minute (TIME_WAIT, tcp(7)).
Result<std::optional<Fd>> hold_port(int port);

/// Errc::usage when the address is none of this machine's.
Result<void> check_address_is_here(const std::string& address);

/// Errc::permission when a process of `owner`'s may not listen on that port, whoever does now.
Result<void> check_right_to_port(int port, const OsUser& owner);

}  // namespace velo::runtime
