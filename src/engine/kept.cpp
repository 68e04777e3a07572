#include "engine/kept.h"

#include <set>

#include "catalog/catalog.h"
#include "engine/actions.h"
#include "engine/config.h"
#include "engine/operation.h"
#include "engine/records.h"
#include "engine/snapshots.h"

namespace velo::engine {
namespace {

/// One kept volume and, where nothing else needs them, its branch's and its project's files.
Result<void> reap_one(Engine& engine, const catalog::Incarnation& incarnation) {
  catalog::Catalog& catalog = engine.catalog();
  const auto locks = BranchLocks::acquire(
      engine, {.exclusive = {incarnation.branch_id}, .shared = {}}, std::chrono::milliseconds(0));
  if (!locks) return {};  // busy: next time
  const auto again = catalog.incarnation(incarnation.id);
  if (!again || !again->kept_until || *again->kept_until > now()) return {};
  const catalog::Branch branch = TRY(catalog.branch(incarnation.branch_id));
  const catalog::Project project = TRY(catalog.project(branch.project_id));
  auto operation = TRY(Operation::begin(
      engine, "volume.reap", project.name + "/" + branch.name, [&]() -> Result<Draft> {
        Plan plan{.branches = {branch.id}, .undo = {}, .finish = {}};
        plan.finish.push_back(remove_volume(project.runtime, project.driver, project.pool,
                                            incarnation.volume, incarnation.id));
        if (branch.deleted_at && TRY(catalog.incarnations_of(branch.id)).size() == 1) {
          plan.finish.push_back(forget_branch_files(branch.id));
          if (project.deleted_at &&
              TRY(catalog.branches_of(project.id, catalog::Which::all)).size() == 1) {
            plan.finish.push_back(forget_project_files(project.id));
          }
        }
        return Draft{std::move(plan), {}};
      }));
  return or_undo(operation, [&] {
    return operation.commit([&] { return forget_incarnation(engine, incarnation); });
  });
}

}  // namespace

Result<std::chrono::seconds> grace_period(Engine& engine) {
  return parse_duration(TRY(get_config(engine, "grace")).value);
}

Result<void> forget_incarnation(Engine& engine, const catalog::Incarnation& incarnation) {
  catalog::Catalog& catalog = engine.catalog();
  const catalog::Branch branch = TRY(catalog.branch(incarnation.branch_id));
  TRY(catalog.remove_incarnation(incarnation.id));
  if (!branch.deleted_at || !TRY(catalog.incarnations_of(branch.id)).empty()) return {};
  TRY(catalog.remove_branch(branch.id));
  const catalog::Project project = TRY(catalog.project(branch.project_id));
  if (!project.deleted_at || !TRY(catalog.branches_of(project.id, catalog::Which::all)).empty()) {
    return {};
  }
  return catalog.remove_project(project.id);
}

Result<void> shorten_kept(Engine& engine, std::chrono::seconds grace) {
  for (catalog::Incarnation& life : TRY(engine.catalog().ending_incarnations())) {
    // A deleted branch's snapshots go when it goes, whenever they were taken.
    const auto since = life.kept_reason == snapshot_reason
                           ? TRY(engine.catalog().branch(life.branch_id)).deleted_at
                           : life.kept_since;
    if (!since || *since + grace >= *life.kept_until) continue;
    life.kept_until = *since + grace;
    TRY(engine.catalog().update(life));
  }
  return {};
}

Result<void> reap(Engine& engine) {
  const Timestamp present = now();
  std::set<std::string> away;  // pools; each is told of once
  for (const catalog::Incarnation& incarnation : TRY(engine.catalog().ending_incarnations())) {
    if (!incarnation.kept_until || *incarnation.kept_until > present) continue;
    const catalog::Branch branch = TRY(engine.catalog().branch(incarnation.branch_id));
    const catalog::Project project = TRY(engine.catalog().project(branch.project_id));
    if (away.contains(project.pool)) continue;
    if (const auto there = check_pool_of(project); !there) {
      away.insert(project.pool);
      engine.observer().warning(
          fmt::format("kept volumes whose time is over could not be deleted yet: {}; {}",
                      there.error().message, there.error().hint));
      continue;
    }
    if (auto reaped = reap_one(engine, incarnation); !reaped) {
      TRY(engine.cancel().check());
      engine.observer().warning(fmt::format("the kept volume {} could not be deleted yet: {}",
                                            incarnation.volume, reaped.error().message));
    }
  }
  return {};
}

}  // namespace velo::engine
