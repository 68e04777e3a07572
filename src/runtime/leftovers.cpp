#include "runtime/leftovers.h"

#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <optional>

#include "base/files.h"
#include "base/process.h"
#include "base/time.h"

namespace velo::runtime {
namespace {

/// The processes that work in this directory, as every process of a server does in its PGDATA.
/// Looks at each process of the machine, so it is asked only where a postmaster.pid is left.
Result<std::vector<pid_t>> processes_in(const fs::path& directory) {
  struct stat wanted{};
  if (::stat(directory.c_str(), &wanted) != 0) {
    return fail_errno(errno, fmt::format("look at {}", directory.string()));
  }
  std::vector<pid_t> found;
  for (const std::string& name : TRY(list_directory("/proc"))) {
    if (!std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) continue;
    struct stat status{};
    if (::stat(fmt::format("/proc/{}/cwd", name).c_str(), &status) == 0 &&
        status.st_dev == wanted.st_dev && status.st_ino == wanted.st_ino) {
      found.push_back(std::stoi(name));
    }
  }
  return found;
}

/// "postgres: checkpointer " of a server's child, the program's path of its postmaster.
std::string title_of(pid_t pid) {
  const std::string line = read_file(fmt::format("/proc/{}/cmdline", pid)).value_or("");
  return line.substr(0, line.find('\0'));
}

/// Of these processes a postmaster that lives, which Velo cannot have seen: one that somebody
/// started outside of the container that its cluster is for, or in one. Its children's titles begin
/// with "postgres: ".
std::optional<pid_t> postmaster_among(const std::vector<pid_t>& processes) {
  for (const pid_t pid : processes) {
    if (title_of(pid).ends_with("postgres")) return pid;
  }
  return std::nullopt;
}

std::unexpected<Error> is_foreign(pid_t postmaster, const fs::path& pgdata) {
  return fail_with_hint(
      Errc::in_use,
      fmt::format("a server that Velo did not start, pid {}, runs on {}", postmaster,
                  pgdata.string()),
      fmt::format("stop it: kill -INT {} (or docker stop, if it is in a container); then try again",
                  postmaster));
}

}  // namespace

Result<void> await_last_backend(const fs::path& pgdata, std::chrono::milliseconds patience) {
  if (!path_exists(pgdata / "postmaster.pid")) return {};  // it ends in good order
  const Deadline deadline(patience);
  for (;;) {
    const auto left = TRY(processes_in(pgdata));
    if (left.empty()) return {};
    const auto process = Process::watch(left.front());
    if (process && TRY(process->wait(deadline.left()))) continue;
    if (!deadline.passed()) continue;
    if (const auto postmaster = postmaster_among(left)) return is_foreign(*postmaster, pgdata);
    return fail_with_hint(
        Errc::in_use,
        fmt::format("a process of an earlier server, pid {}, still works on {}", left.front(),
                    pgdata.string()),
        fmt::format("its postmaster was killed; end it: kill -9 {}", left.front()));
  }
}

Result<void> end_orphans(const fs::path& pgdata, std::chrono::milliseconds patience) {
  if (!path_exists(pgdata / "postmaster.pid")) return {};
  const auto left = TRY(processes_in(pgdata));
  if (const auto postmaster = postmaster_among(left)) return is_foreign(*postmaster, pgdata);
  const Deadline deadline(patience);
  for (const pid_t pid : left) {
    if (!title_of(pid).starts_with("postgres: ")) continue;  // somebody's shell
    const auto process = Process::watch(pid);
    if (!process) continue;
    (void)process->signal(SIGKILL);  // one that has ended by itself will do
    if (TRY(process->wait(deadline.left()))) continue;
    return fail(Errc::server,
                "the process {} of a server that was killed does not end, not even when killed",
                pid);
  }
  return {};
}

Result<void> clear_leftovers(const fs::path& pgdata, const fs::path& run_directory, int port,
                             std::chrono::milliseconds patience) {
  TRY(await_last_backend(pgdata, patience));
  TRY(remove_file(pgdata / "postmaster.pid"));
  const std::string socket = fmt::format(".s.PGSQL.{}", port);
  TRY(remove_file(run_directory / socket));
  return remove_file(run_directory / (socket + ".lock"));
}

}  // namespace velo::runtime
