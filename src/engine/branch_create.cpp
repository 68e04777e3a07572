#include "base/crypto.h"
#include "base/files.h"
#include "base/text.h"
#include "catalog/catalog.h"
#include "engine/actions.h"
#include "engine/branches.h"
#include "engine/cluster_clone.h"
#include "engine/marks.h"
#include "engine/moments.h"
#include "engine/names.h"
#include "engine/operation.h"
#include "engine/passwords.h"
#include "engine/places.h"
#include "engine/records.h"
#include "engine/servers.h"
#include "engine/snapshots.h"
#include "engine/survey.h"
#include "engine/temporary.h"
#include "postgres/clone.h"

namespace velo::engine {
namespace {

Result<BranchRecords> find_parent(Engine& engine, const BranchName& name,
                                  const std::string& parent) {
  if (parent.empty()) {
    const catalog::Project project = TRY(find_project(engine, name.project));
    return load_branch(engine, project.main_branch_id);
  }
  if (check_name("branch", parent)) {
    return fail_with_hint(Errc::invalid_name,
                          fmt::format("'{}' is not of the form PROJECT/BRANCH", parent),
                          fmt::format("write --parent {}/{}", name.project, parent));
  }
  BranchRecords found = TRY(find_branch(engine, parent));
  if (found.project.name != name.project) {
    return fail_with_hint(
        Errc::usage,
        fmt::format("the parent {} is in another project than {}/{}", parent, name.project,
                    name.branch),
        fmt::format("branches stay in their project: velo branch create {}/{} --parent {}",
                    found.project.name, name.branch, parent));
  }
  return found;
}

/// The parent as it is now, or one of its snapshots, whose branch is then the parent.
struct Source {
  BranchRecords parent;
  std::optional<catalog::Snapshot> snapshot;
};

Result<Source> find_source(Engine& engine, const BranchName& name, const CreateBranch& request) {
  if (request.snapshot.empty()) {
    return Source{.parent = TRY(find_parent(engine, name, request.parent)), .snapshot = {}};
  }
  const std::string of = request.parent.empty() && !request.snapshot.contains('@')
                             ? TRY(find_parent(engine, name, "")).full_name()
                             : request.parent;
  SnapshotRecords found = TRY(find_snapshot(engine, request.snapshot, of));
  const std::string owner = found.source.full_name();
  if (!request.parent.empty() && request.parent != owner) {
    return fail_with_hint(
        Errc::usage,
        fmt::format("the snapshot {} is of {}, not of {}", request.snapshot, owner, request.parent),
        "leave --parent out: the snapshot's branch becomes the parent");
  }
  if (found.source.project.name != name.project) {
    return fail_with_hint(
        Errc::usage,
        fmt::format("the snapshot {} is of {}, in another project than {}/{}", request.snapshot,
                    owner, name.project, name.branch),
        fmt::format("branches stay in their project: velo branch create {}/{} --snapshot {}",
                    found.source.project.name, name.branch, request.snapshot));
  }
  return Source{.parent = std::move(found.source), .snapshot = std::move(found.snapshot)};
}

Result<void> check_moment(const CreateBranch& request) {
  if (!request.as_of) return {};
  if (!request.snapshot.empty()) {
    return fail_with_hint(Errc::usage, "a snapshot and a moment are two things to begin with",
                          "leave --snapshot out: Velo chooses the nearest one before the moment");
  }
  if (!request.start) {
    return fail_with_hint(
        Errc::usage,
        "a branch of an earlier moment is replayed by its server, which must "
        "start for that",
        "leave --no-start out, and stop it afterwards: velo branch stop " + request.name);
  }
  return {};
}

/// The backup API, which copies of a running parent's files are made with, begins with a
/// checkpoint.
Result<void> check_when_busy(const CreateBranch& request, const storage::Driver& driver) {
  if (request.when_busy != WhenBusy::replay || driver.capabilities().atomic_snapshot) return {};
  return fail_with_hint(
      Errc::unsupported,
      fmt::format("the {} driver copies files one by one, which takes a checkpoint of the parent",
                  driver.name()),
      "leave --when-busy out");
}

/// "demo/main", "the snapshot demo/main@before", "demo/main as of 2025-10-07 14:30:00 (…)"
std::string words_for(const CreateBranch& request, const BranchRecords& parent) {
  if (!request.snapshot.empty()) return "the snapshot " + request.snapshot;
  if (!request.as_of) return parent.full_name();
  return fmt::format("{} as of {}", parent.full_name(), to_words(*request.as_of));
}

Result<BranchRecords> draft_records(const BranchRecords& parent, const CreateBranch& request,
                                    const std::string& name) {
  BranchRecords b;
  b.project = parent.project;
  b.branch.id = request.temporary ? request.temporary->branch_id : TRY(random_id());
  b.incarnation = TRY(life_cloned_from(parent.incarnation, b.branch.id));
  b.branch.project_id = b.project.id;
  b.branch.name = name;
  b.branch.parent_id = parent.branch.id;
  b.branch.incarnation_id = b.incarnation.id;
  b.branch.superuser = parent.branch.superuser;
  b.branch.wants_running = request.start;
  b.branch.archives = request.archives;
  b.branch.settings = request.settings;
  b.branch.created_at = b.incarnation.created_at;
  b.endpoint = {.branch_id = b.branch.id, .address = request.address, .port = 0, .active = true};
  return b;
}

/// Its record, with what it was cloned from.
catalog::Temporary temporary_of(catalog::Temporary temporary, const Source& found,
                                const BranchRecords& b) {
  temporary.as_of = b.incarnation.forked_at.value_or(now());
  if (!found.snapshot) return temporary;
  temporary.snapshot_id = found.snapshot->incarnation_id;
  temporary.snapshot = found.snapshot->label;
  return temporary;
}

Basis basis_of(const catalog::Snapshot& snapshot) {
  return {
      .snapshot_id = snapshot.incarnation_id, .label = snapshot.label, .as_of = snapshot.taken_at};
}

Result<Draft> draft_plan(Engine& engine, const storage::Driver& driver, BranchRecords& b,
                         int wanted_port, FreePort& port, std::set<std::string>& refused) {
  TRY(check_name_is_free(engine, b.project, b.branch.name));
  port = {};
  port = TRY(free_port(engine, wanted_port));
  b.endpoint.port = port.number;
  b.incarnation.volume =
      TRY(free_volume_name(engine, driver, b.project.pool, b.project.name, b.branch.name, refused));
  refused.insert(b.incarnation.volume);
  return Draft{.plan = {.branches = {b.branch.id},
                        .undo = {forget_branch_files(b.branch.id),
                                 remove_volume(b.project.runtime, b.project.driver, b.project.pool,
                                               b.incarnation.volume, b.incarnation.id)},
                        .finish = {open_branch(b.branch.id)}},
               .reservations = {{"branch", b.project.id + "/" + b.branch.name},
                                {"port", std::to_string(b.endpoint.port)},
                                {"volume", volume_key(b.project.pool, b.incarnation.volume)}}};
}

}  // namespace

Result<CreatedBranch> create_branch(Engine& engine, const CreateBranch& request) {
  const BranchName name = TRY(parse_branch_name(request.name));
  TRY(check_address(request.address));
  TRY(check_moment(request));
  Source found;
  const BranchRecords& parent = found.parent;
  std::optional<RecoveryPlan> replay;
  BranchLocks locks = TRY(lock_branches(engine, [&]() -> Result<LockSet> {
    found = TRY(find_source(engine, name, request));
    TRY(check_lasts(engine, parent.project, parent.branch));
    TRY(check_name_is_free(engine, parent.project, name.branch));
    LockSet set{.exclusive = {}, .shared = {parent.branch.id}};
    if (request.as_of) {
      replay = TRY(plan_recovery(engine, parent, *request.as_of));
      add_locks(*replay, set);
    }
    return set;
  }));
  if (replay) TRY(mark_end(engine, *replay));
  const BranchRecords& source = replay ? replay->base : parent;
  const auto driver = TRY(driver_of(parent.project));
  // What follows takes time too, and does not need the parent's server.
  Approach approach(
      engine, source, pgdata_of(*driver, source.incarnation.volume),
      driver->capabilities().atomic_snapshot,
      {.when_busy = request.when_busy,
       .starts_at_once = request.start && TRY(runtime_of(parent.project))->can_promote()});
  TRY(check_when_busy(request, *driver));
  TRY(TRY(runtime_of(parent.project))
          ->check_listening(request.address, request.port, TRY(owner_of(parent.project))));
  TRY(check_clonable(engine, *driver, source));
  TRY(check_room(engine, *driver, source.project.pool, source.incarnation.volume,
                 TRY(room_for_clone(*driver, source))));
  BranchRecords b = TRY(draft_records(parent, request, name.branch));
  if (found.snapshot) fork_from(*found.snapshot, b.incarnation);
  if (replay) fork_from(*replay, b.incarnation);
  BranchLocks own = TRY(BranchLocks::acquire(engine, {.exclusive = {b.branch.id}, .shared = {}}));

  engine.observer().begin(
      fmt::format("Creating {} from {}", b.full_name(), words_for(request, parent)));
  FreePort port;
  std::set<std::string> refused;
  const auto draft = [&] { return draft_plan(engine, *driver, b, request.port, port, refused); };
  auto operation = TRY(Operation::begin(engine, "branch.create", b.full_name(), draft));
  TRY(or_undo(operation, [&]() -> Result<void> {
    ClonedCluster cloned =
        TRY(clone_cluster(engine, operation, *driver, source, b, approach, draft));
    cloned.first_start.replay = replay;
    const fs::path root = driver->root_of(b.incarnation.volume);
    if (request.start) {
      TRY(operation.step("start", "PostgreSQL ready", [&] {
        return start_server(engine, b, cloned.first_start, engine.cancel());
      }));
    }
    if (!request.start) TRY(mark_whole(engine, *driver, b, {}));
    const bool must_last = !request.temporary || !request.temporary->ephemeral;
    if (must_last && (!request.start || !cloned.will_recover)) TRY(sync_file_system(root));
    return operation.commit([&]() -> Result<void> {
      TRY(engine.catalog().insert(b.branch));
      TRY(engine.catalog().insert(b.incarnation));
      TRY(engine.catalog().forget_size(source.incarnation.id));
      TRY(engine.catalog().insert(b.endpoint));
      if (!request.temporary) return {};
      return engine.catalog().put(temporary_of(*request.temporary, found, b));
    });
  }));
  locks = BranchLocks();
  own = BranchLocks();
  if (!replay && !found.snapshot && !request.temporary) renew_base(engine, parent);
  CreatedBranch created{.branch = TRY(view_branch(engine, b.branch.id)),
                        .connection = TRY(connection_view(engine, b))};
  if (found.snapshot) created.based_on = basis_of(*found.snapshot);
  return created;
}

}  // namespace velo::engine
