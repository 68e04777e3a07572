#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>

#include "base/fault.h"

namespace velo {
namespace {

void trace(std::string_view name) {
  const char* path = std::getenv("VELO_FAULT_TRACE");
  if (path == nullptr) return;
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) ::_exit(97);  // a point that is passed unseen is one that nobody tests
  const std::string line = std::string(name) + "\n";
  if (::write(fd, line.data(), line.size()) < 0) ::_exit(97);
  ::close(fd);
}

/// How often this process has passed it, this time included.
int times_passed(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, int> passed;
  const std::lock_guard lock(mutex);
  return ++passed[name];
}

/// The action that VELO_FAULT asks for at this point; empty for none.
std::string_view action_at(const std::string& name) {
  const std::string this_time = fmt::format("{}#{}", name, times_passed(name));
  const char* value = std::getenv("VELO_FAULT");
  std::string_view rest = value == nullptr ? "" : value;
  while (!rest.empty()) {
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    const size_t equals = item.rfind('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view wanted = item.substr(0, equals);
    if (wanted == name || wanted == this_time) return item.substr(equals + 1);
  }
  return {};
}

std::string name_of(std::string_view operation, Boundary boundary, std::string_view what) {
  switch (boundary) {
    case Boundary::planned:
      return fmt::format("{}/planned", operation);
    case Boundary::step:
      return fmt::format("{}/{}", operation, what);
    case Boundary::step_done:
      return fmt::format("{}/{}/done", operation, what);
    case Boundary::commit:
      return fmt::format("{}/commit", operation);
    case Boundary::committed:
      return fmt::format("{}/committed", operation);
    case Boundary::finish:
      return fmt::format("{}/finish/{}", operation, what);
    case Boundary::undo:
      return fmt::format("{}/undo/{}", operation, what);
  }
  return {};
}

/// A name that is in no list is tested by nobody.
void require_listed(const std::string& name) {
  if (std::ranges::find(fault_points(), name) != fault_points().end()) return;
  fmt::print(stderr, "the fault point {} has no line in engine/fault_points.cpp\n", name);
  ::_exit(97);
}

Result<void> pass(const std::string& name) {
  require_listed(name);
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

}  // namespace

Result<void> fault_point(std::string_view operation, Boundary boundary, std::string_view what) {
  return pass(name_of(operation, boundary, what));
}

Result<void> fault_point(Fault point) {
  return pass(std::string(name_of(point)));
}

std::chrono::milliseconds patience_for(std::chrono::milliseconds usual) {
  const char* hurry = std::getenv("VELO_FAULT_HURRY");
  return hurry == nullptr ? usual : usual / std::max(1, std::atoi(hurry));
}

}  // namespace velo
