#include "postgres/clone.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "base/files.h"
#include "base/text.h"
#include "postgres/cluster.h"
#include "postgres/hba.h"
#include "postgres/inherited.h"

namespace velo::postgres {
namespace {

constexpr std::array<std::string_view, 7> emptied_directories = {
    "pg_replslot",  "pg_dynshmem", "pg_notify",   "pg_serial",
    "pg_snapshots", "pg_stat_tmp", "pg_subtrans",
};

// At the top of PGDATA. The last four are not in the manual's list; pg_basebackup leaves them out
// too (src/backend/backup/basebackup.c, excludeFiles).
constexpr std::array<std::string_view, 8> left_files = {
    "postmaster.pid", "postmaster.opts",          "backup_label.old", "tablespace_map.old",
    "tablespace_map", "postgresql.auto.conf.tmp", "current_logfiles", "backup_manifest",
};

// What the clone's first start must not find.
constexpr std::array<std::string_view, 2> signal_files = {"standby.signal", "recovery.signal"};

constexpr std::string_view label_file = "backup_label";

Skip skip_common(std::string_view path) {
  const std::size_t slash = path.find('/');
  if (std::ranges::find(emptied_directories, path.substr(0, slash)) != emptied_directories.end()) {
    return slash == std::string_view::npos ? Skip::contents : Skip::all;
  }
  const std::string_view name = path.substr(path.rfind('/') + 1);
  if (name.starts_with("pgsql_tmp") || name.starts_with("pg_internal.init")) return Skip::all;
  if (std::ranges::find(left_files, path) != left_files.end()) return Skip::all;
  return Skip::nothing;
}

Result<fs::path> link_target(const fs::path& link) {
  std::error_code problem;
  const fs::path target = fs::read_symlink(link, problem);
  if (problem) return fail_errno(problem.value(), fmt::format("read the link {}", link.string()));
  return target.is_absolute() ? target : link.parent_path() / target;
}

bool is_link(const fs::path& path) {
  std::error_code ignored;
  return fs::is_symlink(fs::symlink_status(path, ignored));
}

/// Where `path` lies under `root`, links resolved as far as the path exists; empty when elsewhere.
std::optional<fs::path> place_in(const fs::path& path, const fs::path& root) {
  std::error_code problem;
  const fs::path real_root = fs::weakly_canonical(root, problem);
  if (problem) return std::nullopt;
  const fs::path real_path = fs::weakly_canonical(path, problem);
  if (problem) return std::nullopt;
  fs::path relative = real_path.lexically_relative(real_root);
  if (relative.empty() || *relative.begin() == "..") return std::nullopt;
  return relative;
}

/// Makes `link` point to `target` in one step: a crash leaves the old link or the new.
Result<void> point(const fs::path& link, const fs::path& target, const fs::path& scratch) {
  TRY(remove_file(scratch));
  if (::symlink(target.c_str(), scratch.c_str()) != 0 ||
      std::rename(scratch.c_str(), link.c_str()) != 0) {
    const int reason = errno;
    return fail_errno(reason, fmt::format("make the link {}", link.string()));
  }
  return {};
}

struct Repointed {
  fs::path link;
  fs::path target;
};

/// The tablespace links to change. Everything is looked at before anything is changed.
Result<std::vector<Repointed>> plan_links(const ClonePlan& plan) {
  std::vector<Repointed> planned;
  std::vector<std::string> outside;
  // Those that already lead into the clone were re-pointed before.
  for (const auto& [oid, target] : TRY(tablespaces_of(plan.pgdata, plan.root)).outside) {
    if (const auto place = place_in(target, plan.source_root)) {
      planned.push_back({plan.pgdata / "pg_tblspc" / oid, plan.root / *place});
    } else {
      outside.push_back(target.string());
    }
  }
  if (outside.empty()) return planned;
  return fail_with_hint(
      Errc::unsupported,
      fmt::format("the parent has tablespaces outside its volume, at {}", join_words(outside)),
      "a clone would share them with its parent: move their tables into the default tablespace "
      "(ALTER TABLE … SET TABLESPACE pg_default) and drop them");
}

Result<void> refuse_linked_wal(const fs::path& pgdata) {
  if (!is_link(pgdata / "pg_wal")) return {};
  return fail_with_hint(
      Errc::unsupported,
      fmt::format("the parent's pg_wal is a link to {}, which a clone would share",
                  TRY(link_target(pgdata / "pg_wal")).string()),
      "stop the parent, put the directory itself in the link's place, and start it again");
}

/// A backup_label of the exclusive backup mode (13 and 14) came along from the parent: the clone
/// holds a moment of its own, and the WAL since that backup's start may be gone. The label of
/// Backup::finish() says "streamed".
Result<void> drop_parents_label(const fs::path& pgdata) {
  const fs::path path = pgdata / label_file;
  if (!path_exists(path)) return {};
  const std::string label = TRY(read_file(path));
  if (label.find("BACKUP METHOD: pg_start_backup") == std::string::npos) return {};
  return remove_file(path);
}

Result<void> remove_leftovers(const fs::path& pgdata) {
  for (const std::string_view name : left_files) TRY(remove_file(pgdata / name));
  for (const std::string_view name : signal_files) TRY(remove_file(pgdata / name));
  TRY(drop_parents_label(pgdata));
  const fs::path slots = pgdata / "pg_replslot";
  for (const std::string& slot : TRY(list_directory(slots))) TRY(remove_tree(slots / slot));
  return {};
}

/// "16385_init": the init fork of an unlogged relation (src/common/relpath.c).
bool is_init_fork(std::string_view name) {
  constexpr std::string_view suffix = "_init";
  if (!name.ends_with(suffix)) return false;
  name.remove_suffix(suffix.size());
  return !name.empty() && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

/// The names in a directory; none when it is gone, as databases that are dropped meanwhile.
Result<std::vector<std::string>> names_in(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return std::vector<std::string>{};
  auto names = list_directory(path);
  if (!names && names.error().code == Errc::not_found) return std::vector<std::string>{};
  return names;
}

/// Looks into every database's directory in `parent`.
Result<void> add_files(const fs::path& parent, RelationFiles& files) {
  for (const std::string& database : TRY(names_in(parent))) {
    const auto names = TRY(names_in(parent / database));
    files.count += names.size();
    files.unlogged = files.unlogged || std::ranges::any_of(names, is_init_fork);
  }
  return {};
}

}  // namespace

Skip skip_in_cold_copy(std::string_view path) {
  return skip_common(path);
}

Skip skip_in_backup(std::string_view path) {
  if (path == "pg_wal") return Skip::contents;
  if (path.starts_with("pg_wal/") || path == label_file) return Skip::all;
  return skip_common(path);
}

Result<Tablespaces> tablespaces_of(const fs::path& pgdata, const fs::path& root) {
  const fs::path links = pgdata / "pg_tblspc";
  Tablespaces found;
  for (const std::string& oid : TRY(list_directory(links))) {
    if (!is_link(links / oid)) continue;
    fs::path target = TRY(link_target(links / oid));
    auto& where = place_in(target, root) ? found.inside : found.outside;
    where.push_back({.oid = oid, .target = std::move(target)});
  }
  return found;
}

Result<void> prepare_clone(const ClonePlan& plan) {
  const int major = TRY(read_major(plan.pgdata));
  TRY(refuse_linked_wal(plan.pgdata));
  const std::vector<Repointed> links = TRY(plan_links(plan));
  for (const auto& [link, target] : links) {
    TRY(point(link, target, plan.pgdata / ".velo-link"));
  }
  TRY(remove_leftovers(plan.pgdata));
  TRY(adapt_inherited_settings({.source_root = plan.source_root,
                                .root = plan.root,
                                .pgdata = plan.pgdata,
                                .major = major,
                                .settings = plan.settings,
                                .defaults = plan.defaults}));
  return close_gate(plan.pgdata);
}

Result<RelationFiles> relation_files(const fs::path& pgdata) {
  RelationFiles files;
  TRY(add_files(pgdata / "base", files));
  const fs::path links = pgdata / "pg_tblspc";
  for (const std::string& tablespace : TRY(names_in(links))) {
    for (const std::string& version : TRY(names_in(links / tablespace))) {
      TRY(add_files(links / tablespace / version, files));
    }
  }
  return files;
}

}  // namespace velo::postgres
