#include "engine/limits.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/files.h"
#include "base/os_user.h"
#include "base/text.h"
#include "engine/proc_file.h"

namespace velo::engine {
namespace {

namespace fs = std::filesystem;

/// An idle server is its postmaster and six others (checkpointer, background writer, WAL writer,
/// archiver, the launchers of autovacuum and of logical replication); then comes a connection.
constexpr std::uint64_t processes_of_a_server = 8;
/// An idle server holds about a hundred.
constexpr std::uint64_t descriptors_of_a_server = 120;
constexpr std::uint64_t mebibyte = 1U << 20U;

std::optional<std::uint64_t> number_at(const fs::path& path) {
  return number_in(read_file(path).value_or(""));
}

std::string sysctl(std::string_view name) {
  return fmt::format("raise it: sysctl -w {}=…, and in /etc/sysctl.d for after a reboot", name);
}

std::uint64_t tasks(const fs::path& proc) {
  const std::string load = read_file(proc / "loadavg").value_or("");  // "0.1 0.2 0.3 1/234 4711"
  const std::size_t slash = load.find('/');
  return slash == std::string::npos
             ? 0
             : number_in(std::string_view(load).substr(slash + 1)).value_or(0);
}

std::uint64_t processes_of_this_user(const fs::path& proc) {
  std::uint64_t count = 0;
  for (const std::string& name : list_directory(proc).value_or(std::vector<std::string>{})) {
    struct stat status{};
    if (name.front() < '0' || name.front() > '9') continue;
    const fs::path path = proc / name;
    if (::stat(path.c_str(), &status) == 0 && status.st_uid == ::geteuid()) ++count;
  }
  return count;
}

/// A control group from this process's own up, in the hierarchy of a controller.
struct Group {
  std::string name;
  fs::path directory;
  bool unified = false;
};

/// Servers start in the group of the command that starts them.
std::vector<Group> groups_of(const fs::path& root, std::string_view controller) {
  std::vector<Group> found;
  const std::string groups = read_file(root / "proc/self/cgroup").value_or("");
  for (const std::string_view line : lines_of(groups)) {  // "0::/user.slice/…", "5:pids:/…"
    const auto parts = split(line, ':');
    if (parts.size() < 3) continue;
    const bool unified = parts[0] == "0" && parts[1].empty();
    if (!unified && parts[1] != controller) continue;
    const fs::path base =
        unified ? root / "sys/fs/cgroup" : root / "sys/fs/cgroup" / std::string(controller);
    for (fs::path group = fs::path(std::string(parts[2]));; group = group.parent_path()) {
      found.push_back(
          {.name = group.string(), .directory = base / group.relative_path(), .unified = unified});
      if (!group.has_relative_path()) break;
    }
  }
  return found;
}

std::string raise(const Group& group, std::string_view property) {
  return fmt::format("raise it: systemctl set-property {} {}=infinity",
                     fs::path(group.name).filename().string(), property);
}

/// pids.max: TasksMax, as systemd calls it. "max" is no number.
void add_tasks_max(const fs::path& root, std::vector<Limit>& all) {
  for (const Group& group : groups_of(root, "pids")) {
    const auto most = number_at(group.directory / "pids.max");
    const auto taken = number_at(group.directory / "pids.current");
    if (!most || !taken) continue;
    all.push_back({.name = fmt::format("TasksMax of {}", group.name),
                   .things = "processes",
                   .most = *most,
                   .taken = *taken,
                   .of_a_server = processes_of_a_server,
                   .hint = raise(group, "TasksMax")});
  }
}

/// memory.max: MemoryMax. What the kernel can drop of files counts as free.
void add_memory_max(const fs::path& root, std::uint64_t whole, std::vector<Limit>& all) {
  for (const Group& group : groups_of(root, "memory")) {
    const auto most =
        number_at(group.directory / (group.unified ? "memory.max" : "memory.limit_in_bytes"));
    const auto used =
        number_at(group.directory / (group.unified ? "memory.current" : "memory.usage_in_bytes"));
    // Where there is none, version 1 says a number that no machine has.
    if (!most || !used || *most / mebibyte >= whole) continue;
    const std::string stat = read_file(group.directory / "memory.stat").value_or("");
    const auto files =
        number_behind(stat, group.unified ? "inactive_file " : "total_inactive_file ").value_or(0);
    all.push_back({.name = fmt::format("MemoryMax of {}", group.name),
                   .things = "MiB",
                   .most = *most / mebibyte,
                   .taken = (*used - std::min(*used, files)) / mebibyte,
                   .of_a_server = memory_of_a_server,
                   .hint = raise(group, "MemoryMax")});
  }
}

void add_memory(const fs::path& root, std::vector<Limit>& all) {
  constexpr std::uint64_t kilo = 1024;
  const std::string text = read_file(root / "proc/meminfo").value_or("");
  const auto whole = number_behind(text, "MemTotal:");
  const auto available = number_behind(text, "MemAvailable:");
  if (!whole || !available) return;
  all.push_back({.name = "memory",
                 .things = "MiB",
                 .most = *whole / kilo,
                 .taken = (*whole - std::min(*whole, *available)) / kilo,
                 .of_a_server = memory_of_a_server,
                 .hint = "stop branches that nobody needs, or give them less with --pg-conf: "
                         "docs/performance.md has a small profile"});
  add_memory_max(root, *whole / kilo, all);
}

}  // namespace

std::vector<Limit> limits(const fs::path& root) {
  std::vector<Limit> all;
  const fs::path proc = root / "proc";
  if (const auto most = number_at(proc / "sys/kernel/shmmni")) {
    const std::string segments = read_file(proc / "sysvipc/shm").value_or("");
    const std::size_t lines = lines_of(segments).size();
    all.push_back({.name = "kernel.shmmni",
                   .things = "System V segments, of which a server takes one",
                   .most = *most,
                   .taken = lines > 0 ? lines - 1 : 0,
                   .hint = sysctl("kernel.shmmni")});
  }
  for (const char* name : {"pid_max", "threads-max"}) {
    if (const auto most = number_at(proc / "sys/kernel" / name)) {
      all.push_back({.name = fmt::format("kernel.{}", name),
                     .things = "processes",
                     .most = *most,
                     .taken = tasks(proc),
                     .of_a_server = processes_of_a_server,
                     .hint = sysctl(fmt::format("kernel.{}", name))});
    }
  }
  add_tasks_max(root, all);
  rlimit processes{};
  if (!running_as_root() && ::getrlimit(RLIMIT_NPROC, &processes) == 0 &&
      processes.rlim_cur != RLIM_INFINITY) {
    all.push_back({.name = "ulimit -u",
                   .things = "processes of this user",
                   .most = processes.rlim_cur,
                   .taken = processes_of_this_user(proc),
                   .of_a_server = processes_of_a_server,
                   .hint = "raise nproc in /etc/security/limits.conf, and log in again"});
  }
  const std::string files = read_file(proc / "sys/fs/file-nr").value_or("");  // "taken 0 most"
  const auto words = split(trim(files), '\t');
  if (words.size() == 3) {
    all.push_back({.name = "fs.file-max",
                   .things = "open files",
                   .most = number_in(words[2]).value_or(0),
                   .taken = number_in(words[0]).value_or(0),
                   .of_a_server = descriptors_of_a_server,
                   .hint = sysctl("fs.file-max")});
  }
  add_memory(root, all);
  std::ranges::stable_sort(all, {}, &Limit::room);
  return all;
}

std::string to_words(const std::vector<Limit>& limits, std::uint64_t beside, std::size_t names) {
  std::vector<std::string> words;
  for (const Limit& limit : limits) {
    if (words.size() == names) break;
    words.push_back(fmt::format("{} ({}{}) at about {}", limit.name, limit.most,
                                limit.things == "MiB" ? " MiB" : "", beside + limit.room()));
  }
  return fmt::format("{}", fmt::join(words, ", "));
}

}  // namespace velo::engine
