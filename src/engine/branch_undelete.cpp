#include <algorithm>

#include "base/fault.h"
#include "base/files.h"
#include "base/text.h"
#include "catalog/catalog.h"
#include "engine/actions.h"
#include "engine/branches.h"
#include "engine/kept.h"
#include "engine/names.h"
#include "engine/operation.h"
#include "engine/passwords.h"
#include "engine/records.h"
#include "engine/servers.h"
#include "engine/survey.h"
#include "engine/tombstones.h"

namespace velo::engine {
namespace {

std::unexpected<Error> nothing_kept(const std::string& name) {
  return fail_with_hint(Errc::not_found, fmt::format("nothing is kept of {}", name),
                        "what delete and reset take away is kept for the grace period (velo config "
                        "get grace); velo status shows it");
}

/// Before a deleted branch may come back.
Result<void> check_can_return(Engine& engine, const BranchRecords& b) {
  if (b.project.deleted_at) {
    return fail_with_hint(Errc::not_found, fmt::format("its project {} is deleted", b.project.name),
                          "bring that back first: velo project undelete " + b.project.name);
  }
  if (!b.branch.parent_id) return fail(Errc::not_found, "the parent of {} is gone", b.full_name());
  const catalog::Branch parent = TRY(engine.catalog().branch(*b.branch.parent_id));
  if (parent.deleted_at) {
    const std::string name = b.project.name + "/" + parent.name;
    return fail_with_hint(Errc::not_found, fmt::format("its parent {} is deleted", name),
                          "bring that back first: velo branch undelete " + name);
  }
  return {};
}

/// The branch and those of its descendants that were deleted along with it, parents first. None of
/// their names may be taken by now.
Result<std::vector<BranchRecords>> find_family(Engine& engine, const BranchRecords& root) {
  std::vector<BranchRecords> family;
  for (BranchRecords& b : TRY(family_of(engine, root, catalog::Which::all))) {
    if (b.branch.deleted_at != root.branch.deleted_at) continue;
    if (TRY(engine.catalog().branch_named(b.project.id, b.branch.name))) {
      return fail_with_hint(Errc::already_exists,
                            fmt::format("{} was deleted along with {}, and there is another {} by "
                                        "now",
                                        b.full_name(), root.full_name(), b.full_name()),
                            "delete that one first; both can be brought back in turn");
    }
    family.push_back(std::move(b));
  }
  std::ranges::reverse(family);
  return family;
}

Result<std::string> undelete_deleted(Engine& engine, const BranchName& name) {
  const std::string full_name = name.project + "/" + name.branch;
  std::vector<BranchRecords> family;
  const BranchLocks locks = TRY(lock_branches(engine, [&]() -> Result<LockSet> {
    const auto found = TRY(last_deleted(engine, name));
    if (!found) return nothing_kept(full_name);
    const BranchRecords root = TRY(load_branch(engine, found->id));
    TRY(check_can_return(engine, root));
    family = TRY(find_family(engine, root));
    LockSet set{.exclusive = {}, .shared = {*root.branch.parent_id}};
    for (const BranchRecords& b : family) set.exclusive.push_back(b.branch.id);
    return set;
  }));
  std::vector<std::string> others;
  for (const BranchRecords& b : family) {
    if (b.full_name() != full_name) others.push_back(b.full_name());
  }
  engine.observer().begin(
      others.empty() ? fmt::format("Bringing back {}", full_name)
                     : fmt::format("Bringing back {} with {}", full_name, join_words(others)));
  TRY(unbury(engine, "branch.undelete", full_name, family, {}));
  return family.front().branch.id;
}

/// The life before the last reset.
Result<catalog::Incarnation> last_kept(Engine& engine, const BranchRecords& b) {
  std::optional<catalog::Incarnation> newest;
  for (const catalog::Incarnation& life : TRY(engine.catalog().incarnations_of(b.branch.id))) {
    if (!life.kept_until || life.id == b.incarnation.id) continue;
    if (!newest || *newest->kept_since < *life.kept_since) newest = life;
  }
  if (!newest) return nothing_kept(b.full_name());
  return std::move(*newest);
}

/// The present life and the one before the last reset change places.
Result<std::string> undo_reset(Engine& engine, const std::string& name) {
  BranchRecords b;
  catalog::Incarnation before;
  const BranchLocks locks = TRY(lock_branches(engine, [&]() -> Result<LockSet> {
    b = TRY(find_branch(engine, name));
    before = TRY(last_kept(engine, b));
    return LockSet{.exclusive = {b.branch.id}, .shared = {}};
  }));
  const auto grace = TRY(grace_period(engine));
  const auto driver = TRY(driver_of(b.project));
  const auto runtime = TRY(runtime_of(b.project));
  if (!driver->mark_of(before.volume)) {
    return volume_missing(*driver, before.volume,
                          fmt::format("{} before its reset", b.full_name()));
  }
  engine.observer().begin(fmt::format("Bringing back {} as it was before its reset", name));
  const catalog::Project& project = b.project;
  auto operation = TRY(Operation::begin(engine, "branch.undelete", name, [&]() -> Result<Draft> {
    Plan plan{.branches = {b.branch.id},
              .undo = {start_branch_action(b.branch.id)},
              .finish = {start_branch_action(b.branch.id)}};
    if (grace.count() == 0) {
      plan.finish.push_back(remove_volume(project.runtime, project.driver, project.pool,
                                          b.incarnation.volume, b.incarnation.id));
    }
    return Draft{std::move(plan), {}};
  }));
  TRY(or_undo(operation, [&]() -> Result<void> {
    TRY(operation.step("stop", "Stop PostgreSQL", [&] {
      return runtime->stop(pgdata_of(*driver, b.incarnation.volume), runtime::StopMode::fast);
    }));
    return operation.commit([&]() -> Result<void> {
      catalog::Incarnation after = b.incarnation;
      after.kept_since = now();
      after.kept_until = *after.kept_since + grace;
      after.kept_reason = "reset";
      before.kept_since.reset();
      before.kept_until.reset();
      before.kept_reason.clear();
      b.branch.incarnation_id = before.id;
      TRY(engine.catalog().update(before));
      TRY(engine.catalog().update(b.branch));
      if (grace.count() == 0) return engine.catalog().remove_incarnation(after.id);
      return engine.catalog().update(after);
    });
  }));
  return b.branch.id;
}

}  // namespace

Result<CreatedBranch> undelete_branch(Engine& engine, const std::string& name) {
  const BranchName wanted = TRY(parse_branch_name(name));
  TRY(mend(engine));
  const auto project = TRY(engine.catalog().project_named(wanted.project));
  const bool lives =
      project && TRY(engine.catalog().branch_named(project->id, wanted.branch)).has_value();
  const std::string id =
      lives ? TRY(undo_reset(engine, name)) : TRY(undelete_deleted(engine, wanted));
  return CreatedBranch{.branch = TRY(view_branch(engine, id)),
                       .connection = TRY(connection_view(engine, TRY(load_branch(engine, id))))};
}

}  // namespace velo::engine
