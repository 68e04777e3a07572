// As of which moment a branch can be had: the life that it led then, the snapshot to begin with and
// the WAL that leads from there to the moment.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "archive/lineage.h"
#include "base/error.h"
#include "engine/engine.h"
#include "engine/operation.h"
#include "engine/records.h"
#include "postgres/recovery.h"

namespace velo::engine {

/// How a clone of `base` becomes the branch as it was.
struct RecoveryPlan {
  BranchRecords base;  ///< the snapshot to clone: its own incarnation as the branch's
  Timestamp base_taken_at;
  BranchRecords followed;  ///< whose WAL is replayed: the branch in the life that it led then
  postgres::RecoveryTarget target;
  archive::Lineage lineage;    ///< where that WAL is
  std::uint32_t timeline = 1;  ///< of the life that is followed
  /// Something was committed after the target for certain: PostgreSQL will find where to stop.
  bool end_is_marked = false;
};

/// Changes nothing. `branch` is locked at least shared. Errc::not_found when there is no such
/// moment, and Errc::usage for one in the future: both tell which there are.
Result<RecoveryPlan> plan_recovery(Engine& engine, const BranchRecords& branch,
                                   const postgres::RecoveryTarget& target);

/// The branches whose data and WAL a recovery reads, to be locked shared.
void add_locks(const RecoveryPlan& plan, LockSet& set);

/// Notes in the life that a recovery makes which life it continues, and from which base.
void fork_from(const RecoveryPlan& plan, catalog::Incarnation& life);

/// Sees to it that all WAL up to now can be read, where the followed life's server runs: commits
/// something that the target comes before, and has the server finish its segment.
Result<void> mark_end(Engine& engine, RecoveryPlan& plan);

/// "from 2025-10-09 18:40:21 on", "from … to …": the stretches that snapshots and WAL lead to.
Result<std::vector<std::string>> windows_of(Engine& engine, const BranchRecords& branch);

/// A target as people read it, local time and UTC.
std::string to_words(const postgres::RecoveryTarget& target);

}  // namespace velo::engine
