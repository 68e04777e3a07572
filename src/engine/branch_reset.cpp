#include "base/crypto.h"
#include "base/files.h"
#include "catalog/catalog.h"
#include "engine/actions.h"
#include "engine/branches.h"
#include "engine/cluster_clone.h"
#include "engine/kept.h"
#include "engine/operation.h"
#include "engine/passwords.h"
#include "engine/places.h"
#include "engine/records.h"
#include "engine/servers.h"
#include "engine/survey.h"

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

/// The branch's next life, cloned from its parent's present one.
Result<BranchRecords> next_life(const BranchRecords& old, const BranchRecords& parent) {
  BranchRecords b = old;
  b.incarnation = {};
  b.incarnation.id = TRY(random_id());
  b.incarnation.branch_id = old.branch.id;
  b.incarnation.parent_incarnation_id = parent.incarnation.id;
  b.incarnation.bin_directory = parent.incarnation.bin_directory;
  b.incarnation.image = parent.incarnation.image;
  b.incarnation.image_digest = parent.incarnation.image_digest;
  b.incarnation.basic_archive = parent.incarnation.basic_archive;
  b.incarnation.pg_version = parent.incarnation.pg_version;
  b.incarnation.drift_told = parent.incarnation.drift_told;
  b.incarnation.first_start = true;
  b.incarnation.created_at = now();
  b.branch.incarnation_id = b.incarnation.id;
  b.branch.reset_at = b.incarnation.created_at;
  return b;
}

}  // namespace

Result<CreatedBranch> reset_branch(Engine& engine, const std::string& name) {
  BranchRecords old;
  const BranchLocks locks = TRY(lock_branches(engine, [&]() -> Result<LockSet> {
    old = TRY(find_branch(engine, name));
    TRY(check_resettable(old));
    return LockSet{.exclusive = {old.branch.id}, .shared = {*old.branch.parent_id}};
  }));
  const BranchRecords parent = TRY(load_branch(engine, *old.branch.parent_id));
  const auto driver = TRY(driver_of(old.project));
  const auto runtime = TRY(runtime_of(old.project));
  TRY(check_clonable(engine, *driver, parent));
  Approach approach(engine, parent, pgdata_of(*driver, parent.incarnation.volume),
                    driver->capabilities().atomic_snapshot);
  TRY(check_room(engine, *driver, old.project.pool, parent.incarnation.volume,
                 TRY(room_for_clone(*driver, parent.incarnation.volume))));
  const auto grace = TRY(grace_period(engine));
  BranchRecords b = TRY(next_life(old, parent));
  const bool runs = old.branch.wants_running;

  engine.observer().begin(fmt::format("Resetting {} to {}", old.full_name(), parent.full_name()));
  const catalog::Project& project = old.project;
  std::set<std::string> refused;
  const auto draft = [&]() -> Result<Draft> {
    b.incarnation.volume =
        TRY(free_volume_name(engine, *driver, project.pool, project.name, b.branch.name, refused));
    refused.insert(b.incarnation.volume);
    Plan plan{.branches = {b.branch.id}, .undo = {}, .finish = {}};
    // From the last to the first: the new volume goes, then the old server runs again.
    plan.undo = {start_branch_action(b.branch.id),
                 remove_volume(project.runtime, project.driver, project.pool, b.incarnation.volume,
                               b.incarnation.id)};
    plan.finish.push_back(open_branch(b.branch.id));
    if (grace.count() == 0) {
      plan.finish.push_back(remove_volume(project.runtime, project.driver, project.pool,
                                          old.incarnation.volume, old.incarnation.id));
    }
    return Draft{std::move(plan), {{"volume", volume_key(project.pool, b.incarnation.volume)}}};
  };
  auto operation = TRY(Operation::begin(engine, "branch.reset", old.full_name(), draft));
  TRY(or_undo(operation, [&]() -> Result<void> {
    ClonedCluster cloned;
    for (;;) {
      auto made = clone_cluster(engine, operation, *driver, parent, b, approach);
      if (!made && made.error().code == Errc::already_exists) {
        TRY(operation.replan(draft));
        continue;
      }
      cloned = TRY(std::move(made));
      break;
    }
    TRY(operation.step("stop", "Stop PostgreSQL", [&] {
      return runtime->stop(
          pgdata_of(*driver, old.incarnation.volume),
          grace.count() == 0 ? runtime::StopMode::immediate : runtime::StopMode::fast);
    }));
    if (runs) {
      TRY(operation.step("start", "PostgreSQL ready", [&] {
        return start_server(engine, b, cloned.first_start, engine.cancel());
      }));
    }
    if (!runs || !cloned.will_recover) TRY(sync_file_system(driver->root_of(b.incarnation.volume)));
    return operation.commit([&]() -> Result<void> {
      TRY(engine.catalog().insert(b.incarnation));
      TRY(engine.catalog().update(b.branch));
      TRY(engine.catalog().forget_size(parent.incarnation.id));
      if (grace.count() == 0) return engine.catalog().remove_incarnation(old.incarnation.id);
      catalog::Incarnation kept = old.incarnation;
      kept.kept_since = now();
      kept.kept_until = *kept.kept_since + grace;
      kept.kept_reason = "reset";
      return engine.catalog().update(kept);
    });
  }));
  return CreatedBranch{.branch = TRY(view_branch(engine, b.branch.id)),
                       .connection = TRY(connection_view(engine, b))};
}

}  // namespace velo::engine
