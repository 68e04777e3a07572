#include "engine/tombstones.h"

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
Result<void> plan_burial(Engine& engine, const BranchRecords& b, std::chrono::seconds grace,
                         Plan& plan) {
  const catalog::Project& project = b.project;
  plan.branches.push_back(b.branch.id);
  if (grace.count() > 0) {
    plan.finish.push_back(
        stop_server(project.runtime, project.driver, project.pool, b.incarnation.volume));
    return {};
  }
  for (const auto& life : TRY(engine.catalog().incarnations_of(b.branch.id))) {
    plan.finish.push_back(
        remove_volume(project.runtime, project.driver, project.pool, life.volume, life.id));
  }
  plan.finish.push_back(forget_branch_files(b.branch.id));
  return {};
}

}  // namespace

Result<std::vector<BranchRecords>> family_of(Engine& engine, const BranchRecords& root) {
  std::vector<BranchRecords> family;
  for (const catalog::Branch& child : TRY(engine.catalog().children_of(root.branch.id))) {
    const BranchRecords records = TRY(load_branch(engine, child.id));
    for (BranchRecords& member : TRY(family_of(engine, records))) {
      family.push_back(std::move(member));
    }
  }
  family.push_back(root);
  return family;
}

Deletion describe(const std::vector<BranchRecords>& branches, std::chrono::seconds grace) {
  Deletion deletion;
  for (const BranchRecords& b : branches) deletion.branches.push_back(b.full_name());
  if (grace.count() > 0) deletion.kept_until = now() + grace;
  return deletion;
}

Result<Deletion> bury(Engine& engine, const std::string& kind, const std::string& subject,
                      const std::vector<BranchRecords>& branches,
                      const std::optional<catalog::Project>& project) {
  const auto grace = TRY(grace_period(engine));
  auto operation = TRY(Operation::begin(engine, kind, subject, [&]() -> Result<Draft> {
    Plan plan;
    for (const BranchRecords& b : branches) TRY(plan_burial(engine, b, grace, plan));
    const auto all = project ? TRY(engine.catalog().branches_of(project->id, catalog::Which::all))
                             : std::vector<catalog::Branch>{};
    if (project && grace.count() == 0 && all.size() == branches.size()) {
      plan.finish.push_back(forget_project_files(project->id));
    }
    return Draft{std::move(plan), {}};
  }));
  TRY(or_undo(operation, [&]() -> Result<void> {
    return operation.commit([&]() -> Result<void> {
      const Timestamp at = now();
      for (const BranchRecords& b : branches) TRY(bury_records(engine, b, grace, at));
      if (!project) return {};
      // Branches deleted earlier may still be kept: the last of them to be reaped takes the
      // project's record along.
      const auto kept = TRY(engine.catalog().branches_of(project->id, catalog::Which::all));
      if (kept.empty()) return engine.catalog().remove_project(project->id);
      catalog::Project deleted = *project;
      deleted.deleted_at = at;
      return engine.catalog().update(deleted);
    });
  }));
  return describe(branches, grace);
}

Result<void> unbury(Engine& engine, const std::string& kind, const std::string& subject,
                    std::vector<BranchRecords> branches,
                    const std::optional<catalog::Project>& project) {
  catalog::Catalog& catalog = engine.catalog();
  auto operation = TRY(Operation::begin(engine, kind, subject, [&]() -> Result<Draft> {
    Plan plan;
    for (const BranchRecords& b : branches) {
      plan.branches.push_back(b.branch.id);
      plan.finish.push_back(start_branch_action(b.branch.id));
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
        b.endpoint.port = same ? *same : TRY(free_port(engine, 0));
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
