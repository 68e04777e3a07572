#include "runtime/postmasters.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "base/files.h"
#include "base/text.h"
#include "postgres/number.h"

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
  constexpr std::string_view key = "btime ";
  const std::string text = read_file("/proc/stat").value_or("");
  for (const std::string_view line : lines_of(text)) {
    if (!line.starts_with(key)) continue;
    const auto seconds = postgres::parse_number<std::int64_t>(trim(line.substr(key.size())));
    return std::chrono::sys_seconds(std::chrono::seconds(seconds.value_or(0)));
  }
  return {};
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
  const auto ticks = postgres::parse_number<std::int64_t>(fields[start]).value_or(0);
  return Candidate{.pid = postgres::parse_number<pid_t>(pid).value_or(0),
                   .parent = postgres::parse_number<pid_t>(fields[parent]).value_or(0),
                   .after_boot = std::chrono::seconds(ticks / ::sysconf(_SC_CLK_TCK))};
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
    if (!inode) continue;
    const auto where = wanted.find(*inode);
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
