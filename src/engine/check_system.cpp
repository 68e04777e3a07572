// The machine: what it is, and how many servers its kernel lets it run.

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <charconv>

#include "base/files.h"
#include "base/text.h"
#include "engine/check_parts.h"
#include "engine/limits.h"

namespace velo::engine {
namespace {

/// pidfd_open(2) came with 5.3.
constexpr std::pair oldest_kernel{5, 3};
/// PostgreSQL needs about as many for itself, and works with fewer files open at once below it.
constexpr rlim_t fewest_descriptors = 1024;
constexpr std::uint64_t little_room = 10;

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

}  // namespace

void check_system(Findings& findings, const std::string& version, std::size_t branches) {
  findings.ok("system.velo", {}, fmt::format("velo {}", version));
  check_kernel(findings);
  const std::vector<Limit> all = limits();
  for (const Limit& limit : all) {
    if (limit.room() >= little_room) continue;
    findings.add(Level::warning, "system.limit", limit.name,
                 fmt::format("{} is nearly reached: of {} {}, {} are taken, which leaves room for "
                             "{} more servers",
                             limit.name, limit.most, limit.things, limit.taken, limit.room()),
                 limit.hint);
  }
  if (!all.empty() && all.front().room() >= little_room) {
    constexpr std::size_t names = 4;
    findings.ok("system.limit", all.front().name,
                fmt::format("room for about {} idle servers beside the {} that should run: of the "
                            "machine's limits the first to be reached are {}",
                            all.front().room(), branches, to_words(all, branches, names)));
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
