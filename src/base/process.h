// Child processes: run one to its end, or start one that outlives this program.
//
// argv only, never a shell. The environment is exactly what is given. Children inherit no
// descriptor but 0, 1 and 2. A program that cannot be executed is an error here, not an exit
// status.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/os_user.h"

namespace velo {

struct Command {
  std::vector<std::string> argv;         ///< argv[0] is an absolute path
  std::vector<std::string> environment;  ///< "NAME=value", the whole of it
  std::optional<OsUser> user;            ///< run as this user (needs root); supplementary groups go
  std::filesystem::path directory = "/";  ///< working directory
  std::string input;                      ///< what the child reads from its standard input
};

/// PATH, HOME and LANG=C.UTF-8: what a server or a tool of PostgreSQL's needs and nothing of the
/// caller's own environment.
std::vector<std::string> clean_environment();

struct Outcome {
  int exit_status = 0;  ///< the exit code, or 128 + the number of the signal that ended it
  std::string out;
  std::string err;
};

/// Runs to the end. At `patience`, or when cancelled, the child's session is killed and the result
/// is Errc::failed or Errc::interrupted.
Result<Outcome> run(const Command& command, std::chrono::milliseconds patience,
                    const Cancellation& cancel);

/// A started process, watched through a pidfd, so that a pid that was reused is never mistaken.
class Process {
 public:
  /// Watches a process that is no child of ours; Errc::not_found when there is none.
  static Result<Process> watch(pid_t pid);

  pid_t pid() const { return pid_; }
  /// The pidfd, for poll(2): readable once the process has ended.
  int descriptor() const { return pidfd_.get(); }
  /// Waits until it ends; false when `patience` went by first.
  Result<bool> wait(std::chrono::microseconds patience) const;
  /// Errc::not_found when it has ended.
  Result<void> signal(int number) const;

 private:
  friend Result<Process> start_detached(const Command&, int);
  Process(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_;
  Fd pidfd_;
};

/// Starts a program in a session of its own, stdin from /dev/null, stdout and stderr to `output` (a
/// descriptor of the caller's). It outlives this program; while we live it is our child, and wait()
/// reaps it.
Result<Process> start_detached(const Command& command, int output);

/// Whether process `pid` runs the file that `program` is now, with libraries that are all still in
/// their places: an upgrade puts new files there, and what runs keeps the deleted ones (proc(5),
/// /proc/PID/maps). false too when that process may not be looked at.
bool runs_program(pid_t pid, const std::filesystem::path& program);

}  // namespace velo
