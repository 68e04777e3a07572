#include "engine/actions.h"

#include <array>

#include "base/files.h"
#include "catalog/catalog.h"
#include "engine/records.h"
#include "engine/servers.h"
#include "postgres/hba.h"
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

Result<void> do_stop_server(Engine&, const Args& args) {
  return stop_on_volume(args, runtime::StopMode::fast);
}

Result<void> do_forget_branch(Engine& engine, const Args& args) {
  const std::string& id = arg(args, "branch");
  TRY(remove_tree(engine.home().run_directory(id)));
  // Held by whoever does this; one who waits for it opens it anew (base/lock.h).
  TRY(remove_file(engine.home().lock_file("branch-" + id)));
  const fs::path log = engine.home().log_file(id);
  TRY(remove_file(log));
  TRY(remove_file(log.string() + ".1"));
  TRY(remove_file(fs::path(log).replace_extension("at")));
  return {};
}

Result<void> do_forget_project(Engine& engine, const Args& args) {
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

struct Kind {
  std::string_view name;
  Result<void> (*run)(Engine&, const Args&);
};

constexpr std::array kinds{
    Kind{"remove_volume", &do_remove_volume}, Kind{"stop_server", &do_stop_server},
    Kind{"forget_branch", &do_forget_branch}, Kind{"forget_project", &do_forget_project},
    Kind{"start_branch", &do_start_branch},   Kind{"open_branch", &do_open_branch},
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
