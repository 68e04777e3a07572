#include "base/crypto.h"
#include "base/files.h"
#include "base/text.h"
#include "catalog/catalog.h"
#include "engine/actions.h"
#include "engine/branches.h"
#include "engine/cluster_clone.h"
#include "engine/names.h"
#include "engine/operation.h"
#include "engine/passwords.h"
#include "engine/places.h"
#include "engine/records.h"
#include "engine/servers.h"
#include "engine/survey.h"
#include "postgres/clone.h"

namespace velo::engine {
namespace {

Result<BranchRecords> find_parent(Engine& engine, const BranchName& name,
                                  const std::string& parent) {
  if (parent.empty()) {
    const catalog::Project project = TRY(find_project(engine, name.project));
    return load_branch(engine, project.main_branch_id);
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

Result<void> check_name_is_free(Engine& engine, const catalog::Project& project,
                                const std::string& name) {
  const std::string full_name = project.name + "/" + name;
  if (TRY(engine.catalog().branch_named(project.id, name))) {
    return fail_with_hint(Errc::already_exists,
                          fmt::format("the branch {} already exists", full_name),
                          fmt::format("choose another name, or take it back to its parent: velo "
                                      "branch reset {}",
                                      full_name));
  }
  for (const auto& reservation : TRY(engine.catalog().reservations("branch"))) {
    if (reservation.key == project.id + "/" + name) {
      return fail_with_hint(
          Errc::already_exists,
          fmt::format("the branch {} is being made by another command", full_name),
          "velo operations shows it");
    }
  }
  return {};
}

Result<BranchRecords> draft_records(const BranchRecords& parent, const CreateBranch& request,
                                    const std::string& name) {
  const Timestamp created = now();
  BranchRecords b;
  b.project = parent.project;
  b.branch.id = TRY(random_id());
  b.incarnation.id = TRY(random_id());
  b.branch.project_id = b.project.id;
  b.branch.name = name;
  b.branch.parent_id = parent.branch.id;
  b.branch.incarnation_id = b.incarnation.id;
  b.branch.superuser = parent.branch.superuser;
  b.branch.wants_running = request.start;
  b.branch.settings = request.settings;
  b.branch.created_at = created;
  b.incarnation.branch_id = b.branch.id;
  b.incarnation.parent_incarnation_id = parent.incarnation.id;
  b.incarnation.bin_directory = parent.incarnation.bin_directory;
  b.incarnation.image = parent.incarnation.image;
  b.incarnation.image_digest = parent.incarnation.image_digest;
  b.incarnation.basic_archive = parent.incarnation.basic_archive;
  b.incarnation.pg_version = parent.incarnation.pg_version;
  b.incarnation.drift_told = parent.incarnation.drift_told;
  b.incarnation.first_start = true;
  b.incarnation.created_at = created;
  b.endpoint = {.branch_id = b.branch.id, .address = request.address, .port = 0, .active = true};
  return b;
}

Result<Draft> draft_plan(Engine& engine, const storage::Driver& driver, BranchRecords& b, int port,
                         std::set<std::string>& refused) {
  TRY(check_name_is_free(engine, b.project, b.branch.name));
  b.endpoint.port = TRY(free_port(engine, port));
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
  BranchRecords parent;
  const BranchLocks locks = TRY(lock_branches(engine, [&]() -> Result<LockSet> {
    parent = TRY(find_parent(engine, name, request.parent));
    TRY(check_name_is_free(engine, parent.project, name.branch));
    return LockSet{.exclusive = {}, .shared = {parent.branch.id}};
  }));
  const auto driver = TRY(driver_of(parent.project));
  TRY(check_clonable(engine, *driver, parent));
  Approach approach(engine, parent, pgdata_of(*driver, parent.incarnation.volume),
                    driver->capabilities().atomic_snapshot);
  TRY(check_room(engine, *driver, parent.project.pool, parent.incarnation.volume,
                 TRY(room_for_clone(*driver, parent.incarnation.volume))));
  BranchRecords b = TRY(draft_records(parent, request, name.branch));
  const BranchLocks own =
      TRY(BranchLocks::acquire(engine, {.exclusive = {b.branch.id}, .shared = {}}));

  engine.observer().begin(fmt::format("Creating {} from {}", b.full_name(), parent.full_name()));
  std::set<std::string> refused;
  const auto draft = [&] { return draft_plan(engine, *driver, b, request.port, refused); };
  auto operation = TRY(Operation::begin(engine, "branch.create", b.full_name(), draft));
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
    const fs::path root = driver->root_of(b.incarnation.volume);
    if (request.start) {
      TRY(operation.step("start", "PostgreSQL ready", [&] {
        return start_server(engine, b, cloned.first_start, engine.cancel());
      }));
    }
    if (!request.start || !cloned.will_recover) TRY(sync_file_system(root));
    return operation.commit([&]() -> Result<void> {
      TRY(engine.catalog().insert(b.branch));
      TRY(engine.catalog().insert(b.incarnation));
      TRY(engine.catalog().forget_size(parent.incarnation.id));
      return engine.catalog().insert(b.endpoint);
    });
  }));
  return CreatedBranch{.branch = TRY(view_branch(engine, b.branch.id)),
                       .connection = TRY(connection_view(engine, b))};
}

}  // namespace velo::engine
