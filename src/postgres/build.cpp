#include "postgres/build.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "postgres/number.h"

namespace velo::postgres {
namespace {

constexpr std::chrono::seconds version_patience{10};

bool executable(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

/// `directory`/<entry>/bin for the entries that begin with `prefix`; nothing where it is missing.
std::vector<fs::path> bins_below(const fs::path& directory, std::string_view prefix) {
  std::vector<fs::path> bins;
  for (const std::string& name : list_directory(directory).value_or(std::vector<std::string>{})) {
    if (name.starts_with(prefix)) bins.push_back(directory / name / "bin");
  }
  return bins;
}

std::vector<fs::path> candidates(const fs::path& home, const std::string& path_variable) {
  std::vector<fs::path> all = bins_below(home / "postgres", "");
  std::ranges::copy(bins_below("/usr/lib/postgresql", ""), std::back_inserter(all));
  std::ranges::copy(bins_below("/usr", "pgsql-"), std::back_inserter(all));
  for (const std::string_view entry : split(path_variable, ':')) {
    if (entry.starts_with('/')) all.emplace_back(entry);
  }
  return all;
}

int major_of(std::string_view version) {
  const std::size_t end = version.find_first_not_of("0123456789");
  return parse_number<int>(version.substr(0, end)).value_or(0);
}

/// Empty for what cannot say its version (a missing library, another machine's binary).
Result<std::optional<Build>> examine(const fs::path& bin, const Cancellation& cancel) {
  const auto outcome =
      run({.argv = {(bin / "postgres").string(), "--version"}, .environment = clean_environment()},
          version_patience, cancel);
  TRY(cancel.check());
  if (!outcome || outcome->exit_status != 0) return std::nullopt;
  auto version = parse_version(outcome->out);
  if (!version) return std::nullopt;
  const int major = major_of(*version);
  return Build{.major = major, .version = std::move(*version), .bin = bin};
}

bool known(const Build& build) {
  return build.major >= oldest_major && build.major <= newest_major;
}

std::string names_of(const std::vector<Build>& builds) {
  std::vector<std::string> names;
  names.reserve(builds.size());
  for (const Build& build : builds) {
    names.push_back(fmt::format("{} ({})", build.major, build.version));
  }
  return join_words(names);
}

}  // namespace

Result<std::vector<Build>> find_builds(const fs::path& home, const std::string& path_variable,
                                       const Cancellation& cancel) {
  std::vector<Build> builds;
  std::set<fs::path> seen;
  for (const fs::path& candidate : candidates(home, path_variable)) {
    std::error_code missing;
    // Some directories in $PATH hold but links to another's programs.
    const fs::path program = fs::canonical(candidate / "postgres", missing);
    if (missing || !seen.insert(program).second) continue;
    if (!executable(candidate / "postgres") || !executable(candidate / "initdb")) continue;
    // By the path that it was found at: a link there can be pointed to the next minor version.
    if (auto build = TRY(examine(candidate, cancel))) builds.push_back(std::move(*build));
  }
  std::ranges::stable_sort(builds, std::ranges::greater{}, &Build::major);
  return builds;
}

Result<Build> choose_build(const std::vector<Build>& builds, int major) {
  if (major != 0 && (major < oldest_major || major > newest_major)) {
    return fail_with_hint(Errc::usage, fmt::format("Velo does not know PostgreSQL {}", major),
                          fmt::format("choose one of {} to {}", oldest_major, newest_major));
  }
  const auto found = std::ranges::find_if(builds, [&](const Build& build) {
    return known(build) && (major == 0 || build.major == major);
  });
  if (found != builds.end()) return *found;
  std::string hint = major == 0
                         ? "install one: apt install postgresql"
                         : fmt::format(
                               "install it: apt install postgresql-{0} (from apt.postgresql.org "
                               "where Debian has no such version), or unpack a build into "
                               "VELO_HOME/postgres/{0}",
                               major);
  if (builds.empty()) {
    return fail_with_hint(Errc::not_found, "no PostgreSQL server is installed on this machine",
                          std::move(hint));
  }
  const std::string wanted =
      major == 0 ? fmt::format("{} to {}", oldest_major, newest_major) : std::to_string(major);
  return fail_with_hint(
      Errc::not_found,
      fmt::format("PostgreSQL {} is not installed; found: {}", wanted, names_of(builds)),
      std::move(hint));
}

Result<std::string> parse_version(std::string_view output) {
  constexpr std::string_view name = "(PostgreSQL) ";
  const std::size_t at = output.find(name);
  if (at != std::string_view::npos) {
    std::string_view version = output.substr(at + name.size());
    version = version.substr(0, version.find_first_of(" \t\r\n"));
    if (major_of(version) > 0) return std::string(version);
  }
  return fail(Errc::failed, "\"{}\" is not what PostgreSQL says as its version", trim(output));
}

}  // namespace velo::postgres
