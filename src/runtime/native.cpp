#include "runtime/native.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <csignal>

#include "base/fault.h"
#include "base/files.h"
#include "base/process.h"
#include "base/time.h"
#include "postgres/build.h"
#include "postgres/cluster.h"
#include "postgres/initdb.h"
#include "runtime/archive_command.h"
#include "runtime/last_words.h"
#include "runtime/leftovers.h"
#include "runtime/owned_settings.h"
#include "runtime/port.h"
#include "runtime/postmasters.h"

namespace velo::runtime {
namespace {

using namespace std::chrono_literals;

constexpr std::uintmax_t log_limit = 16U << 20U;  ///< a larger log starts anew as <log>.1
constexpr auto fast_patience = 60s;
constexpr auto immediate_patience = 10s;
constexpr auto leftovers_patience = 5s;
constexpr auto look_interval = 1s;  ///< between two looks into the log of a server that starts
constexpr auto ready_interval =
    250us;  ///< between two looks at its postmaster.pid, some 20 µs each

Result<Fd> open_log(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0 &&
      static_cast<std::uintmax_t>(status.st_size) > log_limit) {
    ::rename(path.c_str(), (path.string() + ".1").c_str());
  }
  return open_file(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
}

/// The server's own words since this start.
std::string words_since(const fs::path& log, std::uintmax_t offset) {
  const std::string all = read_file(log).value_or("");
  return all.substr(std::min<size_t>(offset, all.size()));
}

Result<void> tolerate_gone(Result<void> result) {
  if (!result && result.error().code == Errc::not_found) return {};
  return result;
}

/// Whether it ended within `patience`.
Result<bool> signal_and_wait(const Process& process, int number,
                             std::chrono::milliseconds patience) {
  TRY(tolerate_gone(process.signal(number)));
  return process.wait(patience);
}

Result<void> end(const Process& process) {
  if (TRY(signal_and_wait(process, SIGKILL, immediate_patience))) return {};
  return fail(Errc::server, "the server with pid {} does not end, not even when killed",
              process.pid());
}

/// What works on the cluster without being a server that postmaster.pid tells of: one that has not
/// written it yet, because whoever started it just now was killed, or what outlived its postmaster.
/// (On btrfs, too, a volume must not go before the last of them: the kernel gives its device number
/// to the next one, and PostgreSQL would there refuse to start beside "its" shared memory.)
Result<void> end_strays(const fs::path& pgdata) {
  while (const auto stray = postmasters_in({pgdata}).front()) {
    const auto process = Process::watch(stray->pid);
    if (!process && process.error().code == Errc::not_found) continue;
    if (!process) return std::unexpected(process.error());
    if (TRY(signal_and_wait(*process, SIGQUIT, immediate_patience))) continue;
    TRY(end(*process));
  }
  return {};
}

Result<void> end_rest(const fs::path& pgdata) {
  TRY(end_orphans(pgdata, immediate_patience));
  return path_exists(pgdata / "postmaster.pid") ? Result<void>{} : end_strays(pgdata);
}

Result<void> stop_process(const fs::path& pgdata, StopMode mode) {
  const auto server = TRY(postgres::running_server(pgdata));
  if (!server) return end_rest(pgdata);
  auto watched = Process::watch(server->pid);
  if (!watched) {
    return watched.error().code == Errc::not_found ? Result<void>{}
                                                   : std::unexpected(std::move(watched).error());
  }
  const Process& process = *watched;
  if (mode == StopMode::fast) {
    if (TRY(signal_and_wait(process, SIGINT, patience_for(fast_patience)))) return {};
  }
  if (TRY(signal_and_wait(process, SIGQUIT, patience_for(immediate_patience)))) return {};
  TRY(end(process));
  return end_rest(pgdata);
}

Result<fs::path> program_of(const Build& build) {
  fs::path program = build.bin / "postgres";
  if (path_exists(program)) return program;
  return fail_with_hint(
      Errc::not_found,
      fmt::format("the PostgreSQL {} build in {} is gone", build.major, build.bin.string()),
      build.bin.string().starts_with("/usr/")
          ? fmt::format("install it again: apt install postgresql-{}", build.major)
          : fmt::format("put it back there; any build of PostgreSQL {} will do, also by a link",
                        build.major));
}

class StartingProcess final : public Starting {
 public:
  StartingProcess(const ServerSpec& spec, Process process, std::uintmax_t log_offset)
      : pgdata_(spec.pgdata),
        log_(spec.log),
        promotes_(spec.promotes),
        owner_(spec.build.owner),
        to_be_asked_(spec.promotes_at_end),
        process_(std::move(process)),
        log_offset_(log_offset) {}

  Result<void> await_ready(std::chrono::milliseconds patience,
                           const Cancellation& cancel) override {
    const Deadline deadline(patience);
    Deadline next_look(look_interval);
    for (;;) {
      if (is_ready()) return {};
      TRY(ask_to_promote());
      if (next_look.passed()) {
        next_look = Deadline(look_interval);
        if (crashes_over_and_over(words_since(log_, log_offset_))) {
          TRY(stop_process(pgdata_, StopMode::immediate));
          TRY(end(process_));
          return give_up("the server crashed while starting");
        }
      }
      // The wait for the process's end is the pause between two looks.
      if (TRY(process_.wait(ready_interval))) return give_up("the server ended while starting");
      if (cancel.requested() || deadline.passed()) {
        TRY(stop_process(pgdata_, StopMode::immediate));
        TRY(end(process_));
        TRY(cancel.check());
        return give_up(fmt::format("the server was not ready after {} s", patience.count() / 1000));
      }
    }
  }

 private:
  /// In the words of postmaster.pid; empty before it wrote that.
  std::string status() const {
    const auto text = read_file(pgdata_ / "postmaster.pid");
    if (!text) return {};
    const auto file = postgres::parse_postmaster_pid(*text);
    return file && file->pid == process_.pid() ? file->status : "";
  }

  bool is_ready() const {
    const std::string now = status();
    // "standby": it is up, and will not admit anybody (hot_standby is off).
    return now == "ready" || (now == "standby" && !promotes_);
  }

  /// From "starting" on it knows what the signal means; files from before that it has removed
  /// (RemovePromoteSignalFiles in PostmasterMain). It promotes when it has replayed all its WAL.
  Result<void> ask_to_promote() {
    if (!to_be_asked_) return {};
    if (const std::string now = status(); now != "starting" && now != "standby") return {};
    {
      const ActAs as(owner_);
      TRY(write_file(pgdata_ / "promote", "", 0600));
    }
    to_be_asked_ = false;
    return tolerate_gone(process_.signal(SIGUSR1));
  }

  std::unexpected<Error> give_up(const std::string& why) const {
    return did_not_start(why, words_since(log_, log_offset_));
  }

  fs::path pgdata_;
  fs::path log_;
  bool promotes_;
  OsUser owner_;
  bool to_be_asked_;  ///< to promote
  Process process_;
  std::uintmax_t log_offset_;  ///< where this start's messages begin in the log
};

class Native final : public Runtime {
 public:
  std::string_view name() const override { return "native"; }

  Result<std::string> check(const Cancellation&) const override {
    return "servers are processes of this machine";
  }

  Result<Build> choose_build(const BuildWish& wish, const Cancellation& cancel) override {
    if (!wish.image.empty()) {
      return fail_with_hint(Errc::usage, "servers that are processes run no image",
                            "leave out --image, or choose --runtime docker");
    }
    const postgres::Build build = TRY(postgres::choose_build(
        TRY(postgres::find_builds(wish.home, wish.path_variable, cancel)), wish.major));
    return Build{.major = build.major,
                 .version = build.version,
                 .bin = build.bin,
                 .image = {},
                 .digest = {},
                 .owner = TRY(Result<OsUser>(wish.server_user))};
  }

  Result<void> make_cluster(const ServerSpec& spec, const postgres::Settings& settings,
                            const Cancellation& cancel) override {
    const postgres::Build build{
        .major = spec.build.major, .version = spec.build.version, .bin = spec.build.bin};
    return postgres::make_cluster(build, spec.pgdata, spec.build.owner, settings, cancel);
  }

  Result<void> check_listening(const std::string& address, int port,
                               const OsUser& owner) const override {
    TRY(check_address_is_here(address));
    return port == 0 ? Result<void>{} : check_right_to_port(port, owner);
  }

  Result<std::string> find_build(const Build& build, const Cancellation&) const override {
    TRY(program_of(build));
    return std::string{};
  }

  Result<std::unique_ptr<Starting>> start(const ServerSpec& spec) override {
    const fs::path program = TRY(program_of(spec.build));
    if (!spec.archive.empty()) TRY(prepare_archive(spec.archive, spec.build.owner));
    TRY(check_listening(spec.address, spec.port, spec.build.owner));
    TRY(check_port(spec.address, spec.port));
    {
      const ActAs owner(spec.build.owner);
      TRY(clear_leftovers(spec.pgdata, spec.run_directory, spec.port, leftovers_patience));
    }
    const Fd log = TRY(open_log(spec.log));
    const off_t offset = ::lseek(log.get(), 0, SEEK_END);
    Command command{.argv = server_arguments(spec, {.addresses = spec.address,
                                                    .port = spec.port,
                                                    .socket_directory = spec.run_directory}),
                    .environment = clean_environment(),
                    .user = spec.build.owner,
                    .directory = spec.pgdata,  // as it will work there: found from its first moment
                    .input = {}};
    command.argv.insert(command.argv.begin(), program.string());
    return std::make_unique<StartingProcess>(spec, TRY(start_detached(command, log.get())),
                                             offset < 0 ? 0 : static_cast<std::uintmax_t>(offset));
  }

  Result<void> stop(const fs::path& pgdata, StopMode mode) override {
    return stop_process(pgdata, mode);
  }

  Result<void> reload(const fs::path& pgdata) override {
    const auto server = TRY(postgres::running_server(pgdata));
    if (!server) return {};
    const auto process = Process::watch(server->pid);
    if (process) return tolerate_gone(process->signal(SIGHUP));
    return {};
  }

  Result<Seen> inspect(const fs::path& pgdata) const override {
    const auto server = TRY(postgres::running_server(pgdata));
    if (!server) return Seen{};
    const std::string& status = server->status;
    return Seen{.runs = true,
                .is_ready = status == "ready" || status == "standby" || status == "stopping",
                .pid = server->pid,
                .started_at = server->started_at,
                .socket_directory = server->socket_directory,
                .socket_port = server->port,
                .remark = {}};
  }

  Result<std::vector<Seen>> inspect_all(const std::vector<fs::path>& clusters,
                                        const Cancellation& cancel) const override {
    std::vector<Seen> all;
    for (const fs::path& pgdata : clusters) {
      TRY(cancel.check());
      auto seen = inspect(pgdata);
      all.push_back(seen ? std::move(*seen) : Seen{.remark = seen.error().message});
    }
    return all;
  }

  bool runs_as_installed(const fs::path& pgdata, const Build& build) const override {
    const auto server = postgres::running_server(pgdata);
    return server && *server && runs_program((*server)->pid, build.bin / "postgres");
  }

  bool can_promote() const override { return true; }

  Result<std::vector<Held>> list(const Cancellation&) const override { return std::vector<Held>{}; }

  Result<void> await_leftovers(const fs::path& pgdata) const override {
    return await_last_backend(pgdata, leftovers_patience);
  }

  Result<void> collect_log(const fs::path&, const fs::path&) override { return {}; }

  int socket_port(int port) const override { return port; }
};

}  // namespace

std::unique_ptr<Runtime> open_native() {
  return std::make_unique<Native>();
}

}  // namespace velo::runtime
