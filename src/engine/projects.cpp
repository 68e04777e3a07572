#include "engine/projects.h"

#include "base/crypto.h"
#include "base/files.h"
#include "catalog/catalog.h"
#include "engine/actions.h"
#include "engine/choose_runtime.h"
#include "engine/marks.h"
#include "engine/names.h"
#include "engine/operation.h"
#include "engine/passwords.h"
#include "engine/places.h"
#include "engine/records.h"
#include "engine/server_files.h"
#include "engine/servers.h"
#include "engine/sizes.h"
#include "engine/snapshots.h"
#include "engine/survey.h"
#include "runtime/registry.h"

namespace velo::engine {
namespace {

/// A fresh cluster with its WAL and catalogs, and room to breathe.
constexpr std::uint64_t new_cluster_bytes = 64U << 20U;

/// The records of NAME and NAME/main, but for what the transaction chooses: port and volume.
Result<BranchRecords> draft_records(const CreateProject& request, const ChosenRuntime& runtime,
                                    const runtime::Build& build, const Placement& place) {
  const Timestamp created = now();
  BranchRecords b;
  b.project.id = TRY(random_id());
  b.branch.id = TRY(random_id());
  b.incarnation.id = TRY(random_id());
  b.project.name = request.name;
  b.project.driver = place.driver;
  b.project.pool = place.pool;
  b.project.storage_reason = place.reason;
  b.project.runtime = runtime.name;
  b.project.runtime_reason = runtime.reason;
  b.project.pg_major = build.major;
  b.project.os_user = build.owner.name;
  b.project.database = "postgres";
  b.project.main_branch_id = b.branch.id;
  b.project.created_at = created;
  b.branch.project_id = b.project.id;
  b.branch.name = main_name;
  b.branch.incarnation_id = b.incarnation.id;
  b.branch.superuser = "postgres";
  b.branch.wants_running = true;
  b.branch.settings = request.settings;
  b.branch.created_at = created;
  b.incarnation.branch_id = b.branch.id;
  b.incarnation.bin_directory = build.bin.string();
  b.incarnation.image = build.image;
  b.incarnation.image_digest = build.digest;
  b.incarnation.basic_archive = build.basic_archive;
  b.incarnation.pg_version = build.version;
  b.incarnation.first_start = true;
  b.incarnation.created_at = created;
  b.endpoint = {.branch_id = b.branch.id, .address = request.address, .port = 0, .active = true};
  return b;
}

Result<void> check_name_is_free(Engine& engine, const std::string& name) {
  if (TRY(engine.catalog().project_named(name))) {
    return fail_with_hint(Errc::already_exists, fmt::format("the project {} already exists", name),
                          fmt::format("choose another name, or see velo project get {}", name));
  }
  for (const auto& reservation : TRY(engine.catalog().reservations("project"))) {
    if (reservation.key == name) {
      return fail_with_hint(Errc::already_exists,
                            fmt::format("the project {} is being made by another command", name),
                            "velo operations shows it");
    }
  }
  return {};
}

/// Chooses port and volume, within the transaction that reserves them.
Result<Draft> draft_plan(Engine& engine, const storage::Driver& driver, BranchRecords& b,
                         int wanted_port, FreePort& port, std::set<std::string>& refused) {
  TRY(check_name_is_free(engine, b.project.name));
  port = {};
  port = TRY(free_port(engine, wanted_port));
  b.endpoint.port = port.number;
  b.incarnation.volume =
      TRY(free_volume_name(engine, driver, b.project.pool, b.project.name, b.branch.name, refused));
  refused.insert(b.incarnation.volume);
  return Draft{
      .plan = {.branches = {b.branch.id},
               .undo = {forget_project_files(b.project.id), forget_branch_files(b.branch.id),
                        remove_volume(b.project.runtime, b.project.driver, b.project.pool,
                                      b.incarnation.volume, b.incarnation.id)},
               .finish = {open_branch(b.branch.id)}},
      .reservations = {{"project", b.project.name},
                       {"port", std::to_string(b.endpoint.port)},
                       {"volume", volume_key(b.project.pool, b.incarnation.volume)}}};
}

/// So that the project can be had as of any moment from now on. The project is there without.
void take_first_base(Engine& engine, const BranchRecords& b) {
  if (!archives_wal(engine, b.branch).value_or(false)) return;
  if (auto base = create_snapshot(engine, b.full_name(), "", std::string(base_purpose)); !base) {
    engine.observer().warning(fmt::format(
        "there is no base to recover {} from yet ({}); velo snapshot create {} makes one",
        b.full_name(), base.error().message, b.full_name()));
  }
}

}  // namespace

Result<CreatedProject> create_project(Engine& engine, const CreateProject& request) {
  TRY(check_name("project", request.name));
  TRY(check_address(request.address));
  TRY(mend(engine));
  TRY(check_name_is_free(engine, request.name));
  const ChosenRuntime chosen = TRY(choose_runtime(engine, request.runtime, request.image));
  const auto runtime = TRY(runtime::open_runtime(chosen.name));
  const runtime::Build build =
      TRY(runtime->choose_build({.major = request.pg_major,
                                 .image = request.image,
                                 .home = engine.home().root(),
                                 .path_variable = engine.path_variable(),
                                 .server_user = Home::server_user(),
                                 .tell =
                                     [&](std::string_view what) {
                                       engine.observer().notice(fmt::format("pulled {}", what));
                                     }},
                                engine.cancel()));
  TRY(runtime->check_listening(request.address, request.port, build.owner));
  TRY(check_reachable(engine.home().root() / "run", build.owner));
  const Placement place = TRY(choose_place(engine, request.storage, request.pool, build.owner));
  BranchRecords b = TRY(draft_records(request, chosen, build, place));
  const auto driver = TRY(driver_of(b.project));
  TRY(check_room(engine, *driver, place.pool, "", new_cluster_bytes));
  TRY(prepare_pool(engine, *driver, place.pool));

  std::optional<BranchLocks> locks =
      TRY(BranchLocks::acquire(engine, {.exclusive = {b.branch.id}, .shared = {}}));
  engine.observer().begin(fmt::format("Creating project {}", request.name));
  if (driver->capabilities().cost == storage::CloneCost::per_byte) {
    engine.observer().notice(
        fmt::format("every branch of {} will be a full copy, for that is all that {} on {} can do",
                    request.name, place.driver, place.pool));
  }
  FreePort port;
  std::set<std::string> refused;
  const auto draft = [&] { return draft_plan(engine, *driver, b, request.port, port, refused); };
  auto operation = TRY(Operation::begin(engine, "project.create", request.name, draft));
  TRY(or_undo(operation, [&]() -> Result<void> {
    TRY(operation.step("volume", fmt::format("Volume on {}", place.driver), [&]() -> Result<void> {
      for (;;) {
        auto made = driver->create(b.incarnation.volume, mark_for(engine, b), build.owner);
        if (made || made.error().code != Errc::already_exists) return made;
        TRY(operation.replan(draft));
      }
    }));
    TRY(operation.step("initdb", fmt::format("Initialize PostgreSQL {}", build.version),
                       [&] { return make_new_cluster(engine, b, engine.cancel()); }));
    TRY(operation.step("start", "PostgreSQL ready", [&]() -> Result<void> {
      TRY(ensure_certificate(engine, b.project));
      return start_new_cluster(engine, b, engine.cancel());
    }));
    return operation.commit([&]() -> Result<void> {
      TRY(engine.catalog().insert(b.project));
      TRY(engine.catalog().insert(b.branch));
      TRY(engine.catalog().insert(b.incarnation));
      return engine.catalog().insert(b.endpoint);
    });
  }));
  locks.reset();
  take_first_base(engine, b);
  return CreatedProject{.project = TRY(TRY(Survey::take(engine)).project(b.project.id)),
                        .connection = TRY(connection_view(engine, b))};
}

Result<std::vector<ProjectView>> list_projects(Engine& engine) {
  std::vector<ProjectView> views = TRY(TRY(Survey::take(engine)).projects());
  for (ProjectView& view : views) leave_out_spares(view.branches);
  return views;
}

Result<ProjectView> get_project(Engine& engine, const std::string& name) {
  const catalog::Project project = TRY(find_project(engine, name));
  ProjectView view = TRY(TRY(measured_survey(engine)).project(project.id));
  leave_out_spares(view.branches);
  return view;
}

}  // namespace velo::engine
