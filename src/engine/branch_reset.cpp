#include "engine/branches.h"
#include "engine/moments.h"
#include "engine/operation.h"
#include "engine/records.h"
#include "engine/replace.h"

namespace velo::engine {
namespace {

Result<void> check_resettable(const BranchRecords& b) {
  if (b.is_main()) {
    return fail_with_hint(
        Errc::protected_branch,
        fmt::format("{} is its project's first branch: there is no parent to reset "
                    "it to",
                    b.full_name()),
        "make a branch of it and work there: velo branch create " + b.project.name + "/dev");
  }
  if (!b.branch.parent_id) {
    return fail(Errc::not_found, "the parent of {} is gone", b.full_name());
  }
  return {};
}

}  // namespace

Result<CreatedBranch> reset_branch(Engine& engine, const std::string& name) {
  BranchRecords old;
  BranchLocks locks = TRY(lock_branches(engine, [&]() -> Result<LockSet> {
    old = TRY(find_branch(engine, name));
    TRY(check_resettable(old));
    return LockSet{.exclusive = {old.branch.id}, .shared = {*old.branch.parent_id}};
  }));
  const BranchRecords parent = TRY(load_branch(engine, *old.branch.parent_id));
  engine.observer().begin(fmt::format("Resetting {} to {}", old.full_name(), parent.full_name()));
  CreatedBranch reset = TRY(replace_life(engine, {.kind = "branch.reset",
                                                  .old = std::move(old),
                                                  .source = parent,
                                                  .replaced = Replaced::kept_for_grace}));
  locks = BranchLocks();
  renew_base(engine, parent);
  return reset;
}

}  // namespace velo::engine
