#include <algorithm>

#include "base/files.h"
#include "catalog/catalog.h"
#include "engine/actions.h"
#include "engine/bases.h"
#include "engine/branches.h"
#include "engine/import_earlier.h"
#include "engine/operation.h"
#include "engine/records.h"
#include "engine/servers.h"
#include "engine/snapshots.h"
#include "postgres/scram.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;
constexpr auto query_patience = 10s;

/// A project that was taken over, and how it is given back.
struct Lent {
  catalog::Project project;
  const EarlierProject* earlier = nullptr;
  Plan plan;
  std::vector<BranchRecords> branches;
};

std::unexpected<Error> has_more(const std::string& project, const std::string& what,
                                const std::string& hint) {
  return fail_with_hint(Errc::has_children,
                        fmt::format("{} cannot be given back as it was: {}", project, what), hint);
}

Result<Lent> find_lent(Engine& engine, const EarlierProject& earlier) {
  Lent lent;
  lent.project = TRY(find_project(engine, earlier.name));
  lent.earlier = &earlier;
  const auto text = read_file(engine.home().imported_file(lent.project.id));
  if (!text) {
    return fail_with_hint(
        Errc::not_found, fmt::format("the project {} was not taken over", earlier.name),
        "velo state import --undo is for what velo state import took from the same file");
  }
  lent.plan = TRY(plan_from_json(*text));
  for (const auto& branch :
       TRY(engine.catalog().branches_of(lent.project.id, catalog::Which::all))) {
    const std::string name = earlier.name + "/" + branch.name;
    if (std::ranges::count(lent.plan.branches, branch.id) == 0) {
      return has_more(earlier.name, fmt::format("Velo has made {} since", name),
                      fmt::format("velo branch delete {} --now", name));
    }
    if (branch.deleted_at) {
      return has_more(earlier.name, name + " was deleted", "velo branch undelete " + name);
    }
    lent.branches.push_back(TRY(load_branch(engine, branch.id)));
    const std::string& life = lent.branches.back().incarnation.id;
    const bool is_the_one = std::ranges::any_of(lent.plan.finish, [&](const Action& action) {
      const auto found = action.args.find("incarnation");
      return found != action.args.end() && found->second == life;
    });
    if (!is_the_one) {
      return has_more(
          earlier.name, name + " has been reset or restored since",
          "what it was then is gone or kept; velo branch undelete " + name + " takes a reset back");
    }
  }
  if (lent.branches.size() != lent.plan.branches.size()) {
    return has_more(earlier.name, "branches of it were deleted", "");
  }
  return lent;
}

/// Velo's own go; those that somebody asked for stand in the way.
Result<void> remove_snapshots(Engine& engine, const Lent& lent, bool dry_run) {
  for (const BranchRecords& b : lent.branches) {
    for (const SnapshotView& snapshot : TRY(list_snapshots(engine, b.full_name()))) {
      if (!is_automatic(snapshot.purpose)) {
        return has_more(lent.project.name,
                        fmt::format("{} has the snapshot {}", b.full_name(), snapshot.short_id),
                        fmt::format("velo snapshot delete {}", snapshot.short_id));
      }
    }
  }
  if (dry_run) return {};
  for (const BranchRecords& b : lent.branches) {
    for (const SnapshotView& snapshot : TRY(list_snapshots(engine, b.full_name()))) {
      TRY(delete_snapshot(engine, snapshot.id));
    }
  }
  return {};
}

/// The earlier Velo knows the one that its file has.
Result<void> set_earlier_password(Engine& engine, const BranchRecords& b,
                                  const std::string& password) {
  if (!b.branch.wants_running ||
      !TRY(TRY(runtime_of(b.project))
               ->inspect(pgdata_of(*TRY(driver_of(b.project)), b.incarnation.volume)))
           .runs) {
    TRY(start_branch(engine, b.full_name()));
  }
  auto connection = TRY(connect_to(engine, b, engine.cancel()));
  TRY(connection.query(
      fmt::format("ALTER ROLE {} PASSWORD {}", postgres::quote_identifier(b.branch.superuser),
                  postgres::quote_literal(TRY(postgres::scram_verifier(password)))),
      query_patience));
  return {};
}

Result<void> give_back(Engine& engine, const Lent& lent) {
  const BranchLocks locks = TRY(lock_branches(engine, [&]() -> Result<LockSet> {
    return LockSet{.exclusive = lent.plan.branches, .shared = {}};
  }));
  engine.observer().begin(fmt::format("Giving back project {}", lent.project.name));
  Plan plan{.branches = lent.plan.branches, .undo = {}, .finish = {}};
  for (const BranchRecords& b : lent.branches) {
    plan.finish.push_back(named(
        stop_server(b.project.runtime, b.project.driver, b.project.pool, b.incarnation.volume),
        b.full_name()));
  }
  plan.finish.insert(plan.finish.end(), lent.plan.finish.begin(), lent.plan.finish.end());
  auto operation = TRY(Operation::begin(engine, "state.give_back", lent.project.name,
                                        [&]() -> Result<Draft> { return Draft{plan, {}}; }));
  return or_undo(operation, [&] {
    return operation.commit([&] { return engine.catalog().remove_project(lent.project.id); });
  });
}

}  // namespace

Result<ImportReport> give_back_earlier(Engine& engine, const EarlierState& state, bool dry_run) {
  TRY(mend(engine));
  ImportReport report;
  std::vector<Lent> all;
  for (const EarlierProject& earlier : state.projects) {
    all.push_back(TRY(find_lent(engine, earlier)));
    TRY(remove_snapshots(engine, all.back(), /*dry_run=*/true));
  }
  for (const Lent& lent : all) {
    for (const BranchRecords& b : lent.branches) {
      report.branches.push_back({.name = b.full_name(),
                                 .source = "",
                                 .volume = b.incarnation.volume,
                                 .port = b.endpoint.port});
    }
    if (dry_run) continue;
    TRY(remove_snapshots(engine, lent, dry_run));
    for (const BranchRecords& b : lent.branches) {
      TRY(set_earlier_password(engine, b, lent.earlier->password));
    }
    TRY(give_back(engine, lent));
  }
  return report;
}

}  // namespace velo::engine
