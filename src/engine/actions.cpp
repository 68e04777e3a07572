#include "engine/actions.h"

#include <array>

#include <chrono>
#include <thread>

#include "base/files.h"
#include "base/time.h"
#include "catalog/catalog.h"
#include "engine/earlier_cluster.h"
#include "engine/passwords.h"
#include "engine/records.h"
#include "engine/servers.h"
#include "postgres/hba.h"
#include "postgres/scram.h"
#include "runtime/registry.h"
#include "storage/registry.h"

namespace velo::engine {
namespace {

using Args = std::map<std::string, std::string>;

const std::string& arg(const Args& args, const char* name) {
  static const std::string none;
  const auto found = args.find(name);
  return found == args.end() ? none : found->second;
}

Result<void> stop_on_volume(const Args& args, runtime::StopMode mode) {
  const auto driver = TRY(storage::open_driver(arg(args, "driver"), arg(args, "pool")));
  const auto runtime = TRY(runtime::open_runtime(arg(args, "runtime")));
  return runtime->stop(pgdata_of(*driver, arg(args, "volume")), mode);
}

Result<void> do_remove_volume(Engine& engine, const Args& args) {
  const auto driver = TRY(storage::open_driver(arg(args, "driver"), arg(args, "pool")));
  const std::string& volume = arg(args, "volume");
  const std::string& incarnation = arg(args, "incarnation");
  const auto mark = driver->mark_of(volume);
  // Else the name is another volume's: ours was never made, or is gone.
  if (!mark ||
      (mark->home_id == engine.catalog().home_id() && mark->incarnation_id == incarnation)) {
    TRY(stop_on_volume(args, runtime::StopMode::immediate));
    TRY(driver->detach(volume));
    TRY(driver->remove(volume, engine.catalog().home_id()));
  }
  if (incarnation.empty()) return {};
  return remove_tree(engine.home().archive_directory(incarnation));
}

/// Whether somebody started the branch's server by hand. Where its socket is, which tells, is
/// written a moment after its start (and never of a container's, which nobody starts by hand).
Result<bool> is_somebody_elses(Engine& engine, const std::string& branch_id) {
  constexpr auto patience = std::chrono::milliseconds(500);
  constexpr auto pause = std::chrono::milliseconds(10);
  const BranchRecords b = TRY(load_branch(engine, branch_id));
  const auto runtime = TRY(runtime_of(b.project));
  const fs::path pgdata = pgdata_of(*TRY(driver_of(b.project)), b.incarnation.volume);
  const Deadline deadline(patience);
  for (;;) {
    const runtime::Seen seen = TRY(runtime->inspect(pgdata));
    if (!seen.runs) return false;
    if (!seen.socket_directory.empty()) return was_started_by_hand(engine, b, seen);
    if (deadline.passed()) return false;
    std::this_thread::sleep_for(pause);
  }
}

Result<void> do_stop_server(Engine& engine, const Args& args) {
  const std::string& own_of = arg(args, "own_of");
  if (!own_of.empty() && TRY(is_somebody_elses(engine, own_of))) return {};
  return stop_on_volume(args, runtime::StopMode::fast);
}

Result<void> do_forget_branch(Engine& engine, const Args& args) {
  const std::string& id = arg(args, "branch");
  TRY(remove_tree(engine.home().run_directory(id)));
  // Held by whoever does this; one who waits for it opens it anew (base/lock.h).
  TRY(remove_file(engine.home().lock_file("branch-" + id)));
  TRY(remove_file(engine.home().lock_file("lease-" + id)));
  const fs::path log = engine.home().log_file(id);
  TRY(remove_file(log));
  TRY(remove_file(log.string() + ".1"));
  TRY(remove_file(fs::path(log).replace_extension("at")));
  return {};
}

Result<void> do_forget_project(Engine& engine, const Args& args) {
  TRY(remove_file(engine.home().imported_file(arg(args, "project"))));
  return remove_tree(engine.home().tls_directory(arg(args, "project")));
}

Result<void> do_start_branch(Engine& engine, const Args& args) {
  BranchRecords branch = TRY(load_branch(engine, arg(args, "branch")));
  if (!branch.branch.wants_running || branch.branch.deleted_at) return {};
  const auto driver = TRY(driver_of(branch.project));
  const auto runtime = TRY(runtime_of(branch.project));
  const fs::path pgdata = pgdata_of(*driver, branch.incarnation.volume);
  if (!TRY(runtime->inspect(pgdata)).runs) {
    // What undoes or finishes must not be ended by the Ctrl-C that called for it.
    const Cancellation never;
    if (auto started = start_server(engine, branch, {}, never); !started) {
      engine.observer().warning(
          fmt::format("{0} does not start: {1}; velo logs {0} may say more, "
                      "velo branch start {0} tries again",
                      branch.full_name(), started.error().message));
      return {};
    }
    TRY(engine.catalog().change([&]() -> Result<void> {
      TRY(engine.catalog().update(branch.branch));
      return engine.catalog().update(branch.incarnation);
    }));
  }
  return open_server(engine, branch);
}

Result<void> do_open_branch(Engine& engine, const Args& args) {
  const BranchRecords branch = TRY(load_branch(engine, arg(args, "branch")));
  if (branch.incarnation.first_start) return {};  // not its own yet: the first start opens it
  return open_server(engine, branch);
}

Result<void> do_give_volume_back(Engine& engine, const Args& args) {
  const auto driver = TRY(storage::open_driver(arg(args, "driver"), arg(args, "pool")));
  const std::string& volume = arg(args, "volume");
  const std::string& incarnation = arg(args, "incarnation");
  const auto mark = driver->mark_of(volume);
  if (mark && mark->incarnation_id == incarnation) {
    catalog::Project project;
    project.os_user = arg(args, "os_user");
    TRY(driver->attach(volume));
    TRY(put_files_back(engine.home(), incarnation, pgdata_of(*driver, volume),
                       TRY(owner_of(project))));
  } else if (mark || mark.error().code != Errc::not_found) {
    return mark ? Result<void>{} : std::unexpected(mark.error());
  }
  TRY(driver->give_back(volume, engine.catalog().home_id(), arg(args, "was")));
  TRY(remove_tree(engine.home().imported_files(incarnation)));
  return remove_tree(engine.home().archive_directory(incarnation));
}

Result<void> do_bring_container_back(Engine&, const Args& args) {
  return TRY(runtime::open_runtime(arg(args, "runtime")))->bring_foreign_back(arg(args, "was"));
}

/// Of a branch that was taken over: Velo's own, once it is Velo's. One that should not run is
/// stopped then.
Result<void> do_set_password(Engine& engine, const Args& args) {
  BranchRecords b = TRY(load_branch(engine, arg(args, "branch")));
  const auto runtime = TRY(runtime_of(b.project));
  const fs::path pgdata = pgdata_of(*TRY(driver_of(b.project)), b.incarnation.volume);
  const Cancellation never;
  if (!TRY(runtime->inspect(pgdata)).runs) TRY(start_server(engine, b, {}, never));
  auto connection = TRY(connect_to(engine, b, never));
  const std::string verifier =
      TRY(postgres::scram_verifier(TRY(password_of(engine.home(), b.branch))));
  TRY(connection.query(
      fmt::format("ALTER ROLE {} PASSWORD {}", postgres::quote_identifier(b.branch.superuser),
                  postgres::quote_literal(verifier)),
      connect_patience));
  if (b.branch.wants_running) return {};
  return runtime->stop(pgdata, runtime::StopMode::fast);
}

struct Kind {
  std::string_view name;
  Result<void> (*run)(Engine&, const Args&);
};

constexpr std::array kinds{
    Kind{"remove_volume", &do_remove_volume},
    Kind{"stop_server", &do_stop_server},
    Kind{"forget_branch", &do_forget_branch},
    Kind{"forget_project", &do_forget_project},
    Kind{"start_branch", &do_start_branch},
    Kind{"open_branch", &do_open_branch},
    Kind{"give_volume_back", &do_give_volume_back},
    Kind{"bring_container_back", &do_bring_container_back},
    Kind{"set_password", &do_set_password},
};

}  // namespace

Action remove_volume(const std::string& runtime, const std::string& driver, const std::string& pool,
                     const std::string& volume, const std::string& incarnation_id) {
  return {"remove_volume",
          {{"runtime", runtime},
           {"driver", driver},
           {"pool", pool},
           {"volume", volume},
           {"incarnation", incarnation_id}}};
}

Action stop_server(const std::string& runtime, const std::string& driver, const std::string& pool,
                   const std::string& volume) {
  return {"stop_server",
          {{"runtime", runtime}, {"driver", driver}, {"pool", pool}, {"volume", volume}}};
}

Action stop_own_server(const BranchRecords& b) {
  Action action =
      stop_server(b.project.runtime, b.project.driver, b.project.pool, b.incarnation.volume);
  action.args["own_of"] = b.branch.id;
  return action;
}

Action forget_branch_files(const std::string& branch_id) {
  return {"forget_branch", {{"branch", branch_id}}};
}

Action forget_project_files(const std::string& project_id) {
  return {"forget_project", {{"project", project_id}}};
}

Action start_branch_action(const std::string& branch_id) {
  return {"start_branch", {{"branch", branch_id}}};
}

Action open_branch(const std::string& branch_id) {
  return {"open_branch", {{"branch", branch_id}}};
}

Action give_volume_back(const std::string& driver, const std::string& pool,
                        const std::string& volume, const std::string& incarnation_id,
                        const std::string& os_user, const std::string& was) {
  return {"give_volume_back",
          {{"driver", driver},
           {"pool", pool},
           {"volume", volume},
           {"incarnation", incarnation_id},
           {"os_user", os_user},
           {"was", was}}};
}

Action bring_container_back(const std::string& runtime, const std::string& was) {
  return {"bring_container_back", {{"runtime", runtime}, {"was", was}}};
}

Action named(Action action, const std::string& branch) {
  action.args["of"] = branch;
  return action;
}

std::string words_of(const Action& action) {
  if (action.name == "remove_volume") return "Delete volume " + arg(action.args, "volume");
  std::string words;
  if (action.name == "stop_server") words = "Stop PostgreSQL";
  if (action.name == "start_branch") words = "Start PostgreSQL";
  const std::string& branch = arg(action.args, "of");
  if (!words.empty() && !branch.empty()) words += " of " + branch;
  return words;
}

Result<void> carry_out(Engine& engine, const Action& action) {
  for (const Kind& kind : kinds) {
    if (kind.name == action.name) return kind.run(engine, action.args);
  }
  return fail_with_hint(Errc::state,
                        fmt::format("the journal names an unknown action '{}'", action.name),
                        "a newer velo wrote it: use that one");
}

}  // namespace velo::engine
