#include <thread>

#include "base/fault.h"
#include "base/files.h"
#include "base/text.h"
#include "catalog/catalog.h"
#include "engine/actions.h"
#include "engine/branches.h"
#include "engine/operation.h"
#include "engine/passwords.h"
#include "engine/records.h"
#include "engine/servers.h"
#include "engine/setup.h"
#include "engine/sizes.h"
#include "engine/survey.h"
#include "postgres/hba.h"

namespace velo::engine {
namespace {

Result<std::filesystem::path> present_pgdata(const BranchRecords& b) {
  const auto driver = TRY(driver_of(b.project));
  fs::path pgdata = pgdata_of(*driver, b.incarnation.volume);
  if (auto attached = driver->attach(b.incarnation.volume);
      !attached && attached.error().code != Errc::not_found) {
    return std::unexpected(std::move(attached).error());
  }
  if (path_exists(driver->root_of(b.incarnation.volume))) return pgdata;
  return volume_missing(*driver, b.incarnation.volume, b.full_name());
}

Result<BranchLocks> lock_one(Engine& engine, const std::string& name, BranchRecords& b) {
  return lock_branches(engine, [&]() -> Result<LockSet> {
    b = TRY(find_branch(engine, name));
    return LockSet{.exclusive = {b.branch.id}, .shared = {}};
  });
}

Result<CreatedBranch> describe_branch(Engine& engine, const BranchRecords& b) {
  return CreatedBranch{.branch = TRY(view_branch(engine, b.branch.id)),
                       .connection = TRY(connection_view(engine, b))};
}

/// The step and the commit of every operation that ends with this branch running. The plan's finish
/// must open its gate.
Result<void> start_and_commit(Engine& engine, Operation& operation, BranchRecords& b) {
  TRY(operation.step("start", "PostgreSQL ready",
                     [&] { return start_server(engine, b, {}, engine.cancel()); }));
  b.branch.wants_running = true;
  return operation.commit([&]() -> Result<void> {
    TRY(engine.catalog().update(b.branch));
    return engine.catalog().update(b.incarnation);
  });
}

/// A server that a crash left running would be one that nobody wants, and that is gone after a
/// reboot; before its first start as itself its gate is closed, and nobody would know. One that
/// should run anyhow may as well.
std::vector<Action> undo_of_start(const BranchRecords& b) {
  if (b.branch.wants_running && !b.incarnation.first_start) return {};
  return {stop_own_server(b)};
}

/// What runs on it, once it is ready: the daemon may just have started it again, or it recovers
/// from a crash. One that runs no more by then is none. Errc::server when it does not become ready.
Result<runtime::Seen> await_what_runs(Engine& engine, const BranchRecords& b,
                                      const fs::path& pgdata) {
  constexpr auto longest = std::chrono::minutes(10);
  constexpr auto pause = std::chrono::milliseconds(20);
  const auto runtime = TRY(runtime_of(b.project));
  const Deadline deadline(patience_for(longest));
  for (bool told = false;; told = true) {
    runtime::Seen seen = TRY(runtime->inspect(pgdata));
    if (!seen.runs || seen.is_ready) return seen;
    if (!told) {
      engine.observer().notice(fmt::format(
          "the server of {} is starting, or recovers from a crash: waiting until it is ready",
          b.full_name()));
    }
    TRY(engine.cancel().check());
    if (deadline.passed()) {
      return fail_with_hint(
          Errc::server, fmt::format("the server of {} runs, and is not ready", b.full_name()),
          fmt::format("velo logs {0} shows how far it is; velo branch restart {0} starts it anew",
                      b.full_name()));
    }
    std::this_thread::sleep_for(pause);
  }
}

Result<void> start_locked(Engine& engine, BranchRecords& b) {
  const fs::path pgdata = TRY(present_pgdata(b));
  const runtime::Seen seen = TRY(await_what_runs(engine, b, pgdata));
  if (seen.runs && !b.incarnation.first_start) {
    if (was_started_by_hand(engine, b, seen)) {
      engine.observer().warning(fmt::format(
          "the server of {} was started by hand, on port {}: its URL does not lead there. velo "
          "branch restart {} starts it as Velo would",
          b.full_name(), seen.socket_port, b.full_name()));
    }
    b.branch.wants_running = true;
    return engine.catalog().update(b.branch);
  }
  engine.observer().begin(fmt::format("Starting {}", b.full_name()));
  auto operation =
      TRY(Operation::begin(engine, "branch.start", b.full_name(), [&]() -> Result<Draft> {
        return Draft{.plan = {.branches = {b.branch.id},
                              .undo = undo_of_start(b),
                              .finish = {open_branch(b.branch.id)}},
                     .reservations = {}};
      }));
  return or_undo(operation, [&] { return start_and_commit(engine, operation, b); });
}

}  // namespace

Result<CreatedBranch> start_branch(Engine& engine, const std::string& name) {
  BranchRecords b;
  const BranchLocks locks = TRY(lock_one(engine, name, b));
  TRY(start_locked(engine, b));
  return describe_branch(engine, b);
}

Result<BranchView> stop_branch(Engine& engine, const std::string& name) {
  BranchRecords b;
  const BranchLocks locks = TRY(lock_one(engine, name, b));
  const auto driver = TRY(driver_of(b.project));
  const bool runs =
      TRY(TRY(runtime_of(b.project))->inspect(pgdata_of(*driver, b.incarnation.volume))).runs;
  if (runs || b.branch.wants_running) {
    engine.observer().begin(fmt::format("Stopping {}", b.full_name()));
    auto operation =
        TRY(Operation::begin(engine, "branch.stop", b.full_name(), [&]() -> Result<Draft> {
          return Draft{.plan = {.branches = {b.branch.id},
                                .undo = {},
                                .finish = {stop_server(b.project.runtime, b.project.driver,
                                                       b.project.pool, b.incarnation.volume)}},
                       .reservations = {}};
        }));
    b.branch.wants_running = false;
    TRY(or_undo(operation, [&] {
      return operation.commit([&] { return engine.catalog().update(b.branch); });
    }));
  }
  return view_branch(engine, b.branch.id);
}

Result<CreatedBranch> restart_branch(Engine& engine, const std::string& name) {
  BranchRecords b;
  const BranchLocks locks = TRY(lock_one(engine, name, b));
  const fs::path pgdata = TRY(present_pgdata(b));
  engine.observer().begin(fmt::format("Restarting {}", b.full_name()));
  auto operation =
      TRY(Operation::begin(engine, "branch.restart", b.full_name(), [&]() -> Result<Draft> {
        return Draft{.plan = {.branches = {b.branch.id},
                              .undo = {start_branch_action(b.branch.id)},
                              .finish = {open_branch(b.branch.id)}},
                     .reservations = {}};
      }));
  TRY(or_undo(operation, [&]() -> Result<void> {
    TRY(operation.step("stop", "Stop PostgreSQL", [&]() -> Result<void> {
      return TRY(runtime_of(b.project))->stop(pgdata, runtime::StopMode::fast);
    }));
    return start_and_commit(engine, operation, b);
  }));
  return describe_branch(engine, b);
}

Result<std::vector<BranchView>> list_branches(Engine& engine, const std::string& project,
                                              Sizing sizing, Spares spares) {
  const Survey survey =
      TRY(sizing == Sizing::measured ? measured_survey(engine) : Survey::take(engine));
  std::vector<BranchView> all;
  if (!project.empty()) {
    all = TRY(survey.project(TRY(find_project(engine, project)).id)).branches;
  } else {
    for (ProjectView& view : TRY(survey.projects())) {
      for (BranchView& branch : view.branches) all.push_back(std::move(branch));
    }
  }
  if (spares == Spares::hidden) leave_out_spares(all);
  return all;
}

Result<ConnectionView> connection_of(Engine& engine, const std::string& name) {
  return connection_view(engine, TRY(find_branch(engine, name)));
}

Result<UpReport> start_all(Engine& engine) {
  TRY(mend(engine));
  UpReport report;
  for (const ProjectView& project : TRY(TRY(Survey::take(engine)).projects())) {
    ensure_direct_io(project.pool);
    for (const BranchView& branch : project.branches) {
      if (branch.state == ServerState::stopped) continue;
      if (branch.state == ServerState::running || branch.state == ServerState::starting) {
        report.already_running.push_back(branch.full_name);
        continue;
      }
      if (auto started = start_branch(engine, branch.full_name); started) {
        report.started.push_back(branch.full_name);
      } else {
        TRY(engine.cancel().check());
        report.failed.emplace_back(branch.full_name, std::move(started).error());
      }
    }
  }
  return report;
}

Result<std::string> log_file_of(Engine& engine, const std::string& name) {
  const BranchRecords b = TRY(find_branch(engine, name));
  const auto driver = TRY(driver_of(b.project));
  const fs::path pgdata = pgdata_of(*driver, b.incarnation.volume);
  // What is there already can be read without the rest.
  (void)TRY(runtime_of(b.project))->collect_log(pgdata, engine.home().log_file(b.branch.id));
  // With logging_collector on, PostgreSQL names its present file here ("stderr
  // log/postgresql-….log", relative to PGDATA), and our own log holds only what came before.
  const OsUser owner = TRY(owner_of(b.project));
  const ActAs as(owner);
  const std::string current = read_file(pgdata / "current_logfiles").value_or("");
  for (const std::string_view line : lines_of(current)) {
    constexpr std::string_view kind = "stderr ";
    if (line.starts_with(kind)) return (pgdata / line.substr(kind.size())).string();
  }
  return engine.home().log_file(b.branch.id).string();
}

}  // namespace velo::engine
