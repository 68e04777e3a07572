#include "support/caretakers.h"

#include <csignal>
#include <cstdlib>
#include <string>

#include "base/files.h"
#include "support/wait.h"

namespace velo::test {
namespace {

/// Nothing of a process that has just ended.
std::string content_of(const fs::path& path) {
  return read_file(path).value_or("");
}

}  // namespace

std::vector<int> caretakers_of(const fs::path& home) {
  const std::string word("\0__caretaker\0", 13);
  const std::string variable = '\0' + ("VELO_HOME=" + home.string()) + '\0';
  std::vector<int> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const int pid = std::atoi(entry.path().filename().c_str());
    if (pid == 0 || !content_of(entry.path() / "cmdline").ends_with(word)) continue;
    if (('\0' + content_of(entry.path() / "environ")).find(variable) != std::string::npos) {
      found.push_back(pid);
    }
  }
  return found;
}

void kill_caretakers_of(const fs::path& home) {
  for (const int pid : caretakers_of(home)) ::kill(pid, SIGKILL);
  wait_until([&] { return caretakers_of(home).empty(); });
}

}  // namespace velo::test
