#include "runtime/leftovers.h"

#include <sys/stat.h>

#include <algorithm>

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
    return fail_with_hint(
        Errc::in_use,
        fmt::format("a process of an earlier server, pid {}, still works on {}", left.front(),
                    pgdata.string()),
        fmt::format("its postmaster was killed; end it: kill -9 {}", left.front()));
  }
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
