// VELO_HOME: whether it is there and whose it is, its modes, and the catalog in it; and the groups
// of whoever asks.

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/files.h"
#include "base/groups.h"
#include "base/os_user.h"
#include "catalog/backup.h"
#include "catalog/health.h"
#include "engine/check_parts.h"
#include "engine/setup.h"
#include "runtime/registry.h"

namespace velo::engine {
namespace {

/// docs/architecture.md, "Where things are".
struct Rule {
  fs::path path;
  mode_t wanted;  ///< more than this is open to others
  mode_t needed;  ///< less than this keeps servers or Velo itself out
  std::string why;
};

std::vector<Rule> rules_of(const Home& home) {
  constexpr mode_t own = 0700;
  constexpr mode_t own_file = 0600;
  const mode_t passage = running_as_root() ? 0711 : 0700;
  const fs::path& root = home.root();
  std::vector<Rule> rules{{root, passage, passage, "servers pass through it"},
                          {root / "run", passage, passage, "servers pass through it"},
                          {root / "tls", passage, passage, "servers pass through it"},
                          {root / "private", own, own, "the key and the catalog are in it"},
                          {root / "private/locks", own, own, "commands make their locks in it"},
                          {root / "logs", own, own, "servers' logs are in it"},
                          {root / "private/key", own_file, own_file, "passwords come from it"}};
  for (const char* more : {"", "-wal", "-shm"}) {
    rules.push_back({home.database().string() + more, own_file, own_file, "it is the catalog"});
  }
  const auto projects = list_directory(root / "tls").value_or(std::vector<std::string>{});
  for (const std::string& project : projects) {
    rules.push_back({root / "tls" / project, own, own, "a server's key is in it"});
    rules.push_back(
        {root / "tls" / project / "server.key", own_file, own_file, "a server reads its key"});
  }
  const auto branches = list_directory(root / "run").value_or(std::vector<std::string>{});
  for (const std::string& branch : branches) {
    rules.push_back({root / "run" / branch, own, own, "whoever enters it is a superuser there"});
  }
  return rules;
}

/// What lies below tls and run belongs to whom servers run as, in the end.
bool may_be_a_servers(const Home& home, const fs::path& path) {
  const std::string text = path.string();
  return text.starts_with((home.root() / "tls").string() + "/") ||
         text.starts_with((home.root() / "run").string() + "/");
}

/// Whether all is well with it.
bool check_rule(Findings& findings, const Home& home, const Rule& rule) {
  struct stat status{};
  if (::lstat(rule.path.c_str(), &status) != 0) return true;  // made when it is needed
  const std::string path = rule.path.string();
  if (status.st_uid != ::geteuid() && !may_be_a_servers(home, rule.path)) {
    findings.add(Level::error, "permissions.owner", path,
                 fmt::format("{} belongs to another user (uid {})", path, status.st_uid),
                 fmt::format("chown {} {}", ::geteuid(), path));
    return false;
  }
  const mode_t mode = status.st_mode & 0777U;
  const Repair repair{.kind = Repair::Kind::set_mode, .subject = path, .mode = rule.wanted};
  const std::string hint = fmt::format("chmod {:o} {}", rule.wanted, path);
  if ((mode & ~rule.wanted) != 0) {
    findings.add(Level::error, "permissions.mode", path,
                 fmt::format("{} is open to others (mode {:04o}): {}", path, mode, rule.why), hint,
                 repair);
    return false;
  }
  if ((mode & rule.needed) != rule.needed) {
    findings.add(Level::error, "permissions.mode", path,
                 fmt::format("{} is closed too far (mode {:04o}): {}", path, mode, rule.why), hint,
                 repair);
    return false;
  }
  return true;
}

void check_group(Findings& findings, const std::string& user, const std::string& group,
                 const std::string& what_for) {
  if (!group_exists(group)) return;
  const bool is_member = is_member_of(user, group);
  if (!is_member) {
    findings.add(Level::info, "permissions.group", group,
                 fmt::format("{} is not in the group {}, {}", user, group, what_for),
                 fmt::format("sudo usermod -aG {} {}, then log in again", group, user));
  } else if (!this_process_is_in(group)) {
    findings.add(
        Level::warning, "permissions.login", group,
        fmt::format("{} is in the group {}, and this login began before that", user, group),
        fmt::format("log in again, or for this shell: newgrp {}", group));
  } else {
    findings.ok("permissions.group", group, fmt::format("{} is in the group {}", user, group));
  }
}

/// A backup knows more than marks do; which one to take is for its owner to say.
Repair repair_of_lost(const Home& home) {
  const bool has_backup = !catalog::backups_of(home.database(), home.backups()).empty();
  return {.kind = has_backup ? Repair::Kind::none : Repair::Kind::rebuild, .subject = {}};
}

std::string way_back(const Home& home) {
  if (repair_of_lost(home).kind == Repair::Kind::none) {
    return "velo state restore returns to the last good backup; the volumes and their servers are "
           "not touched by this";
  }
  return "there is no backup: velo doctor --fix makes the records again from the volumes' own "
         "marks, "
         "and keeps what is left of the catalog beside it";
}

}  // namespace

bool check_home(Findings& findings, const Home& home) {
  const std::string root = home.root().string();
  struct stat status{};
  if (::stat(root.c_str(), &status) != 0) {
    const int err = errno;
    if (err == ENOENT) {
      findings.add(Level::info, "permissions.home", root,
                   fmt::format("VELO_HOME {} is not there yet: the first command makes it", root));
    } else {
      findings.failed(Level::error, "permissions.home", root,
                      fail_errno(err, "look at VELO_HOME " + root).error());
    }
    return false;
  }
  if (!S_ISDIR(status.st_mode)) {
    findings.add(Level::error, "permissions.home", root,
                 fmt::format("VELO_HOME {} is not a directory", root),
                 "set VELO_HOME to a directory of your own, or unset it");
    return false;
  }
  if (status.st_uid != ::geteuid()) {
    findings.add(Level::error, "permissions.home", root,
                 fmt::format("VELO_HOME {} belongs to another user (uid {})", root, status.st_uid),
                 "run velo doctor as that user, or set VELO_HOME to a directory of your own");
    return false;
  }
  bool well = true;
  for (const Rule& rule : rules_of(home)) well = check_rule(findings, home, rule) && well;
  if (well) {
    findings.ok("permissions.home", root,
                fmt::format("VELO_HOME {} and what is in it have the right modes", root));
  }
  return true;
}

void check_groups(Findings& findings, const std::map<std::string, RuntimeAnswer>& runtimes) {
  if (running_as_root()) {
    findings.ok("permissions.group", {}, "root needs no group");
    return;
  }
  const auto user = current_user();
  if (!user) return;
  for (const runtime::RuntimeInfo& info : runtime::runtimes()) {
    if (info.group.empty()) continue;
    // What serves already needs no group: it is the user's own.
    if (runtimes.at(std::string(info.name)).serves &&
        !is_member_of(user->name, std::string(info.group)))
      continue;
    check_group(findings, user->name, std::string(info.group),
                fmt::format("whose members may use the runtime {}", info.name));
  }
  check_group(findings, user->name, SetupRequest{}.group, "which velo setup made");
}

bool check_catalog(Findings& findings, const Home& home) {
  const std::string path = home.database().string();
  if (!path_exists(path)) {
    const bool lost = path_exists(home.root() / "private/key") || home.has_lived();
    findings.add(lost ? Level::error : Level::info, "state.catalog", path,
                 lost ? fmt::format("the catalog {} is gone", path) : "there is no catalog yet",
                 lost ? way_back(home) : "", lost ? repair_of_lost(home) : Repair{});
    return false;
  }
  const auto health = catalog::examine(path);
  if (!health) {
    findings.add(Level::error, "state.catalog", path,
                 fmt::format("the catalog cannot be read: {}", health.error().message),
                 way_back(home), repair_of_lost(home));
    return false;
  }
  if (!health->damage.empty()) {
    findings.add(Level::error, "state.catalog", path,
                 fmt::format("the catalog {} is damaged: {}", path, health->damage.front()),
                 way_back(home), repair_of_lost(home));
    return false;
  }
  if (health->schema_version > health->newest_version) {
    findings.add(Level::error, "state.schema", path,
                 fmt::format("the catalog has schema version {}, and this velo knows up to {}",
                             health->schema_version, health->newest_version),
                 "use the newer velo that wrote it");
    return false;
  }
  if (health->schema_version < health->newest_version) {
    findings.add(Level::info, "state.schema", path,
                 fmt::format("the catalog has schema version {}: the next command brings it to {} "
                             "and keeps a copy of it as it is",
                             health->schema_version, health->newest_version));
    return false;
  }
  findings.ok("state.catalog", path,
              fmt::format("the catalog is sound (schema version {})", health->schema_version));
  return true;
}

}  // namespace velo::engine
