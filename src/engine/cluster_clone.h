// Cloning a parent's cluster into a new volume, losing nothing that was committed.
//
// The rules are section "Cloning" of docs/architecture.md: CHECKPOINT and one snapshot on drivers
// whose snapshot is one moment; PostgreSQL's backup API around the clone of the files on the
// others; a parent that is down as it stands.
#pragma once

#include "base/error.h"
#include "engine/engine.h"
#include "engine/operation.h"
#include "engine/records.h"
#include "engine/servers.h"
#include "storage/driver.h"

namespace velo::engine {

struct ClonedCluster {
  FirstStart first_start;
  /// Whether its first start recovers, and so syncs all of it by itself (SyncDataDirectory in
  /// src/backend/storage/file/fd.c); else whoever commits it syncs it.
  bool will_recover = false;
};

/// A parent that can be cloned: its volume is there, no tablespace lies outside of it. Before any
/// plan is written.
Result<void> check_clonable(Engine& engine, const storage::Driver& driver,
                            const BranchRecords& parent);

/// The steps checkpoint, clone and prepare of `operation`: makes the volume
/// `child.incarnation.volume` with the mark of `child`. Errc::already_exists when another home has
/// a volume of that name.
Result<ClonedCluster> clone_cluster(Engine& engine, Operation& operation, storage::Driver& driver,
                                    const BranchRecords& parent, const BranchRecords& child);

storage::Mark mark_for(const Engine& engine, const BranchRecords& branch);

}  // namespace velo::engine
