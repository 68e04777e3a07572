#include "support/caretakers.h"

#include <fcntl.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <string>

#include "base/fd.h"
#include "base/files.h"
#include "engine/home.h"
#include "support/wait.h"

namespace velo::test {
namespace {

/// A file of /proc/PID. Nothing of a process that has just ended, and of a thread of the kernel.
/// Whoever started a process goes on while its exec has yet to write its arguments (execve(2) after
/// vfork(2)): they are waited for.
std::string content_of(const fs::path& process, const std::string& file) {
  std::string content;
  wait_until(
      [&] {
        content = read_file(process / file).value_or("");
        std::error_code ended;
        fs::read_symlink(process / "exe", ended);
        return !content.empty() || ended;
      },
      std::chrono::seconds(2));
  return content;
}

}  // namespace

std::vector<int> caretakers_of(const fs::path& home) {
  const std::string word("\0__caretaker\0", 13);
  const std::string variable = '\0' + ("VELO_HOME=" + home.string()) + '\0';
  std::vector<int> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    int pid = 0;
    std::from_chars(name.data(), name.data() + name.size(), pid);
    if (pid == 0 || !content_of(entry.path(), "cmdline").ends_with(word)) continue;
    if (('\0' + content_of(entry.path(), "environ")).find(variable) != std::string::npos) {
      found.push_back(pid);
    }
  }
  return found;
}

bool is_without_caretaker(const fs::path& home) {
  if (!caretakers_of(home).empty()) return false;
  const Fd file(::open(engine::Home::at(home).lock_file("caretaker").c_str(), O_RDWR | O_CLOEXEC));
  if (!file) return errno == ENOENT;
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return ::fcntl(file.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
}

void kill_caretakers_of(const fs::path& home) {
  for (const int pid : caretakers_of(home)) ::kill(pid, SIGKILL);
  wait_until([&] { return is_without_caretaker(home); });
}

}  // namespace velo::test
