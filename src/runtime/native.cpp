#include "runtime/native.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/files.h"
#include "base/text.h"
#include "base/time.h"
#include "postgres/settings.h"
#include "runtime/leftovers.h"

namespace velo::runtime {
namespace {

using namespace std::chrono_literals;

constexpr std::uintmax_t log_limit = 16U << 20U;  ///< a larger log starts anew as <log>.1
constexpr auto fast_patience = 60s;
constexpr auto immediate_patience = 10s;
constexpr auto leftovers_patience = 5s;

/// A list element for settings that are comma-separated lists of paths (SplitDirectoriesString in
/// src/backend/utils/adt/varlena.c): double-quoted, quotes doubled.
std::string quote_list_element(const fs::path& path) {
  std::string out = "\"";
  for (const char c : path.string()) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

/// What Velo owns of a server's settings; on the command line, where nothing in the cluster wins.
std::vector<std::string> command_line(const ServerSpec& spec) {
  std::vector<std::string> argv{(spec.bin / "postgres").string(), "-D", spec.pgdata.string()};
  const auto set = [&](std::string_view name, std::string_view value) {
    argv.emplace_back("-c");
    argv.push_back(fmt::format("{}={}", name, value));
  };
  set("data_directory", spec.pgdata.string());
  set("hba_file", (spec.pgdata / "pg_hba.conf").string());
  set("ident_file", (spec.pgdata / "pg_ident.conf").string());
  // An empty name would make the server complain in its log; there it is in nobody's way.
  set("external_pid_file", (spec.run_directory / "pid").string());
  set("listen_addresses", spec.address);
  set("port", std::to_string(spec.port));
  set("unix_socket_directories", quote_list_element(spec.run_directory));
  set("unix_socket_permissions", "0700");
  set("ssl", "on");
  set("ssl_cert_file", spec.certificate.string());
  set("ssl_key_file", spec.certificate_key.string());
  set("ssl_ca_file", "");
  set("ssl_crl_file", "");
  if (spec.major >= 14) set("ssl_crl_dir", "");
  set("ssl_passphrase_command", "");
  set("archive_mode", "off");
  set("archive_command", "");
  if (spec.major >= 15) set("archive_library", "");
  for (const auto& [name, value] : spec.overrides) set(name, value);
  return argv;
}

/// Whether something listens on the port already; PostgreSQL would say so too, but only in its log.
Result<void> check_port(const std::string& address, int port) {
  const Fd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(probe.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<uint16_t>(port));
  if (::inet_pton(AF_INET, address.c_str(), &name.sin_addr) != 1)
    return {};  // the server will tell
  if (::bind(probe.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0) return {};
  if (errno != EADDRINUSE) {
    return fail_errno(errno, fmt::format("listen on {} port {}", address, port));
  }
  return fail_with_hint(
      Errc::in_use, fmt::format("port {} of {} is in use by another program", port, address),
      fmt::format("find it with: ss -ltnp 'sport = :{}'; end it, then start again", port));
}

Result<Fd> open_log(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0 &&
      static_cast<std::uintmax_t>(status.st_size) > log_limit) {
    ::rename(path.c_str(), (path.string() + ".1").c_str());
  }
  return open_file(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
}

/// The server's own words since this start, for an error's detail.
std::string words_since(const fs::path& log, std::uintmax_t offset) {
  const std::string all = read_file(log).value_or("");
  return last_lines(std::string_view(all).substr(std::min<size_t>(offset, all.size())), 12);
}

class Native final : public Runtime {
 public:
  std::string_view name() const override { return "native"; }

  Result<Starting> start(const ServerSpec& spec) override {
    if (!path_exists(spec.bin / "postgres")) {
      return fail_with_hint(
          Errc::not_found,
          fmt::format("the PostgreSQL {} build in {} is gone", spec.major, spec.bin.string()),
          fmt::format("install it again: apt install postgresql-{}", spec.major));
    }
    TRY(check_port(spec.address, spec.port));
    {
      const ActAs owner(spec.user);
      TRY(clear_leftovers(spec.pgdata, spec.run_directory, spec.port, leftovers_patience));
    }
    const Fd log = TRY(open_log(spec.log));
    const off_t offset = ::lseek(log.get(), 0, SEEK_END);
    Command command{.argv = command_line(spec),
                    .environment = clean_environment(),
                    .user = spec.user,
                    .directory = "/",
                    .input = {}};
    return Starting{TRY(start_detached(command, log.get())),
                    offset < 0 ? 0 : static_cast<std::uintmax_t>(offset)};
  }

  Result<void> await_ready(const ServerSpec& spec, const Starting& starting,
                           std::chrono::milliseconds patience,
                           const Cancellation& cancel) override {
    const Deadline deadline(patience);
    const auto give_up = [&](std::string why) {
      return std::unexpected(Error{Errc::server, std::move(why),
                                   "the lines above are the end of its log; velo logs shows more",
                                   words_since(spec.log, starting.log_offset)});
    };
    for (;;) {
      if (is_ready(spec.pgdata, starting.process.pid())) return {};
      // The wait for the process's end is the pause between two looks.
      if (TRY(starting.process.wait(1ms))) return give_up("the server ended while starting");
      if (cancel.requested() || deadline.passed()) {
        TRY(stop(spec.pgdata, StopMode::immediate));
        TRY(end(starting.process));
        TRY(cancel.check());
        return give_up(fmt::format("the server was not ready after {} s", patience.count() / 1000));
      }
    }
  }

  Result<void> stop(const fs::path& pgdata, StopMode mode) override {
    const auto server = TRY(postgres::running_server(pgdata));
    if (!server) return {};
    auto watched = Process::watch(server->pid);
    if (!watched) {
      return watched.error().code == Errc::not_found ? Result<void>{}
                                                     : std::unexpected(std::move(watched).error());
    }
    const Process& process = *watched;
    if (mode == StopMode::fast) {
      if (TRY(signal_and_wait(process, SIGINT, fast_patience))) return {};
    }
    if (TRY(signal_and_wait(process, SIGQUIT, immediate_patience))) return {};
    return end(process);
  }

  Result<void> reload(const fs::path& pgdata) override {
    const auto server = TRY(postgres::running_server(pgdata));
    if (!server) return {};
    const auto process = Process::watch(server->pid);
    if (process) return tolerate_gone(process->signal(SIGHUP));
    return {};
  }

  Result<std::optional<postgres::PostmasterPid>> inspect(const fs::path& pgdata) const override {
    return postgres::running_server(pgdata);
  }

 private:
  static bool is_ready(const fs::path& pgdata, pid_t pid) {
    const auto text = read_file(pgdata / "postmaster.pid");
    if (!text) return false;
    const auto file = postgres::parse_postmaster_pid(*text);
    // "standby": it is up, and will not admit anybody (hot_standby is off).
    return file && file->pid == pid && (file->status == "ready" || file->status == "standby");
  }

  static Result<void> tolerate_gone(Result<void> result) {
    if (!result && result.error().code == Errc::not_found) return {};
    return result;
  }

  /// Whether it ended within `patience`.
  static Result<bool> signal_and_wait(const Process& process, int number,
                                      std::chrono::milliseconds patience) {
    TRY(tolerate_gone(process.signal(number)));
    return process.wait(patience);
  }

  static Result<void> end(const Process& process) {
    if (TRY(signal_and_wait(process, SIGKILL, immediate_patience))) return {};
    return fail(Errc::server, "the server with pid {} does not end, not even when killed",
                process.pid());
  }
};

}  // namespace

std::unique_ptr<Runtime> open_native() {
  return std::make_unique<Native>();
}

}  // namespace velo::runtime
