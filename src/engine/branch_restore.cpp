#include "engine/branches.h"
#include "engine/operation.h"
#include "engine/records.h"
#include "engine/replace.h"
#include "engine/snapshots.h"

namespace velo::engine {

Result<CreatedBranch> restore_branch(Engine& engine, const std::string& name,
                                     const std::string& snapshot) {
  BranchRecords old;
  SnapshotRecords found;
  const BranchLocks locks = TRY(lock_branches(engine, [&]() -> Result<LockSet> {
    old = TRY(find_branch(engine, name));
    found = TRY(find_snapshot(engine, snapshot, old.full_name()));
    if (found.source.project.id != old.project.id) {
      return fail(Errc::usage, "the snapshot {} is of {}, in another project than {}", snapshot,
                  found.source.full_name(), old.full_name());
    }
    LockSet set{.exclusive = {old.branch.id}, .shared = {}};
    if (found.source.branch.id != old.branch.id) set.shared.push_back(found.source.branch.id);
    return set;
  }));
  engine.observer().begin(fmt::format("Restoring {} to the snapshot {}", name, snapshot));
  return replace_life(engine, {.kind = "branch.restore",
                               .old = std::move(old),
                               .source = std::move(found.source),
                               .replaced = Replaced::kept_as_snapshot,
                               .snapshot = std::move(found.snapshot)});
}

Result<CreatedBranch> restore_branch_as_of(Engine& engine, const std::string& name,
                                           const postgres::RecoveryTarget& target) {
  BranchRecords old;
  RecoveryPlan plan;
  const BranchLocks locks = TRY(lock_branches(engine, [&]() -> Result<LockSet> {
    old = TRY(find_branch(engine, name));
    plan = TRY(plan_recovery(engine, old, target));
    LockSet set{.exclusive = {old.branch.id}, .shared = {}};
    add_locks(plan, set);
    return set;
  }));
  engine.observer().begin(fmt::format("Restoring {} to {}", name, to_words(target)));
  TRY(mark_end(engine, plan));
  return replace_life(engine, {.kind = "branch.restore",
                               .old = std::move(old),
                               .source = plan.base,
                               .replaced = Replaced::kept_as_snapshot,
                               .replay = plan});
}

}  // namespace velo::engine
