// One connection to a PostgreSQL server, through libpq.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"

using PGconn = struct pg_conn;  // libpq-fe.h's, so that it stays out of headers

namespace velo::postgres {

/// The superuser role that Velo makes in every cluster for itself, and logs in as through the Unix
/// socket only.
inline constexpr std::string_view control_role = "velo_control";

/// libpq takes whatever it is not told from PG* variables and service files. Takes them out of this
/// process's environment; call it first in main(), before any thread. Returns what was removed, for
/// the psql that a user starts through us.
std::vector<std::string> scrub_environment();

using Row = std::vector<std::optional<std::string>>;
using Rows = std::vector<Row>;

/// Not shared between threads. Every wait looks at the Cancellation given at connect and ends at
/// the deadline of its call.
class Connection {
 public:
  struct Target {
    std::filesystem::path socket_directory;
    int port = 0;
    std::string role{control_role};
    std::string database = "postgres";
    std::string peer;      ///< refuse a server that runs as another system user; empty: any
    int server_major = 0;  ///< settings that only some majors know depend on it
  };

  /// Connects over the Unix socket with settings that keep a user's own out of the way: read-write,
  /// no statement, lock or idle timeouts, synchronous_commit = local, event_triggers = off (17+),
  /// search_path = pg_catalog, client_min_messages = warning, no libraries preloaded into the
  /// session, English messages, ISO dates in UTC.
  /// A server that is starting or recovering (SQLSTATE 57P03) is waited for, within `patience`.
  /// Errc::server with libpq's message, and a hint for the refusals that people can mend.
  static Result<Connection> open(const Target& target, std::chrono::milliseconds patience,
                                 const Cancellation& cancel);
  static Result<Connection> open(const Target& target, std::chrono::milliseconds patience,
                                 Cancellation&& cancel) = delete;
  /// As above, but tries `postgres`, then `template1`: either database can have been dropped.
  static Result<Connection> open_any(Target target, std::chrono::milliseconds patience,
                                     const Cancellation& cancel);
  static Result<Connection> open_any(Target target, std::chrono::milliseconds patience,
                                     Cancellation&& cancel) = delete;

  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  /// Sends one or more statements, or one with parameters ($1…), and returns the last one's rows.
  /// Errc::server (no_space when the server's disk is full) with the server's message, and its
  /// detail and hint as detail. At the deadline, or when cancelled, the statement is stopped on the
  /// server; libpq 15 can only do that by a call that blocks while it connects to the postmaster.
  Result<Rows> query(const std::string& sql, std::chrono::milliseconds patience);
  Result<Rows> query(const std::string& sql, const std::vector<std::string>& parameters,
                     std::chrono::milliseconds patience);

  /// Sends without waiting; finish() waits. Between the two nothing else may be sent.
  Result<void> send(const std::string& sql);
  Result<Rows> finish(std::chrono::milliseconds patience);

 private:
  Connection(PGconn* connection, const Cancellation& cancel);
  PGconn* connection_;
  const Cancellation* cancel_;
};

/// 'text' and "name", as SQL wants them.
std::string quote_literal(std::string_view text);
std::string quote_identifier(std::string_view name);

/// Begins to load libpq on a thread of its own, for whoever will make a connection and has
/// something else to do first.
void load_libpq_ahead();

}  // namespace velo::postgres
