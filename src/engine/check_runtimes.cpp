// Runtimes, and what opens clusters: builds on this machine, and those that branches need.

#include <algorithm>

#include "base/files.h"
#include "base/os_user.h"
#include "base/text.h"
#include "base/time_limit.h"
#include "engine/check_parts.h"
#include "postgres/build.h"
#include "runtime/registry.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

constexpr auto builds_patience = 5s;
constexpr auto build_patience = 3s;

bool is_used(const Known* known, const std::string& runtime) {
  return known != nullptr && std::ranges::any_of(known->lives, [&](const Life& life) {
           return !life.kept && life.b.project.runtime == runtime;
         });
}

/// Whether any branch's server is a process of this machine.
bool has_processes(const Known* known) {
  return known != nullptr && std::ranges::any_of(known->lives, [](const Life& life) {
           return !life.kept && !life.b.incarnation.bin_directory.empty();
         });
}

/// A build that branches need, and who needs it.
struct Needed {
  std::string runtime;
  runtime::Build build;
  std::vector<std::string> branches;

  bool is(const Life& life) const {
    const auto& incarnation = life.b.incarnation;
    return runtime == life.b.project.runtime && build.bin == incarnation.bin_directory &&
           build.image == incarnation.image && build.digest == incarnation.image_digest;
  }
  std::string name() const { return build.image.empty() ? build.bin.string() : build.image; }
};

std::vector<Needed> needed_by(const Known& known) {
  std::vector<Needed> all;
  for (const Life& life : known.lives) {
    if (life.kept) continue;
    auto found = std::ranges::find_if(all, [&](const Needed& one) { return one.is(life); });
    if (found == all.end()) {
      const auto& incarnation = life.b.incarnation;
      all.push_back({.runtime = life.b.project.runtime,
                     .build = {.major = life.b.project.pg_major,
                               .version = incarnation.pg_version,
                               .bin = incarnation.bin_directory,
                               .image = incarnation.image,
                               .digest = incarnation.image_digest,
                               .owner = {}},
                     .branches = {}});
      found = std::prev(all.end());
    }
    found->branches.push_back(life.b.full_name());
  }
  return all;
}

/// "demo/dev", "demo/dev and demo/x", "demo/dev, demo/x and 7 more"
std::string some_of(const std::vector<std::string>& branches) {
  constexpr std::size_t most = 3;
  if (branches.size() <= most) return join_words(branches);
  return fmt::format("{}, {} and {} more", branches[0], branches[1], branches.size() - 2);
}

void check_needed(Findings& findings, const Known& known, const Cancellation& cancel) {
  for (const Needed& needed : needed_by(known)) {
    const auto answer = known.runtimes.find(needed.runtime);
    if (answer == known.runtimes.end() || !answer->second.holds) continue;  // told under Runtime
    const TimeLimit limit(build_patience, cancel);
    const auto found = answer->second.runtime->find_build(needed.build, limit.cancel());
    if (!found) {
      findings.add(Level::error, "versions.needed", needed.name(),
                   fmt::format("{}; {} cannot start without it", found.error().message,
                               some_of(needed.branches)),
                   found.error().hint);
    } else if (!found->empty()) {
      findings.add(
          Level::warning, "versions.needed", needed.name(),
          fmt::format("{} would be opened by another build: {}", some_of(needed.branches), *found),
          "what that changes of collations is told when they start");
    } else if (!needed.build.image.empty()) {
      findings.ok("versions.needed", needed.name(),
                  fmt::format("the image {} is there (PostgreSQL {})", needed.build.image,
                              needed.build.version));
    }
  }
}

}  // namespace

void check_runtimes(Findings& findings, const std::map<std::string, RuntimeAnswer>& runtimes,
                    const Known* known) {
  bool any = false;
  for (const runtime::RuntimeInfo& info : runtime::runtimes()) {
    const std::string name(info.name);
    const RuntimeAnswer& answer = runtimes.at(name);
    if (answer.serves) {
      any = true;
      findings.ok("runtime.serves", name, fmt::format("{}: {}", name, *answer.serves));
    } else if (is_used(known, name)) {
      findings.failed(Level::error, "runtime.serves", name, answer.serves.error());
    } else {
      findings.add(Level::info, "runtime.serves", name,
                   fmt::format("{}: {}", name, answer.serves.error().message),
                   answer.serves.error().hint);
    }
  }
  if (!any) {
    findings.add(Level::error, "runtime.none", {}, "nothing here can run a server",
                 "install PostgreSQL (apt install postgresql) or Docker");
  }
  if (const auto user = Home::server_user(); !user) {
    findings.failed(has_processes(known) ? Level::error : Level::warning, "runtime.user", {},
                    user.error());
  } else if (running_as_root()) {
    findings.ok("runtime.user", user->name,
                fmt::format("servers that are processes run as {}", user->name));
  }
}

void check_versions(Findings& findings, const CheckRequest& request, const Known* known,
                    const Cancellation& cancel) {
  const TimeLimit limit(builds_patience, cancel);
  const auto builds = postgres::find_builds(request.home, request.path_variable, limit.cancel());
  if (!builds) {
    findings.add(Level::warning, "versions.builds", {},
                 "the PostgreSQL builds of this machine do not say their versions in time",
                 "try one: /usr/lib/postgresql/*/bin/postgres --version");
  } else if (builds->empty()) {
    findings.add(Level::info, "versions.builds", {},
                 "no PostgreSQL server is installed; containers bring their own",
                 "install one: apt install postgresql");
  } else {
    for (const postgres::Build& build : *builds) {
      const bool known_major =
          build.major >= postgres::oldest_major && build.major <= postgres::newest_major;
      findings.add(known_major ? Level::ok : Level::info, "versions.builds", build.bin.string(),
                   fmt::format("PostgreSQL {} in {}{}", build.version, build.bin.string(),
                               known_major ? "" : ", which Velo does not know"));
    }
  }
  if (known != nullptr) check_needed(findings, *known, cancel);
}

}  // namespace velo::engine
