// The machine: what it is, and how many servers its kernel lets it run.

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/files.h"
#include "base/os_user.h"
#include "base/text.h"
#include "engine/check_parts.h"

namespace velo::engine {
namespace {

/// pidfd_open(2) came with 5.3.
constexpr std::pair oldest_kernel{5, 3};
/// An idle server is its postmaster and five others (checkpointer, background writer, WAL writer,
/// the launchers of autovacuum and of logical replication); then come connections.
constexpr std::uint64_t processes_of_a_server = 8;
/// An idle server of six processes holds about a hundred.
constexpr std::uint64_t descriptors_of_a_server = 120;
/// PostgreSQL needs about as many for itself, and works with fewer files open at once below it.
constexpr rlim_t fewest_descriptors = 1024;
constexpr std::uint64_t little_room = 10;

std::optional<std::uint64_t> number_in(std::string_view text) {
  const std::string_view word = trim(text);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end == word.data()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> number_at(const fs::path& path) {
  return number_in(read_file(path).value_or(""));
}

std::string name_of_system() {
  constexpr std::string_view key = "PRETTY_NAME=";
  const std::string text = read_file("/etc/os-release").value_or("");
  for (std::string_view line : lines_of(text)) {
    if (!line.starts_with(key)) continue;
    line.remove_prefix(key.size());
    if (line.size() >= 2 && line.front() == '"') line = line.substr(1, line.size() - 2);
    return std::string(line);
  }
  return "Linux";
}

void check_kernel(Findings& findings) {
  utsname name{};
  ::uname(&name);
  const std::string release = name.release;
  std::pair version{0, 0};
  const char* const end = release.data() + release.size();
  const auto [dot, ignored] = std::from_chars(release.data(), end, version.first);
  if (dot != end) std::from_chars(dot + 1, end, version.second);
  const std::string text =
      fmt::format("{}, {} {}, {}", name_of_system(), name.sysname, release, name.machine);
  if (version < oldest_kernel) {
    findings.add(
        Level::error, "system.kernel", {}, text,
        fmt::format("Velo needs Linux {}.{} or newer", oldest_kernel.first, oldest_kernel.second));
  } else {
    findings.ok("system.kernel", {}, text);
  }
}

/// One thing that the kernel has only so many of.
struct Limit {
  std::string name;    ///< "kernel.shmmni"
  std::string things;  ///< "System V segments"
  std::uint64_t most = 0;
  std::uint64_t taken = 0;
  std::uint64_t of_a_server = 1;
  std::string hint;

  std::uint64_t room() const { return taken >= most ? 0 : (most - taken) / of_a_server; }
};

std::uint64_t tasks() {
  const std::string load = read_file("/proc/loadavg").value_or("");  // "0.1 0.2 0.3 1/234 4711"
  const std::size_t slash = load.find('/');
  return slash == std::string::npos
             ? 0
             : number_in(std::string_view(load).substr(slash + 1)).value_or(0);
}

std::uint64_t processes_of_this_user() {
  std::uint64_t count = 0;
  for (const std::string& name : list_directory("/proc").value_or(std::vector<std::string>{})) {
    struct stat status{};
    if (name.front() < '0' || name.front() > '9') continue;
    const fs::path path = fs::path("/proc") / name;
    if (::stat(path.c_str(), &status) == 0 && status.st_uid == ::geteuid()) ++count;
  }
  return count;
}

/// The tightest pids.max from this process's control group up: TasksMax, as systemd calls it.
/// Servers start in the group of the command that starts them.
std::optional<Limit> tasks_max() {
  std::optional<Limit> tightest;
  const std::string groups = read_file("/proc/self/cgroup").value_or("");
  for (const std::string_view line : lines_of(groups)) {  // "0::/user.slice/…", "5:pids:/…"
    const auto parts = split(line, ':');
    if (parts.size() < 3) continue;
    const bool unified = parts[0] == "0" && parts[1].empty();
    if (!unified && parts[1] != "pids") continue;
    const fs::path base = unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/pids";
    for (fs::path group = fs::path(std::string(parts[2]));; group = group.parent_path()) {
      const fs::path directory = base / group.relative_path();
      const auto most = number_at(directory / "pids.max");  // none for "max"
      const auto taken = number_at(directory / "pids.current");
      if (most && taken) {
        const Limit limit{
            .name = fmt::format("TasksMax of {}", group.string()),
            .things = "processes",
            .most = *most,
            .taken = *taken,
            .of_a_server = processes_of_a_server,
            .hint = fmt::format("raise it: systemctl set-property {} TasksMax=infinity",
                                group.filename().string())};
        if (!tightest || limit.room() < tightest->room()) tightest = limit;
      }
      if (!group.has_relative_path()) break;
    }
  }
  return tightest;
}

std::string sysctl(std::string_view name) {
  return fmt::format("raise it: sysctl -w {}=…, and in /etc/sysctl.d for after a reboot", name);
}

std::vector<Limit> limits() {
  std::vector<Limit> all;
  if (const auto most = number_at("/proc/sys/kernel/shmmni")) {
    const std::string segments = read_file("/proc/sysvipc/shm").value_or("");
    const std::size_t lines = lines_of(segments).size();
    all.push_back({.name = "kernel.shmmni",
                   .things = "System V segments, of which a server takes one",
                   .most = *most,
                   .taken = lines > 0 ? lines - 1 : 0,
                   .hint = sysctl("kernel.shmmni")});
  }
  for (const char* name : {"pid_max", "threads-max"}) {
    if (const auto most = number_at(fs::path("/proc/sys/kernel") / name)) {
      all.push_back({.name = fmt::format("kernel.{}", name),
                     .things = "processes",
                     .most = *most,
                     .taken = tasks(),
                     .of_a_server = processes_of_a_server,
                     .hint = sysctl(fmt::format("kernel.{}", name))});
    }
  }
  if (auto limit = tasks_max()) all.push_back(std::move(*limit));
  rlimit processes{};
  if (!running_as_root() && ::getrlimit(RLIMIT_NPROC, &processes) == 0 &&
      processes.rlim_cur != RLIM_INFINITY) {
    all.push_back({.name = "ulimit -u",
                   .things = "processes of this user",
                   .most = processes.rlim_cur,
                   .taken = processes_of_this_user(),
                   .of_a_server = processes_of_a_server,
                   .hint = "raise nproc in /etc/security/limits.conf, and log in again"});
  }
  const std::string files = read_file("/proc/sys/fs/file-nr").value_or("");  // "taken 0 most"
  const auto words = split(trim(files), '\t');
  if (words.size() == 3) {
    all.push_back({.name = "fs.file-max",
                   .things = "open files",
                   .most = number_in(words[2]).value_or(0),
                   .taken = number_in(words[0]).value_or(0),
                   .of_a_server = descriptors_of_a_server,
                   .hint = sysctl("fs.file-max")});
  }
  return all;
}

}  // namespace

void check_system(Findings& findings, const std::string& version, std::size_t branches) {
  findings.ok("system.velo", {}, fmt::format("velo {}", version));
  check_kernel(findings);
  const std::vector<Limit> all = limits();
  const auto tightest = std::ranges::min_element(all, {}, &Limit::room);
  for (const Limit& limit : all) {
    if (limit.room() >= little_room) continue;
    findings.add(Level::warning, "system.limit", limit.name,
                 fmt::format("{} is nearly reached: of {} {}, {} are taken, which leaves room for "
                             "{} more servers",
                             limit.name, limit.most, limit.things, limit.taken, limit.room()),
                 limit.hint);
  }
  if (tightest != all.end() && tightest->room() >= little_room) {
    findings.ok("system.limit", tightest->name,
                fmt::format("the kernel's limits leave room for {} servers beside the {} that "
                            "should run; the first to be reached is {} ({})",
                            tightest->room(), branches, tightest->name, tightest->most));
  }
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < fewest_descriptors) {
    findings.add(
        Level::warning, "system.descriptors", {},
        fmt::format("a process may open {} files only: servers started now have to close "
                    "and reopen theirs",
                    files.rlim_cur),
        fmt::format("raise it before starting branches: ulimit -n {}", fewest_descriptors));
  }
}

}  // namespace velo::engine
