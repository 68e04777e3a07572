#include "postgres/connection.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <future>
#include <memory>
#include <thread>

#include "base/signals_blocked.h"
#include "base/text.h"
#include "base/time.h"
#include "postgres/libpq_library.h"
#include "postgres/refusal.h"

namespace velo::postgres {
namespace {

using std::chrono::milliseconds;

/// Between two looks at the Cancellation.
constexpr milliseconds look_interval{50};
/// How long a cancelled statement may take to come to its end before the connection is given up.
constexpr milliseconds cancel_patience{1000};

/// Cannot exist; for /dev/null itself libpq prints a warning.
constexpr const char* no_password_file = "/dev/null/none";

struct ClearResult {
  void operator()(PGresult* result) const { pq().clear(result); }
};
using PgResult = std::unique_ptr<PGresult, ClearResult>;

struct Setting {
  std::string_view assignment;
  int since_major;
};
// ALTER ROLE and ALTER DATABASE … SET lose against these (guc.h: PGC_S_CLIENT); so do libraries
// preloaded into sessions, which may be broken, and login event triggers (17).
constexpr std::array session_settings = {
    Setting{"default_transaction_read_only=off", 0},
    Setting{"default_transaction_isolation=read\\ committed", 0},
    Setting{"statement_timeout=0", 0},
    Setting{"lock_timeout=0", 0},
    Setting{"idle_in_transaction_session_timeout=0", 0},
    Setting{"idle_session_timeout=0", 14},
    Setting{"transaction_timeout=0", 17},
    Setting{"synchronous_commit=local", 0},
    Setting{"event_triggers=off", 17},
    Setting{"session_preload_libraries=", 0},
    Setting{"local_preload_libraries=", 0},
    Setting{"search_path=pg_catalog", 0},
    Setting{"client_min_messages=warning", 0},
    Setting{"lc_messages=C", 0},
    Setting{"DateStyle=ISO", 0},
    Setting{"TimeZone=UTC", 0},
    Setting{"standard_conforming_strings=on", 0},
};

std::string session_options(int server_major) {
  std::string options;
  for (const Setting& setting : session_settings) {
    if (server_major >= setting.since_major) options += fmt::format("-c {} ", setting.assignment);
  }
  return options;
}

void ignore_notice(void* /*argument*/, const PGresult* /*notice*/) {}

/// libpq's own words.
std::unexpected<Error> fail_by(PGconn* connection) {
  return std::unexpected(error_from_text(pq().error_message(connection)));
}

std::string_view field_of(const PGresult* result, int field) {
  const char* text = pq().result_error_field(result, field);
  return text == nullptr ? std::string_view{} : std::string_view(text);
}

/// What the server said about a failed statement.
Error error_of(const PGresult* result) {
  constexpr std::string_view disk_full = "53100";
  Error error{
      .code = field_of(result, PG_DIAG_SQLSTATE) == disk_full ? Errc::no_space : Errc::server,
      .message = std::string(field_of(result, PG_DIAG_MESSAGE_PRIMARY)),
      .hint = {},
      .detail = {}};
  if (error.message.empty()) {  // libpq's own, e.g. a connection that was lost
    error.message = trim(pq().result_error_message(result));
    return error;
  }
  const auto add = [&](std::string_view label, int field) {
    const std::string_view text = field_of(result, field);
    if (text.empty()) return;
    if (!error.detail.empty()) error.detail += '\n';
    error.detail += fmt::format("{}: {}", label, text);
  };
  add("DETAIL", PG_DIAG_MESSAGE_DETAIL);
  add("HINT", PG_DIAG_MESSAGE_HINT);
  return error;
}

Rows rows_of(const PGresult* result) {
  Rows rows(static_cast<std::size_t>(pq().row_count(result)));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const int row = static_cast<int>(i);
    for (int column = 0; column < pq().column_count(result); ++column) {
      if (pq().is_null(result, row, column) != 0) {
        rows[i].emplace_back(std::nullopt);
      } else {
        rows[i].emplace_back(std::in_place, pq().value(result, row, column),
                             static_cast<std::size_t>(pq().length(result, row, column)));
      }
    }
  }
  return rows;
}

/// Waits until the connection's socket is ready for `events`, in short pieces; false at the
/// deadline.
Result<bool> wait_for(PGconn* connection, short events, const Deadline& deadline,
                      const Cancellation& cancel) {
  for (;;) {
    TRY(cancel.check());
    if (deadline.passed()) return false;
    pollfd waiting{pq().socket(connection), events, 0};
    const auto slice = std::min(look_interval, deadline.left());
    const int ready = ::poll(&waiting, 1, static_cast<int>(slice.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return fail_errno(errno, "wait for the server");
  }
}

std::unexpected<Error> fail_late(milliseconds patience) {
  return fail(Errc::server, "the server did not answer within {:.1f} s", Seconds(patience).count());
}

/// Sends what is still unsent and reads until a result is complete; false at the deadline.
Result<bool> wait_for_result(PGconn* connection, const Deadline& deadline,
                             const Cancellation& cancel) {
  for (;;) {
    const int unsent = pq().flush(connection);
    if (unsent < 0) return fail_by(connection);
    if (unsent == 0 && pq().is_busy(connection) == 0) return true;
    const auto events = static_cast<short>(unsent > 0 ? POLLIN | POLLOUT : POLLIN);
    if (!TRY(wait_for(connection, events, deadline, cancel))) return false;
    if (pq().consume_input(connection) == 0) return fail_by(connection);
  }
}

/// All results of what was sent; the last one's rows, or the first error. Empty at the deadline.
Result<std::optional<Rows>> collect(PGconn* connection, const Deadline& deadline,
                                    const Cancellation& cancel) {
  Rows rows;
  std::optional<Error> error;
  for (;;) {
    if (!TRY(wait_for_result(connection, deadline, cancel))) return std::nullopt;
    const PgResult result(pq().get_result(connection));
    if (!result) break;
    switch (pq().result_status(result.get())) {
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK:
      case PGRES_EMPTY_QUERY:
        rows = rows_of(result.get());
        break;
      case PGRES_COPY_IN:
      case PGRES_COPY_OUT:
      case PGRES_COPY_BOTH:
        return fail(Errc::failed, "the control connection does not speak COPY");
      default:
        if (!error) error = error_of(result.get());
    }
  }
  if (error) return std::unexpected(std::move(*error));
  return rows;
}

/// Stops the statement that runs; false when it has not ended even so. pq().cancel() connects anew
/// and blocks, for libpq 15 has no other way: while the postmaster hangs, for good. Then the thread
/// that waits is left to itself.
bool cancel_statement(PGconn* connection) {
  const std::shared_ptr<PGcancel> cancel(pq().get_cancel(connection), [](PGcancel* one) {
    if (one != nullptr) pq().free_cancel(one);
  });
  if (!cancel) return false;
  const auto told = std::make_shared<std::promise<void>>();
  std::future<void> telling = told->get_future();
  {
    const SignalsBlocked blocked;
    std::thread([cancel, told] {
      std::array<char, 256> reason{};
      pq().cancel(cancel.get(), reason.data(), static_cast<int>(reason.size()));
      told->set_value();
    }).detach();
  }
  if (telling.wait_for(cancel_patience) != std::future_status::ready) return false;
  const Cancellation never;
  const auto rest = collect(connection, Deadline(cancel_patience), never);
  return !rest || *rest;
}

/// Goes through libpq's connection steps; empty once it stands.
Result<std::optional<Refusal>> await_connection(PGconn* raw, const Deadline& deadline,
                                                milliseconds patience, const Cancellation& cancel) {
  if (pq().status(raw) == CONNECTION_BAD) return parse_refusal(pq().error_message(raw));
  pq().set_error_verbosity(raw, PQERRORS_VERBOSE);
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  while (next != PGRES_POLLING_OK) {
    const short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (!TRY(wait_for(raw, events, deadline, cancel))) {
      return Refusal{.error = fail_late(patience).error(), .sqlstate = {}};
    }
    next = pq().connect_poll(raw);
    if (next == PGRES_POLLING_FAILED) return parse_refusal(pq().error_message(raw));
  }
  pq().set_error_verbosity(raw, PQERRORS_DEFAULT);
  if (pq().set_nonblocking(raw, 1) != 0) return parse_refusal(pq().error_message(raw));
  return std::nullopt;
}

/// Between two attempts at a server that is not ready yet.
Result<void> pause(const Deadline& deadline, const Cancellation& cancel) {
  constexpr milliseconds between_attempts{20};
  TRY(cancel.check());
  ::poll(nullptr, 0, static_cast<int>(std::min(between_attempts, deadline.left()).count()));
  return cancel.check();
}

}  // namespace

std::vector<std::string> scrub_environment() {
  std::vector<std::string> removed;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    if (std::string_view(*variable).starts_with("PG")) removed.emplace_back(*variable);
  }
  for (const std::string& line : removed) ::unsetenv(line.substr(0, line.find('=')).c_str());
  return removed;
}

Connection::Connection(PGconn* connection, const Cancellation& cancel)
    : connection_(connection), cancel_(&cancel) {}

Connection::Connection(Connection&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)), cancel_(other.cancel_) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  std::swap(connection_, other.connection_);
  std::swap(cancel_, other.cancel_);
  return *this;
}

Connection::~Connection() {
  if (connection_ != nullptr) pq().finish(connection_);
}

Result<Connection> Connection::open(const Target& target, milliseconds patience,
                                    const Cancellation& cancel) {
  TRY(libpq_library());
  const std::string port = std::to_string(target.port);
  const std::string options = session_options(target.server_major);
  const std::array keywords = {"host",
                               "port",
                               "user",
                               "dbname",
                               "requirepeer",
                               "application_name",
                               "sslmode",
                               "gssencmode",
                               "passfile",
                               "client_encoding",
                               "options",
                               "target_session_attrs",
                               static_cast<const char*>(nullptr)};
  const std::array values = {target.socket_directory.c_str(),
                             port.c_str(),
                             target.role.c_str(),
                             target.database.c_str(),
                             target.peer.c_str(),
                             "velo",
                             "disable",
                             "disable",
                             no_password_file,
                             "UTF8",
                             options.c_str(),
                             "any",
                             static_cast<const char*>(nullptr)};
  static_assert(keywords.size() == values.size());
  const Deadline deadline(patience);
  for (;;) {
    Connection connection(pq().connect_start_params(keywords.data(), values.data(), 0), cancel);
    PGconn* raw = connection.connection_;
    if (raw == nullptr) return fail(Errc::failed, "libpq is out of memory");
    pq().set_notice_receiver(raw, ignore_notice, nullptr);
    auto outcome = await_connection(raw, deadline, patience, cancel);
    if (!outcome) return std::unexpected(std::move(outcome).error());
    if (!*outcome) return connection;
    if ((*outcome)->sqlstate != cannot_connect_now || deadline.passed()) {
      return std::unexpected(std::move((*outcome)->error));
    }
    TRY(pause(deadline, cancel));
  }
}

Result<Connection> Connection::open_any(Target target, milliseconds patience,
                                        const Cancellation& cancel) {
  const Deadline deadline(patience);
  target.database = "postgres";
  auto first = open(target, patience, cancel);
  if (first || first.error().code == Errc::interrupted || deadline.passed()) return first;
  target.database = "template1";
  auto second = open(target, deadline.left(), cancel);
  if (second || second.error().code == Errc::interrupted) return second;
  return first;
}

Result<Rows> Connection::query(const std::string& sql, milliseconds patience) {
  TRY(send(sql));
  return finish(patience);
}

Result<Rows> Connection::query(const std::string& sql, const std::vector<std::string>& parameters,
                               milliseconds patience) {
  std::vector<const char*> values;
  values.reserve(parameters.size());
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  if (pq().send_query_params(connection_, sql.c_str(), static_cast<int>(values.size()), nullptr,
                             values.data(), nullptr, nullptr, 0) == 0) {
    return fail_by(connection_);
  }
  return finish(patience);
}

Result<void> Connection::send(const std::string& sql) {
  if (pq().send_query(connection_, sql.c_str()) == 0 || pq().flush(connection_) < 0) {
    return fail_by(connection_);
  }
  return {};
}

Result<Rows> Connection::finish(milliseconds patience) {
  auto rows = collect(connection_, Deadline(patience), *cancel_);
  if (rows && *rows) return std::move(**rows);
  const bool interrupted = !rows && rows.error().code == Errc::interrupted;
  if (!rows && !interrupted) return std::unexpected(std::move(rows).error());
  if (!cancel_statement(connection_)) pq().finish(std::exchange(connection_, nullptr));
  if (interrupted) return std::unexpected(std::move(rows).error());
  return fail_late(patience);
}

std::string quote_literal(std::string_view text) {
  std::string quoted;
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += c;
    quoted += c;
  }
  // With E'' a backslash means the same whatever standard_conforming_strings says.
  const bool escaped = text.find('\\') != std::string_view::npos;
  return fmt::format("{}'{}'", escaped ? "E" : "", quoted);
}

std::string quote_identifier(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += c;
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace velo::postgres
