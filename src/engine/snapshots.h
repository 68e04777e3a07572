// The use cases of snapshots: a branch as it was at one moment, kept until somebody deletes it.
//
// A snapshot has a volume of its own, as a branch that was never started has: nothing needs it in
// order to go on, and whatever was made from it keeps all that it has when it goes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "catalog/records.h"
#include "engine/bases.h"
#include "engine/engine.h"
#include "engine/records.h"
#include "engine/views.h"

namespace velo::engine {

struct SnapshotView {
  std::string id;        ///< 16 hex digits; any beginning that no other has will do
  std::string short_id;  ///< such a beginning, eight digits or more
  std::string branch;    ///< "demo/main"
  std::string label;     ///< empty: none
  std::string purpose;   ///< "asked", "base", "schedule", "replaced", "passing"
  Timestamp taken_at;
  std::string volume;
  std::string pg_version;
  std::optional<Sizes> sizes;  ///< as last measured
};

/// purpose of a snapshot that several branches are made of at once. Its time is over as soon as it
/// is there: it stays for as long as whoever asked for it holds the branch's lock (shared), and
/// reap() deletes it then, whatever became of them.
inline constexpr std::string_view passing_purpose = "passing";

/// Every transaction whose commit was acknowledged before the call is in it, and none that began
/// after it returns. `label` may be empty. Errc::already_exists when the branch has a snapshot of
/// that label, Errc::usage for one that is not 1 to 63 characters without a slash, an at sign or
/// what a screen does not show.
Result<SnapshotView> create_snapshot(Engine& engine, const std::string& branch,
                                     const std::string& label,
                                     const std::string& purpose = "asked");

/// Of one branch ("demo/main"), or of all (empty), the oldest first.
Result<std::vector<SnapshotView>> list_snapshots(Engine& engine, const std::string& branch);
/// `name`: a beginning of its id, or "demo/main@label". Measures its size.
Result<SnapshotView> get_snapshot(Engine& engine, const std::string& name);
/// At once: there is no grace period.
Result<SnapshotView> delete_snapshot(Engine& engine, const std::string& name);

struct CleanupRequest {
  std::string branch;  ///< "demo/main"; empty: every branch's
  int days = 0;        ///< older than so many days
  int keep_last = 1;   ///< of each branch at least so many stay, the newest
  bool dry_run = false;
};
struct Cleaned {
  SnapshotView snapshot;
  bool removed = false;  ///< in a dry run: would be
  std::string why;       ///< "taken 40 days ago", "one of the last 1 of demo/main"
};
/// What it does to every snapshot that it looked at, the oldest first.
Result<std::vector<Cleaned>> cleanup_snapshots(Engine& engine, const CleanupRequest& request);

/// A snapshot's records, with its own incarnation as the branch's, so that it can be cloned as a
/// branch is; say afterwards with fork_from that the clone continues the life that it shows. `name`
/// as above, and for a `branch` that is known ("demo/main") a bare label too. Errc::usage for a
/// beginning that several ids have; Errc::not_found names the nearest.
struct SnapshotRecords {
  BranchRecords source;
  catalog::Snapshot snapshot;
};
Result<SnapshotRecords> find_snapshot(Engine& engine, const std::string& name,
                                      const std::string& branch);

/// Deletes one whose branch this process has locked exclusively.
Result<void> remove_snapshot(Engine& engine, const SnapshotRecords& snapshot);

/// Notes in a life that was cloned from a snapshot which life it continues, and since when: it goes
/// on whatever becomes of the snapshot.
void fork_from(const catalog::Snapshot& snapshot, catalog::Incarnation& life);

}  // namespace velo::engine
