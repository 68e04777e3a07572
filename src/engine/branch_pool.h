// Branch pools: branches of one parent's snapshot, running and idle (spares), for whoever wants one
// at once.
//
// Taking one is a single transaction: it gets its name there, and its server, its volume, its port
// and its password stay as they are. The caretaker (caretaker.h) fills pools.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/lock.h"
#include "catalog/records.h"
#include "engine/branches.h"
#include "engine/engine.h"
#include "engine/records.h"
#include "engine/temporary.h"

namespace velo::engine {

struct SetBranchPool {
  std::string parent;    ///< "demo/dev", or "demo" for its main
  int size = 0;          ///< how many are to be ready
  std::string snapshot;  ///< as find_snapshot takes it; empty: the parent's newest, whichever it is
  bool ephemeral = false;
};

/// Makes or changes a parent's pool; the caretaker does the rest. Takes a snapshot where the parent
/// has none that it could be of.
Result<BranchPoolView> set_branch_pool(Engine& engine, const SetBranchPool& request);
/// By the parents' names.
Result<std::vector<BranchPoolView>> list_branch_pools(Engine& engine);
/// Deletes it with its spares. Errc::not_found where there is none.
Result<BranchPoolView> remove_branch_pool(Engine& engine, const std::string& parent);

/// A live parent's pool and what its spares are to be of.
struct BranchPool {
  catalog::BranchPool record;
  BranchRecords parent;
  std::optional<catalog::Snapshot> snapshot;
};
Result<std::optional<BranchPool>> branch_pool_of(Engine& engine, const BranchRecords& parent);
/// Why nothing can be made for it: its snapshot is gone.
std::unexpected<Error> without_snapshot(const BranchPool& pool);

/// A spare that was taken: a branch with this name, for good, or as long as the lease is held.
struct Taken {
  BranchRecords b;
  catalog::Temporary spare;  ///< what it was
  std::optional<Lease> lease;
};
/// `request` with its name, parent and what else a spare can be given. Where no spare is ready one
/// is made of the pool's snapshot. Errc::not_found without a pool, Errc::usage for one of ephemeral
/// branches.
Result<CreatedBranch> create_from_pool(Engine& engine, const CreateBranch& request);

/// A spare that is ready, under this name ("dev"; without a project's). Nothing when none is.
Result<std::optional<Taken>> take_spare(Engine& engine, const BranchPool& pool,
                                        const std::string& name);
/// The same for a run.
Result<std::optional<Taken>> lease_spare(Engine& engine, const BranchPool& pool);
/// What a branch that was taken is based on; none where it was cloned from the parent itself.
std::optional<Basis> basis_of(const catalog::Temporary& temporary);

/// Whether a look would change something, but for the pools in `hopeless` (ids of parents).
Result<bool> pools_need_care(Engine& engine, const std::set<std::string>& hopeless);
/// One look at all pools: deletes spares that are stale, too many, of no pool, or do not run, and
/// makes some of those that are missing. A pool that cannot be filled says why and gets into
/// `hopeless`.
Result<void> care_for_pools(Engine& engine, std::set<std::string>& hopeless);

}  // namespace velo::engine
