#include "bench/machine.h"

#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/files.h"
#include "base/size.h"
#include "base/text.h"
#include "base/time.h"
#include "bench/tools.h"

namespace velo::bench {
namespace {

/// The value of the first line of a file that begins with `key`, without quotes.
std::string line_after(const fs::path& file, const std::string& key) {
  std::ifstream in(file);
  constexpr std::string_view around = " \t:=\"";
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t from = line.find_first_not_of(around, key.size());
    const std::size_t to = line.find_last_not_of(around);
    if (from != std::string::npos) return line.substr(from, to - from + 1);
  }
  return "unknown";
}

std::string memory() {
  const auto bytes = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                     static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return to_size(bytes);
}

std::string kernel() {
  utsname name{};
  return ::uname(&name) == 0 ? fmt::format("{} {}", name.sysname, name.release) : "unknown";
}

std::string load_average() {
  double loads[3] = {};
  if (::getloadavg(loads, 3) != 3) return "unknown";
  return fmt::format("{:.2f} {:.2f} {:.2f}", loads[0], loads[1], loads[2]);
}

/// "btrfs on /dev/loop0 (rw,noatime,…)" of what is mounted where `place` is.
std::string mount_of(const fs::path& place) {
  struct stat status{};
  if (::stat(place.c_str(), &status) != 0) return "missing";
  std::ifstream in("/proc/self/mountinfo");
  std::string best;
  std::size_t longest = 0;
  for (std::string line; std::getline(in, line);) {
    // proc_pid_mountinfo(5): … (5) mount point (6) options … - (9) type (10) source (11) options
    std::istringstream words(line);
    std::vector<std::string> fields;
    for (std::string word; words >> word;) fields.push_back(word);
    const auto dash = std::ranges::find(fields, "-");
    if (fields.size() < 6 || fields.end() - dash < 4) continue;
    const std::string& point = fields[4];
    const bool holds = point == "/" || place == point || place.string().starts_with(point + "/");
    if (!holds || point.size() < longest) continue;
    longest = point.size();
    best = fmt::format("{} on {} ({},{})", *(dash + 1), *(dash + 2), fields[5], *(dash + 3));
  }
  return best;
}

std::string version_of(const fs::path& program) {
  const auto ran = run_program({program.string(), "--version"}, plain_environment());
  return ran ? std::string(trim(ran->out)) : "none";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> describe_machine(const Options& options) {
  std::vector<std::pair<std::string, std::string>> facts{
      {"date", to_rfc3339(now())},
      {"velo", version_of(options.velo)},
      {"cores", fmt::format("{} × {}", ::sysconf(_SC_NPROCESSORS_ONLN),
                            line_after("/proc/cpuinfo", "model name"))},
      {"memory", memory()},
      {"kernel", kernel()},
      {"system", line_after("/etc/os-release", "PRETTY_NAME")},
      {"load average at the start", load_average()},
      {"server", version_of(debian_bin(15) / "postgres")},
  };
  if (!options.postgres.empty()) {
    facts.emplace_back("server of the rivals", version_of(options.postgres / "18/bin/postgres"));
  }
  if (!options.btrfs.empty()) facts.emplace_back("btrfs", mount_of(options.btrfs));
  if (!options.xfs.empty()) facts.emplace_back("reflink", mount_of(options.xfs));
  if (!options.plain.empty()) facts.emplace_back("copy", mount_of(options.plain));
  facts.emplace_back("data", fmt::format("pgbench, scale {}", options.scale));
  facts.emplace_back("rounds", std::to_string(options.rounds));
  return facts;
}

}  // namespace velo::bench
