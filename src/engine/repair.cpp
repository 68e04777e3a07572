#include "engine/repair.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/files.h"
#include "catalog/catalog.h"
#include "engine/actions.h"
#include "engine/branches.h"
#include "engine/operation.h"
#include "engine/records.h"
#include "engine/server_files.h"
#include "engine/servers.h"
#include "engine/state.h"

namespace velo::engine {
namespace {

/// Through a descriptor, so that no link is followed.
Result<void> set_mode(const Repair& repair) {
  const fs::path path = repair.subject;
  const Fd fd = TRY(open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  if (::fchmod(fd.get(), repair.mode) == 0) return {};
  const int err = errno;
  return fail_errno(err, fmt::format("set the mode of {}", path.string()));
}

Result<void> mend_all(Engine& engine, const Repair&) {
  return mend(engine);
}

/// Servers of the project that run take it with their next connection.
Result<void> renew_certificate(Engine& engine, const Repair& repair) {
  const catalog::Project project = TRY(engine.catalog().project(repair.subject));
  const fs::path directory = engine.home().tls_directory(project.id);
  TRY(remove_file(directory / "server.crt"));
  TRY(ensure_certificate(engine, project));
  const auto runtime = TRY(runtime_of(project));
  for (const auto& branch : TRY(engine.catalog().branches_of(project.id, catalog::Which::live))) {
    const BranchRecords b = TRY(load_branch(engine, branch.id));
    TRY(runtime->reload(pgdata_of(*TRY(driver_of(project)), b.incarnation.volume)));
  }
  return {};
}

/// A branch that is being made since the check has its plan written before its directory is made.
Result<void> remove_directory(Engine& engine, const Repair& repair) {
  const std::string id = fs::path(repair.subject).filename();
  if (engine.catalog().branch(id)) return {};
  for (const auto& operation : TRY(engine.catalog().open_operations())) {
    if (operation.plan.find(id) != std::string::npos) return {};
  }
  return remove_tree(repair.subject);
}

/// Runs `work` on a branch that no other command works on meanwhile.
Result<void> with_branch(Engine& engine, const std::string& id,
                         const std::function<Result<void>(BranchRecords&)>& work) {
  const BranchLocks locks = TRY(lock_branches(
      engine, [&]() -> Result<LockSet> { return LockSet{.exclusive = {id}, .shared = {}}; }));
  BranchRecords b = TRY(load_branch(engine, id));
  return work(b);
}

Result<void> clear_pid_file(Engine& engine, const Repair& repair) {
  return with_branch(engine, repair.subject, [&](BranchRecords& b) -> Result<void> {
    const auto runtime = TRY(runtime_of(b.project));
    const fs::path pgdata = pgdata_of(*TRY(driver_of(b.project)), b.incarnation.volume);
    if (TRY(runtime->inspect(pgdata)).runs) return {};
    const OsUser owner = TRY(owner_of(b.project));
    const ActAs as(owner);
    TRY(runtime->await_leftovers(pgdata));
    return remove_file(pgdata / "postmaster.pid");
  });
}

Result<void> start(Engine& engine, const Repair& repair) {
  const BranchRecords b = TRY(load_branch(engine, repair.subject));
  TRY(start_branch(engine, b.full_name()));
  return {};
}

/// Connecting does it.
Result<void> let_velo_in(Engine& engine, const Repair& repair) {
  return with_branch(engine, repair.subject, [&](BranchRecords& b) -> Result<void> {
    TRY(connect_to(engine, b, engine.cancel()));
    return {};
  });
}

Result<void> open_gate(Engine& engine, const Repair& repair) {
  return with_branch(engine, repair.subject, [&](BranchRecords& b) -> Result<void> {
    return carry_out(engine, open_branch(b.branch.id));
  });
}

/// What each repair is called and does. In the order in which they are done.
struct Kind {
  Repair::Kind kind;
  std::string_view words;
  Result<void> (*run)(Engine&, const Repair&);
};
constexpr std::array kinds{
    Kind{Repair::Kind::mend, "undid or finished what was interrupted", &mend_all},
    Kind{Repair::Kind::renew_certificate, "made a new certificate", &renew_certificate},
    Kind{Repair::Kind::remove_directory, "removed the run directory", &remove_directory},
    Kind{Repair::Kind::start, "started", &start},
    Kind{Repair::Kind::clear_pid_file, "cleared the postmaster.pid of", &clear_pid_file},
    Kind{Repair::Kind::open_gate, "opened the gate of", &open_gate},
    Kind{Repair::Kind::let_velo_in, "put Velo's lines into the pg_hba.conf of", &let_velo_in},
};

std::vector<Finding> repairable(const CheckReport& report, Repair::Kind kind) {
  std::vector<Finding> found;
  for (const CheckedSection& section : report.sections) {
    for (const Finding& finding : section.findings) {
      if (finding.repair.kind != kind) continue;
      const bool again = std::ranges::any_of(found, [&](const Finding& other) {
        return other.repair.subject == finding.repair.subject;
      });
      if (!again) found.push_back(finding);
    }
  }
  return found;
}

std::optional<Error> error_of(Result<void> result) {
  return result ? std::nullopt : std::optional(std::move(result).error());
}

/// Modes first: with wrong ones nothing else can be opened.
bool repair_modes(const CheckReport& before, std::vector<Repaired>& repaired) {
  const auto findings = repairable(before, Repair::Kind::set_mode);
  for (const Finding& finding : findings) {
    repaired.push_back({.text = fmt::format("set the mode of {} to {:04o}", finding.repair.subject,
                                            finding.repair.mode),
                        .error = error_of(set_mode(finding.repair))});
  }
  return !findings.empty();
}

/// Without a catalog there is nothing else to repair.
bool repair_catalog(const CheckRequest& request, const CheckReport& before, Observer& observer,
                    const Cancellation& cancel, std::vector<Repaired>& repaired) {
  if (repairable(before, Repair::Kind::rebuild).empty()) return false;
  const auto done = rebuild_state({.options = {.home = request.home,
                                               .command = "velo doctor --fix",
                                               .path_variable = request.path_variable,
                                               .program = request.program}},
                                  observer, cancel);
  if (!done) {
    repaired.push_back(
        {.text = "made the catalog again from the volumes' marks", .error = done.error()});
    return false;
  }
  repaired.push_back(
      {.text = fmt::format(
           "made the catalog again from the volumes' marks{}",
           done->replaced_in.empty() ? "" : "; what was left of it is in " + done->replaced_in),
       .error = {}});
  for (const auto& one : done->adoption.adopted) {
    repaired.push_back({.text = fmt::format("found {} in the volume {}{}", one.name, one.volume,
                                            one.note.empty() ? "" : ": " + one.note),
                        .error = {}});
  }
  for (const auto& one : done->adoption.left) {
    repaired.push_back({.text = fmt::format("took {} {} into the catalog", one.pool, one.volume),
                        .error = Error{.code = Errc::state, .message = one.why, .hint = {}}});
  }
  return true;
}

void repair_the_rest(Engine& engine, const CheckReport& before, std::vector<Repaired>& repaired) {
  for (const Kind& kind : kinds) {
    for (const Finding& finding : repairable(before, kind.kind)) {
      repaired.push_back({.text = fmt::format("{} {}", kind.words, finding.subject),
                          .error = error_of(kind.run(engine, finding.repair))});
    }
  }
}

}  // namespace

RepairReport repair(const CheckRequest& request, Observer& observer, const Cancellation& cancel) {
  RepairReport report;
  CheckReport before = check(request, observer, cancel);
  if (repair_modes(before, report.repaired)) before = check(request, observer, cancel);
  if (repair_catalog(request, before, observer, cancel, report.repaired)) {
    before = check(request, observer, cancel);
  }
  const bool any = std::ranges::any_of(
      kinds, [&](const Kind& kind) { return !repairable(before, kind.kind).empty(); });
  if (any) {
    auto engine = Engine::open({.home = request.home,
                                .command = "velo doctor --fix",
                                .path_variable = request.path_variable,
                                .program = request.program},
                               observer, cancel);
    if (engine) {
      repair_the_rest(*engine, before, report.repaired);
    } else {
      report.repaired.push_back({.text = "opened VELO_HOME", .error = engine.error()});
    }
  }
  report.after = any ? check(request, observer, cancel) : std::move(before);
  return report;
}

}  // namespace velo::engine
