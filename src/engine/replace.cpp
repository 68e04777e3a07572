#include "engine/replace.h"

#include <set>

#include "base/files.h"
#include "catalog/catalog.h"
#include "engine/actions.h"
#include "engine/cluster_clone.h"
#include "engine/kept.h"
#include "engine/marks.h"
#include "engine/operation.h"
#include "engine/passwords.h"
#include "engine/places.h"
#include "engine/servers.h"
#include "engine/snapshots.h"
#include "engine/survey.h"

namespace velo::engine {
namespace {

Result<BranchRecords> next_life(const BranchRecords& old, const BranchRecords& source) {
  BranchRecords b = old;
  b.incarnation = TRY(life_cloned_from(source.incarnation, old.branch.id));
  b.branch.incarnation_id = b.incarnation.id;
  b.branch.reset_at = b.incarnation.created_at;
  return b;
}

/// What the catalog says of the old life once the new one is the branch's.
Result<void> put_aside(Engine& engine, const BranchRecords& old, Replaced replaced,
                       std::chrono::seconds grace) {
  catalog::Incarnation kept = old.incarnation;
  kept.kept_since = now();
  if (replaced == Replaced::kept_as_snapshot) {
    kept.kept_reason = snapshot_reason;
    TRY(engine.catalog().update(kept));
    return engine.catalog().insert(catalog::Snapshot{.incarnation_id = kept.id,
                                                     .of_incarnation_id = kept.id,
                                                     .label = "",
                                                     .purpose = "replaced",
                                                     .taken_at = *kept.kept_since});
  }
  if (grace.count() == 0) return engine.catalog().remove_incarnation(kept.id);
  kept.kept_until = *kept.kept_since + grace;
  kept.kept_reason = "reset";
  return engine.catalog().update(kept);
}

}  // namespace

Result<CreatedBranch> replace_life(Engine& engine, const Replacement& replacement) {
  const BranchRecords& old = replacement.old;
  const BranchRecords& source = replacement.source;
  const catalog::Project& project = old.project;
  const auto driver = TRY(driver_of(project));
  const auto runtime = TRY(runtime_of(project));
  TRY(check_clonable(engine, *driver, source));
  Approach approach(engine, source, pgdata_of(*driver, source.incarnation.volume),
                    driver->capabilities().atomic_snapshot,
                    {.when_busy = WhenBusy::automatic,
                     .starts_at_once = old.branch.wants_running && runtime->can_promote() &&
                                       !replacement.replay});
  TRY(check_room(engine, *driver, project.pool, source.incarnation.volume,
                 TRY(room_for_clone(*driver, source))));
  const auto grace = TRY(grace_period(engine));
  const bool discards = replacement.replaced == Replaced::kept_for_grace && grace.count() == 0;
  BranchRecords b = TRY(next_life(old, source));
  const bool runs = old.branch.wants_running;
  if (replacement.snapshot) fork_from(*replacement.snapshot, b.incarnation);
  if (replacement.replay) fork_from(*replacement.replay, b.incarnation);

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
    if (discards) {
      plan.finish.push_back(remove_volume(project.runtime, project.driver, project.pool,
                                          old.incarnation.volume, old.incarnation.id));
    }
    return Draft{std::move(plan), {{"volume", volume_key(project.pool, b.incarnation.volume)}}};
  };
  auto operation = TRY(Operation::begin(engine, replacement.kind, old.full_name(), draft));
  TRY(or_undo(operation, [&]() -> Result<void> {
    ClonedCluster cloned =
        TRY(clone_cluster(engine, operation, *driver, source, b, approach, draft));
    TRY(operation.step("stop", "Stop PostgreSQL", [&] {
      return runtime->stop(pgdata_of(*driver, old.incarnation.volume),
                           discards ? runtime::StopMode::immediate : runtime::StopMode::fast);
    }));
    if (runs || replacement.replay) {
      cloned.first_start.replay = replacement.replay;
      TRY(operation.step("start", "PostgreSQL ready", [&] {
        return start_server(engine, b, cloned.first_start, engine.cancel());
      }));
    }
    if (!runs && replacement.replay) {  // it had to run once, to be replayed
      TRY(runtime->stop(pgdata_of(*driver, b.incarnation.volume), runtime::StopMode::fast));
    }
    if (!runs) TRY(mark_whole(engine, *driver, b, {}));
    if (!runs || !cloned.will_recover) TRY(sync_file_system(driver->root_of(b.incarnation.volume)));
    return operation.commit([&]() -> Result<void> {
      TRY(engine.catalog().insert(b.incarnation));
      TRY(engine.catalog().update(b.branch));
      TRY(engine.catalog().forget_size(source.incarnation.id));
      return put_aside(engine, old, replacement.replaced, grace);
    });
  }));
  return CreatedBranch{.branch = TRY(view_branch(engine, b.branch.id)),
                       .connection = TRY(connection_view(engine, b))};
}

}  // namespace velo::engine
