#include "engine/tombstones.h"

#include <algorithm>

#include "base/files.h"
#include "catalog/catalog.h"
#include "engine/actions.h"
#include "engine/kept.h"
#include "engine/operation.h"
#include "engine/places.h"
#include "engine/snapshots.h"

namespace velo::engine {
namespace {

/// A branch's snapshots go when it goes, and come back with it (none: no end).
Result<void> keep_snapshots_until(Engine& engine, const std::string& branch_id,
                                  std::optional<Timestamp> end) {
  for (catalog::Incarnation& life : TRY(engine.catalog().incarnations_of(branch_id))) {
    if (life.kept_reason != snapshot_reason) continue;
    life.kept_until = end;
    TRY(engine.catalog().update(life));
  }
  return {};
}

/// The end of one branch in the catalog: kept for the grace period, or forgotten with all its
/// lives.
Result<void> bury_records(Engine& engine, const BranchRecords& b, std::chrono::seconds grace,
                          Timestamp at) {
  catalog::Catalog& catalog = engine.catalog();
  if (grace.count() == 0) return catalog.remove_branch(b.branch.id);
  catalog::Branch branch = b.branch;
  branch.deleted_at = at;
  TRY(catalog.update(branch));
  catalog::Endpoint endpoint = b.endpoint;
  endpoint.active = false;
  TRY(catalog.update(endpoint));
  catalog::Incarnation life = b.incarnation;
  life.kept_since = at;
  life.kept_until = at + grace;
  life.kept_reason = "deleted";
  TRY(catalog.update(life));
  return keep_snapshots_until(engine, b.branch.id, life.kept_until);
}

/// What happens on the machine once the records are gone.
Result<void> plan_burial(Engine& engine, const BranchRecords& b, const Doomed& doomed, Plan& plan) {
  const catalog::Project& project = b.project;
  plan.branches.push_back(b.branch.id);
  if (doomed.grace.count() > 0) {
    const Action stop =
        stop_server(project.runtime, project.driver, project.pool, b.incarnation.volume);
    plan.finish.push_back(doomed.branches.size() == 1 ? stop : named(stop, b.full_name()));
    return {};
  }
  for (const auto& life : TRY(engine.catalog().incarnations_of(b.branch.id))) {
    plan.finish.push_back(
        remove_volume(project.runtime, project.driver, project.pool, life.volume, life.id));
  }
  plan.finish.push_back(forget_branch_files(b.branch.id));
  return {};
}

/// Whether its volume is there to be brought back.
Result<void> check_remains(const BranchRecords& b) {
  const auto driver = TRY(driver_of(b.project));
  const auto mark = driver->mark_of(b.incarnation.volume);
  if (mark && mark->incarnation_id == b.incarnation.id) {
    TRY(driver->attach(b.incarnation.volume));
    if (path_exists(driver->root_of(b.incarnation.volume))) return {};
  }
  auto missing = volume_missing(*driver, b.incarnation.volume, b.full_name());
  if (driver->check_there()) {
    missing.error().hint = b.is_main()
                               ? fmt::format(
                                     "there is nothing to bring back; velo project delete {} --now "
                                     "forgets the project",
                                     b.project.name)
                               : fmt::format(
                                     "there is nothing to bring back; velo branch delete {} --now "
                                     "forgets the branch",
                                     b.full_name());
  }
  return missing;
}

}  // namespace

Result<std::chrono::seconds> grace_of(Engine& engine, const DeleteRequest& request) {
  if (request.at_once) return std::chrono::seconds(0);
  return grace_period(engine);
}

Result<BranchRecords> load_remains(Engine& engine, const catalog::Branch& branch) {
  BranchRecords remains{.project = TRY(engine.catalog().project(branch.project_id)),
                        .branch = branch,
                        .incarnation = {},
                        .endpoint = {}};
  for (catalog::Incarnation& life : TRY(engine.catalog().incarnations_of(branch.id))) {
    if (life.id == branch.incarnation_id) remains.incarnation = std::move(life);
  }
  remains.endpoint = TRY(engine.catalog().endpoint_of(branch.id));
  return remains;
}

Result<std::vector<BranchRecords>> family_of(Engine& engine, const BranchRecords& root,
                                             catalog::Which which) {
  std::vector<BranchRecords> family;
  for (const catalog::Branch& child : TRY(engine.catalog().children_of(root.branch.id, which))) {
    const BranchRecords records = TRY(load_remains(engine, child));
    for (BranchRecords& member : TRY(family_of(engine, records, which))) {
      family.push_back(std::move(member));
    }
  }
  family.push_back(root);
  return family;
}

Result<std::optional<catalog::Branch>> last_deleted(Engine& engine, const BranchName& name) {
  std::optional<catalog::Branch> newest;
  for (const auto& project : TRY(engine.catalog().projects(catalog::Which::all))) {
    if (project.name != name.project) continue;
    for (auto& branch : TRY(engine.catalog().branches_of(project.id, catalog::Which::all))) {
      if (branch.name != name.branch || !branch.deleted_at) continue;
      if (!newest || *newest->deleted_at < *branch.deleted_at) newest = std::move(branch);
    }
  }
  return newest;
}

Result<std::optional<catalog::Project>> last_deleted_project(Engine& engine,
                                                             const std::string& name) {
  std::optional<catalog::Project> newest;
  for (auto& project : TRY(engine.catalog().projects(catalog::Which::all))) {
    if (project.name != name || !project.deleted_at) continue;
    if (!newest || *newest->deleted_at < *project.deleted_at) newest = std::move(project);
  }
  return newest;
}

std::unexpected<Error> deleted_already(std::string_view noun, const std::string& name) {
  return fail_with_hint(
      Errc::not_found, fmt::format("the {} {} is deleted already, and kept", noun, name),
      fmt::format("velo {0} delete {1} --now frees its space; velo {0} undelete {1} brings it back",
                  noun, name));
}

Deletion describe(const Doomed& doomed) {
  Deletion deletion;
  for (const BranchRecords& b : doomed.branches) deletion.branches.push_back(b.full_name());
  if (doomed.grace.count() > 0) deletion.kept_until = now() + doomed.grace;
  return deletion;
}

Result<Deletion> bury(Engine& engine, const std::string& kind, const std::string& subject,
                      const Doomed& doomed) {
  const catalog::Project& home = doomed.branches.front().project;
  const bool nothing_stays = doomed.grace.count() == 0;
  // What is kept can wait for its pool; else nothing would remember the volumes in it.
  if (nothing_stays) TRY(check_pool_of(home));
  const bool project_is_going = doomed.project || home.deleted_at;
  auto operation = TRY(Operation::begin(engine, kind, subject, [&]() -> Result<Draft> {
    Plan plan;
    for (const BranchRecords& b : doomed.branches) TRY(plan_burial(engine, b, doomed, plan));
    if (!project_is_going || !nothing_stays) return Draft{std::move(plan), {}};
    const auto all = TRY(engine.catalog().branches_of(home.id, catalog::Which::all));
    if (all.size() == doomed.branches.size()) {
      plan.finish.push_back(forget_project_files(home.id));
    }
    return Draft{std::move(plan), {}};
  }));
  TRY(or_undo(operation, [&]() -> Result<void> {
    return operation.commit([&]() -> Result<void> {
      const Timestamp at = now();
      for (const BranchRecords& b : doomed.branches) {
        TRY(bury_records(engine, b, doomed.grace, at));
      }
      if (!project_is_going) return {};
      // The last branch of a deleted project takes the project's record along.
      const auto kept = TRY(engine.catalog().branches_of(home.id, catalog::Which::all));
      if (kept.empty()) return engine.catalog().remove_project(home.id);
      if (!doomed.project) return {};
      catalog::Project deleted = *doomed.project;
      deleted.deleted_at = at;
      return engine.catalog().update(deleted);
    });
  }));
  return describe(doomed);
}

Result<Deletion> find_and_bury(Engine& engine, const std::string& kind, const std::string& subject,
                               const std::string& words,
                               const std::function<Result<Doomed>()>& find) {
  Doomed doomed;
  const BranchLocks locks = TRY(lock_branches(engine, [&]() -> Result<LockSet> {
    doomed = TRY(find());
    LockSet set;
    for (const BranchRecords& b : doomed.branches) set.exclusive.push_back(b.branch.id);
    return set;
  }));
  engine.observer().begin(words);
  return bury(engine, kind, subject, doomed);
}

Result<void> unbury(Engine& engine, const std::string& kind, const std::string& subject,
                    std::vector<BranchRecords> branches,
                    const std::optional<catalog::Project>& project) {
  catalog::Catalog& catalog = engine.catalog();
  for (const BranchRecords& b : branches) TRY(check_remains(b));
  auto operation = TRY(Operation::begin(engine, kind, subject, [&]() -> Result<Draft> {
    Plan plan;
    for (const BranchRecords& b : branches) {
      plan.branches.push_back(b.branch.id);
      const Action start = start_branch_action(b.branch.id);
      plan.finish.push_back(branches.size() == 1 ? start : named(start, b.full_name()));
    }
    return Draft{std::move(plan), {}};
  }));
  return or_undo(operation, [&] {
    return operation.commit([&]() -> Result<void> {
      if (project) {
        catalog::Project restored = *project;
        restored.deleted_at.reset();
        TRY(catalog.update(restored));
      }
      for (BranchRecords& b : branches) {
        b.branch.deleted_at.reset();
        TRY(catalog.update(b.branch));
        b.incarnation.kept_since.reset();
        b.incarnation.kept_until.reset();
        b.incarnation.kept_reason.clear();
        TRY(catalog.update(b.incarnation));
        TRY(keep_snapshots_until(engine, b.branch.id, {}));
        const int old_port = b.endpoint.port;
        const auto same = free_port(engine, old_port);
        b.endpoint.port = same ? same->number : TRY(free_port(engine, 0)).number;
        b.endpoint.active = true;
        TRY(catalog.update(b.endpoint));
        if (!same) {
          engine.observer().notice(fmt::format("port {} of {} is taken by now: it has port {}",
                                               old_port, b.full_name(), b.endpoint.port));
        }
      }
      return {};
    });
  });
}

}  // namespace velo::engine
