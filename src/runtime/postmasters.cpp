#include "runtime/postmasters.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <string>

#include "base/files.h"
#include "base/text.h"

namespace velo::runtime {
namespace {

using Inode = std::pair<dev_t, ino_t>;

std::optional<Inode> inode_of(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return Inode{status.st_dev, status.st_ino};
}

/// When the machine started (proc(5): btime).
std::chrono::sys_seconds boot_time() {
  const std::string text = read_file("/proc/stat").value_or("");
  const size_t at = text.find("btime ");
  const long long seconds = at == std::string::npos ? 0 : std::atoll(text.c_str() + at + 6);
  return std::chrono::sys_seconds(std::chrono::seconds(seconds));
}

struct Candidate {
  pid_t pid = 0;
  pid_t parent = 0;
  std::chrono::seconds after_boot{};
};

/// One that is named as postmasters and their children are.
std::optional<Candidate> candidate(const std::string& pid) {
  const std::string text = read_file("/proc/" + pid + "/stat").value_or("");
  // The name may hold anything but ends with the last bracket; then come state, ppid and, as the
  // 20th, the start in clock ticks after boot (proc(5)).
  const size_t end = text.rfind(')');
  if (end == std::string::npos || text.find("(post") == std::string::npos) return std::nullopt;
  const auto fields = split(std::string_view(text).substr(end + 2), ' ');
  constexpr size_t parent = 1;
  constexpr size_t start = 19;
  if (fields.size() <= start) return std::nullopt;
  return Candidate{.pid = std::atoi(pid.c_str()),
                   .parent = std::atoi(std::string(fields[parent]).c_str()),
                   .after_boot = std::chrono::seconds(
                       std::atoll(std::string(fields[start]).c_str()) / ::sysconf(_SC_CLK_TCK))};
}

}  // namespace

std::vector<std::optional<Postmaster>> postmasters_in(const std::vector<fs::path>& pgdatas) {
  std::vector<std::optional<Postmaster>> found(pgdatas.size());
  std::map<Inode, size_t> wanted;
  for (size_t i = 0; i < pgdatas.size(); ++i) {
    if (const auto inode = inode_of(pgdatas[i])) wanted.emplace(*inode, i);
  }
  std::map<size_t, std::vector<Candidate>> workers;
  for (const std::string& name : list_directory("/proc").value_or(std::vector<std::string>{})) {
    if (!std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) continue;
    const auto inode = inode_of("/proc/" + name + "/cwd");
    const auto where = inode ? wanted.find(*inode) : wanted.end();
    if (where == wanted.end()) continue;
    if (const auto one = candidate(name)) workers[where->second].push_back(*one);
  }
  const auto boot = boot_time();
  for (const auto& [index, processes] : workers) {
    std::set<pid_t> pids;
    for (const Candidate& one : processes) pids.insert(one.pid);
    for (const Candidate& one : processes) {
      if (pids.contains(one.parent)) continue;  // a child of the postmaster's
      found[index] = Postmaster{.pid = one.pid, .started_at = boot + one.after_boot};
      break;
    }
  }
  return found;
}

}  // namespace velo::runtime
