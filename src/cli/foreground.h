// Programs in the foreground: they share this one's terminal, and its signals are theirs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"

namespace velo::cli {

struct Program {
  std::vector<std::string> argv;  ///< argv[0] is looked for in PATH as a shell does
  std::vector<std::string> environment;
};

/// Starts all of them, calls `started`, and waits until the last has ended. What the terminal sends
/// (Ctrl-C, Ctrl-\, Ctrl-Z) reaches them by itself; SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and
/// SIGUSR2 that were sent to this process are passed on to each. When this process is killed they
/// are sent SIGTERM.
///
/// The exit code of the first that failed, else 0: its own, 128 + the signal that ended it, 127 for
/// a program that was not found, 126 for one that cannot be executed.
Result<int> run_in_foreground(const std::vector<Program>& programs,
                              const std::function<void()>& started);

}  // namespace velo::cli
