#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "base/fault.h"

namespace velo {
namespace {

void trace(std::string_view name) {
  const char* path = std::getenv("VELO_FAULT_TRACE");
  if (path == nullptr) return;
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) return;
  const std::string line = std::string(name) + "\n";
  if (::write(fd, line.data(), line.size()) < 0) ::_exit(97);
  ::close(fd);
}

/// The action that VELO_FAULT asks for at this point; empty for none.
std::string_view action_at(std::string_view name) {
  const char* value = std::getenv("VELO_FAULT");
  std::string_view rest = value == nullptr ? "" : value;
  while (!rest.empty()) {
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    const size_t equals = item.rfind('=');
    if (equals != std::string_view::npos && item.substr(0, equals) == name) {
      return item.substr(equals + 1);
    }
  }
  return {};
}

}  // namespace

Result<void> fault_point(std::string_view name) {
  trace(name);
  const std::string_view action = action_at(name);
  if (action == "kill") ::kill(::getpid(), SIGKILL);
  if (action == "error") return fail(Errc::failed, "fault injected at {}", name);
  if (action == "wait") {
    const char* gate = std::getenv("VELO_FAULT_GATE");
    while (gate != nullptr && ::access(gate, F_OK) == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
  return {};
}

}  // namespace velo
