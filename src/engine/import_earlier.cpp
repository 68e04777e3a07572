#include "engine/import_earlier.h"

#include <algorithm>
#include <map>

#include "base/crypto.h"
#include "base/files.h"
#include "catalog/catalog.h"
#include "engine/actions.h"
#include "engine/earlier_cluster.h"
#include "engine/marks.h"
#include "engine/operation.h"
#include "engine/places.h"
#include "engine/records.h"
#include "engine/server_files.h"
#include "engine/servers.h"
#include "engine/whereabouts.h"
#include "postgres/cluster.h"
#include "postgres/scram.h"
#include "runtime/registry.h"
#include "storage/registry.h"

namespace velo::engine {
namespace {

constexpr auto earlier_runtime = "docker";

/// A branch to take over, with all that was found of it.
struct Taken {
  BranchRecords b;
  std::string source;
  std::string volume_was;
  std::string container_was;  ///< empty: it has none
  std::string password;       ///< the earlier Velo's
};

struct TakenProject {
  std::vector<Taken> branches;
};

std::string driver_for(const EarlierState& state, const EarlierImport& request) {
  if (request.pool.empty()) return "zfs";
  const auto choice = storage::choose_driver(request.pool);
  return choice ? choice->driver : "copy";
}

class Import {
 public:
  Import(Engine& engine, const EarlierState& state, const EarlierImport& request)
      : engine_(engine),
        state_(state),
        driver_name_(driver_for(state, request)),
        pool_(request.pool.empty() ? state.pool : request.pool) {}

  /// Only looks.
  Result<std::vector<TakenProject>> survey() {
    if (!running_as_root()) {
      return fail_with_hint(Errc::permission,
                            "the earlier Velo's files belong to its containers' users: only root "
                            "can take them over",
                            "sudo velo state import FILE");
    }
    driver_ = TRY(storage::open_driver(driver_name_, pool_));
    runtime_ = TRY(runtime::open_runtime(earlier_runtime));
    TRY(runtime_->check(engine_.cancel()));
    TRY(driver_->check_there());
    std::vector<TakenProject> projects;
    for (const EarlierProject& one : state_.projects) projects.push_back(TRY(survey(one)));
    return projects;
  }

  Result<void> take_over(TakenProject& project) {
    const std::string name = project.branches.front().b.project.name;
    std::vector<std::string> ids;
    for (const Taken& one : project.branches) ids.push_back(one.b.branch.id);
    const BranchLocks locks = TRY(BranchLocks::acquire(engine_, {.exclusive = ids, .shared = {}}));
    engine_.observer().begin(fmt::format("Taking over project {}", name));
    auto operation = TRY(Operation::begin(engine_, "state.import", name,
                                          [&]() -> Result<Draft> { return draft(project, ids); }));
    return or_undo(operation, [&] { return carry_out(operation, project); });
  }

 private:
  Result<TakenProject> survey(const EarlierProject& earlier) {
    if (TRY(engine_.catalog().project_named(earlier.name))) {
      return fail_with_hint(
          Errc::already_exists, fmt::format("there is a project {} already", earlier.name),
          "delete it, or import into another home: VELO_HOME=/path velo state import FILE");
    }
    const runtime::Build build =
        TRY(runtime_->choose_build({.major = 0,
                                    .image = earlier.image,
                                    .home = engine_.home().root(),
                                    .path_variable = engine_.path_variable(),
                                    .server_user = Home::server_user(),
                                    .tell = {}},
                                   engine_.cancel()));
    catalog::Project project;
    project.id = TRY(random_id());
    project.name = earlier.name;
    project.driver = driver_name_;
    project.pool = pool_;
    project.storage_reason = "taken over from the earlier Velo";
    project.runtime = earlier_runtime;
    project.runtime_reason = project.storage_reason;
    project.pg_major = build.major;
    project.os_user = build.owner.name;
    project.database = earlier.database;
    project.created_at = earlier.created_at;
    TakenProject taken;
    std::map<std::string, std::string> ids;  // the earlier Velo's, and ours
    for (const EarlierBranch& one : earlier.branches) ids[one.id] = TRY(random_id());
    const auto primary = std::ranges::find_if(earlier.branches, &EarlierBranch::is_primary);
    project.main_branch_id =
        ids[primary == earlier.branches.end() ? earlier.branches.front().id : primary->id];
    for (const EarlierBranch& one : earlier.branches) {
      taken.branches.push_back(TRY(survey(project, build, earlier, one, ids)));
    }
    return taken;
  }

  Result<Taken> survey(const catalog::Project& project, const runtime::Build& build,
                       const EarlierProject& earlier, const EarlierBranch& branch,
                       std::map<std::string, std::string>& ids) {
    Taken taken;
    BranchRecords& b = taken.b;
    b.project = project;
    b.branch.id = ids[branch.id];
    b.branch.project_id = project.id;
    b.branch.name = branch.name;
    if (branch.parent_id) b.branch.parent_id = ids[*branch.parent_id];
    b.branch.superuser = earlier.user;
    taken.password = earlier.password;
    b.branch.created_at = branch.created_at;
    b.incarnation.id = TRY(random_id());
    b.incarnation.branch_id = b.branch.id;
    b.incarnation.volume = branch.dataset;
    b.incarnation.image = build.image;
    b.incarnation.image_digest = build.digest;
    b.incarnation.basic_archive = build.basic_archive;
    b.incarnation.pg_version = build.version;
    b.incarnation.first_start = true;
    b.incarnation.created_at = branch.created_at;
    b.branch.incarnation_id = b.incarnation.id;
    b.endpoint = {
        .branch_id = b.branch.id, .address = "127.0.0.1", .port = branch.port, .active = true};
    taken.source = driver_name_ == "zfs"
                       ? fmt::format("{}/{}/{}", state_.pool, state_.base, branch.dataset)
                       : (fs::path(pool_) / state_.base / branch.dataset).string();
    taken.volume_was = TRY(driver_->look_at_foreign(taken.source, branch.dataset));
    auto container =
        runtime_->look_at_foreign(fmt::format("velo-{}-{}", project.name, branch.name));
    if (container) {
      taken.container_was = std::move(*container);
    } else if (container.error().code != Errc::not_found) {
      return std::unexpected(std::move(container).error());
    }
    // What ran is what runs then; of what the record says nobody knows how old it is.
    b.branch.wants_running = taken.container_was.contains("\"ran\":true");
    for (const auto& other : TRY(engine_.catalog().endpoints())) {
      if (other.active && other.port == b.endpoint.port) b.endpoint.port = 0;
    }
    return taken;
  }

  Result<Draft> draft(TakenProject& project, const std::vector<std::string>& ids) {
    const catalog::Project& p = project.branches.front().b.project;
    Draft draft{.plan = {.branches = ids, .undo = {}, .finish = {}},
                .reservations = {{"project", p.name}}};
    // From the last to the first: all servers stop, then each is what it was.
    for (const Taken& one : project.branches) {
      if (!one.container_was.empty()) {
        draft.plan.undo.push_back(bring_container_back(p.runtime, one.container_was));
      }
    }
    draft.plan.undo.push_back(forget_project_files(p.id));
    for (Taken& one : project.branches) {
      if (one.b.endpoint.port == 0) one.b.endpoint.port = TRY(free_port(engine_, 0)).number;
      draft.plan.undo.push_back(forget_branch_files(one.b.branch.id));
      draft.plan.undo.push_back(give_volume_back(p.driver, p.pool, one.b.incarnation.volume,
                                                 one.b.incarnation.id, p.os_user, one.volume_was));
      draft.plan.finish.push_back({"set_password", {{"branch", one.b.branch.id}}});
      draft.plan.finish.push_back(open_branch(one.b.branch.id));
      draft.reservations.push_back({"port", std::to_string(one.b.endpoint.port)});
      draft.reservations.push_back({"volume", volume_key(p.pool, one.b.incarnation.volume)});
    }
    for (const Taken& one : project.branches) {
      draft.plan.undo.push_back(stop_server(p.runtime, p.driver, p.pool, one.b.incarnation.volume));
    }
    return draft;
  }

  Result<void> carry_out(Operation& operation, TakenProject& project) {
    const catalog::Project& p = project.branches.front().b.project;
    TRY(note_place(engine_.home(), engine_.catalog(), {p.driver, p.pool}));
    TRY(operation.step("aside", "Stop the earlier containers", [&]() -> Result<void> {
      for (const Taken& one : project.branches) {
        if (!one.container_was.empty()) TRY(runtime_->put_foreign_aside(one.container_was));
      }
      return {};
    }));
    const OsUser owner = TRY(owner_of(p));
    TRY(operation.step("volumes", "Take over the volumes", [&]() -> Result<void> {
      for (const Taken& one : project.branches) {
        TRY(driver_->adopt(one.source, one.b.incarnation.volume, mark_for(engine_, one.b), owner));
        TRY(check_cluster(one));
        TRY(keep_files(engine_.home(), one.b.incarnation.id, pgdata_of(one)));
        TRY(prepare_taken_cluster(pgdata_of(one), owner, one.b.branch.superuser));
      }
      return {};
    }));
    TRY(ensure_certificate(engine_, p));
    for (Taken& one : project.branches) {
      TRY(operation.step("start", fmt::format("Start {}", one.b.full_name()),
                         [&] { return start(one); }));
    }
    return operation.commit([&]() -> Result<void> {
      TRY(engine_.catalog().insert(p));
      for (const Taken& one : project.branches) {
        TRY(engine_.catalog().insert(one.b.branch));
        TRY(engine_.catalog().insert(one.b.incarnation));
        TRY(engine_.catalog().insert(one.b.endpoint));
      }
      return save(project);
    });
  }

  fs::path pgdata_of(const Taken& one) const {
    return pgdata_in(driver_->root_of(one.b.incarnation.volume));
  }

  Result<void> check_cluster(const Taken& one) const {
    const OsUser owner = TRY(owner_of(one.b.project));
    const ActAs as(owner);
    const auto major = postgres::read_major(pgdata_of(one));
    if (!major) {
      return fail_with_hint(
          Errc::not_found,
          fmt::format("there is no cluster of {} in {} that the user {} of the image {} could read",
                      one.b.full_name(), one.source, owner.name, one.b.incarnation.image),
          "see whom the files belong to");
    }
    if (*major == one.b.project.pg_major) return {};
    return fail(Errc::unsupported, "{} is of PostgreSQL {}, and the image {} holds {}",
                one.b.full_name(), *major, one.b.incarnation.image, one.b.project.pg_major);
  }

  /// Each is started once, so that Velo gets in. Until the commit it has the password that the
  /// earlier Velo knows.
  Result<void> start(Taken& one) {
    TRY(start_new_cluster(engine_, one.b, engine_.cancel()));
    auto connection = TRY(connect_to(engine_, one.b, engine_.cancel()));
    TRY(connection.query(
        fmt::format("ALTER ROLE {} PASSWORD {}", postgres::quote_identifier(one.b.branch.superuser),
                    postgres::quote_literal(TRY(postgres::scram_verifier(one.password)))),
        connect_patience));
    return {};
  }

  /// How to give it back, for as long as it is there.
  Result<void> save(const TakenProject& project) const {
    Plan plan;
    const catalog::Project& p = project.branches.front().b.project;
    for (const Taken& one : project.branches) {
      plan.branches.push_back(one.b.branch.id);
      plan.finish.push_back(give_volume_back(p.driver, p.pool, one.b.incarnation.volume,
                                             one.b.incarnation.id, p.os_user, one.volume_was));
      plan.finish.push_back(forget_branch_files(one.b.branch.id));
    }
    plan.finish.push_back(forget_project_files(p.id));
    for (const Taken& one : project.branches) {
      if (!one.container_was.empty()) {
        plan.finish.push_back(bring_container_back(p.runtime, one.container_was));
      }
    }
    return write_file_durably(engine_.home().imported_file(p.id), to_json(plan), 0600);
  }

  Engine& engine_;
  const EarlierState& state_;
  std::string driver_name_;
  std::string pool_;
  std::unique_ptr<storage::Driver> driver_;
  std::unique_ptr<runtime::Runtime> runtime_;
};

}  // namespace

Result<ImportReport> import_earlier(Engine& engine, const EarlierState& state,
                                    const EarlierImport& request) {
  TRY(mend(engine));
  Import import(engine, state, request);
  auto projects = TRY(import.survey());
  ImportReport report;
  TRY(ensure_directory(engine.home().imported_file("x").parent_path(), 0700));
  for (TakenProject& project : projects) {
    if (!request.dry_run) TRY(import.take_over(project));
    for (const Taken& one : project.branches) {
      report.branches.push_back({.name = one.b.full_name(),
                                 .source = one.source,
                                 .volume = one.b.incarnation.volume,
                                 .port = one.b.endpoint.port});
    }
  }
  report.notes.emplace_back(
      "each branch has a password of its own now (velo branch password); the earlier one is valid "
      "no more");
  report.notes.emplace_back(
      "they are found at 127.0.0.1 only, where the earlier containers were "
      "open to every network");
  if (!state.snapshots.empty()) {
    report.notes.push_back(
        fmt::format("{} snapshots of the earlier Velo's stay as they are, and are none of Velo's",
                    state.snapshots.size()));
  }
  report.notes.emplace_back(
      "the earlier archives of WAL stay where they are: moments before now cannot be had");
  return report;
}

}  // namespace velo::engine
