// Making a copy of a data directory into a cluster of its own, before its first start.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "postgres/settings.h"

namespace velo::postgres {

namespace fs = std::filesystem;

/// What a base backup leaves out (PostgreSQL manual, "Making a Base Backup Using the Low Level
/// API"): pg_wal, pg_replslot, pg_dynshmem, pg_notify, pg_serial, pg_snapshots, pg_stat_tmp,
/// pg_subtrans (their directories stay), postmaster.pid, postmaster.opts, pgsql_tmp*,
/// pg_internal.init*, backup_label, tablespace_map; and what pg_basebackup leaves out besides.
/// `path` is relative to PGDATA.
enum class Skip { nothing, contents, all };
Skip skip_in_backup(std::string_view path);
/// What the copy of a stopped cluster leaves out: as above, but pg_wal comes along, and so does
/// backup_label: a clone that was never started needs its own to recover from the right place.
Skip skip_in_cold_copy(std::string_view path);

/// Tablespaces by where they lie. `root` is the volume's root, which holds PGDATA.
struct Tablespaces {
  struct Link {
    std::string oid;
    fs::path target;
  };
  std::vector<Link> inside;   ///< links into the volume: to be re-pointed in a clone
  std::vector<Link> outside;  ///< elsewhere: such a cluster cannot be cloned
};
Result<Tablespaces> tablespaces_of(const fs::path& pgdata, const fs::path& root);

struct ClonePlan {
  /// The volume that the cluster's own paths lead into: the parent's. For a clone of a snapshot,
  /// that of the branch which the snapshot was taken of (it need not exist any more).
  fs::path source_root;
  fs::path root;      ///< the clone's volume
  fs::path pgdata;    ///< inside `root`
  Settings settings;  ///< --pg-conf of the new branch, on top of the inherited
  Settings defaults;  ///< where neither these nor the inherited say anything
};

/// Makes the clone harmless and its own: removes postmaster.pid, postmaster.opts, the parent's
/// replication slots, standby.signal and recovery.signal; re-points tablespace links and settings
/// whose values are paths into the parent's volume; blanks what would act on the outside world
/// (synchronous_standby_names, primary_conninfo, restore_command, archive_*;
/// pg_cron's jobs off) in velo.conf and out of postgresql.auto.conf, drops
/// recovery_target_* from both; and closes the gate (hba.h). A backup_label of Backup::finish()'s
/// stays, whichever of the two came first; one of the parent's own goes. Errc::unsupported, before
/// anything is changed, when the clone would share a tablespace or pg_wal with its parent. Can be
/// repeated. Nothing is synced: a start that recovers syncs the directory itself, and for any other
/// the caller does.
Result<void> prepare_clone(const ClonePlan& plan);

struct RelationFiles {
  std::size_t count = 0;  ///< in all databases and tablespaces
  bool unlogged = false;  ///< an *_init fork exists: crash recovery empties what it belongs to
};
/// Reads the databases' directories, and no file.
Result<RelationFiles> relation_files(const fs::path& pgdata);

}  // namespace velo::postgres
