// What a server says when it refuses a connection, as libpq passes it on.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace velo::postgres {

/// A connection attempt that came to nothing.
struct Refusal {
  Error error;           ///< Errc::server; its hint says what people can mend
  std::string sqlstate;  ///< "53300"; empty when it was not the server that refused
};

/// Out of libpq's message at PQERRORS_VERBOSE: "…: FATAL:  57P03: the database system is starting
/// up" and a line "LOCATION:  …" (pqBuildErrorMessage3 in fe-protocol3.c). The severity may be
/// translated; the SQLSTATE, which libpq gives no other way, never is.
Refusal parse_refusal(std::string_view text);

/// The server is starting, recovering, or shutting down.
inline constexpr std::string_view cannot_connect_now = "57P03";

/// Errc::server: the first line of `text` is the message, the rest the detail.
Error error_from_text(std::string_view text);

}  // namespace velo::postgres
