// What a dead process left behind: found by its free lock, undone before its commit, finished
// after.

#include <algorithm>
#include <set>

#include "base/fault.h"
#include "base/files.h"
#include "base/time.h"
#include "catalog/catalog.h"
#include "engine/actions.h"
#include "engine/kept.h"
#include "engine/moments.h"
#include "engine/operation.h"
#include "engine/temporary.h"

namespace velo::engine {
namespace {

fs::path lock_path(const Engine& engine, std::int64_t id) {
  return engine.home().lock_file(fmt::format("operation-{}", id));
}

Result<void> carry_out_all(Engine& engine, const catalog::Operation& record, const Plan& plan) {
  if (record.state == "committed") {
    for (const Action& action : plan.finish) {
      TRY(carry_out(engine, action));
      TRY(fault_point("mend", Boundary::finish, action.name));
    }
    return {};
  }
  for (auto action = plan.undo.rbegin(); action != plan.undo.rend(); ++action) {
    TRY(carry_out(engine, *action));
    TRY(fault_point("mend", Boundary::undo, action->name));
  }
  return {};
}

/// Mends one operation whose lock this process holds.
Result<void> mend_operation(Engine& engine, std::int64_t id) {
  const auto found = TRY(engine.catalog().operation(id));
  if (!found || (found->state != "running" && found->state != "committed")) return {};
  catalog::Operation record = *found;
  const Plan plan = TRY(plan_from_json(record.plan));
  const BranchLocks locks =
      TRY(BranchLocks::acquire(engine, {.exclusive = plan.branches, .shared = {}}));
  const bool finish = record.state == "committed";
  TRY(carry_out_all(engine, record, plan));
  record.state = finish ? "done" : "undone";
  record.ended_at = now();
  record.recovery = finish ? "finished" : "undone";
  record.recovered_by = engine.command();
  TRY(engine.catalog().change([&]() -> Result<void> {
    TRY(engine.catalog().release_reservations(id));
    return engine.catalog().update(record);
  }));
  engine.observer().notice(fmt::format(
      "{} an interrupted {} of {} ({} ago)", finish ? "Finished" : "Undid",
      kind_in_words(record.kind), record.subject,
      to_words(std::chrono::duration_cast<std::chrono::seconds>(now() - record.started_at))));
  return {};
}

/// Whether an operation of a dead process still waits to be mended and concerns these branches.
Result<std::optional<catalog::Operation>> dead_operation_on(Engine& engine, const LockSet& set) {
  const auto concerns = [&](const Plan& plan) {
    return std::ranges::any_of(plan.branches, [&](const std::string& id) {
      return std::ranges::count(set.exclusive, id) > 0 || std::ranges::count(set.shared, id) > 0;
    });
  };
  for (catalog::Operation& record : TRY(engine.catalog().open_operations())) {
    if (!concerns(TRY(plan_from_json(record.plan)))) continue;
    const auto lock = TRY(FileLock::try_acquire(lock_path(engine, record.id), LockMode::exclusive));
    // cppcheck-suppress returnStdMoveLocal; into an optional, where nothing would be elided
    if (lock) return std::move(record);
  }
  return std::nullopt;
}

/// `told`: of which it was said already that they cannot be mended.
Result<void> mend_all(Engine& engine, std::set<std::int64_t>& told) {
  for (const catalog::Operation& record : TRY(engine.catalog().open_operations())) {
    const auto lock = TRY(FileLock::try_acquire(lock_path(engine, record.id), LockMode::exclusive));
    if (!lock) continue;  // its process lives
    if (auto mended = mend_operation(engine, record.id); !mended) {
      TRY(engine.cancel().check());
      if (!told.insert(record.id).second) continue;
      engine.observer().warning(fmt::format("an interrupted {} of {} could not be mended yet: {}",
                                            kind_in_words(record.kind), record.subject,
                                            mended.error().message));
      continue;
    }
    TRY(remove_file(lock_path(engine, record.id)));
  }
  return {};
}

/// Kept volumes, and once an hour moments, whose time is over.
Result<void> remove_what_is_over(Engine& engine) {
  TRY(end_abandoned_runs(engine));
  TRY(reap(engine));
  return forget_moments_hourly(engine);
}

}  // namespace

Result<BranchLocks> BranchLocks::acquire(Engine& engine, const LockSet& set,
                                         std::chrono::milliseconds patience) {
  std::vector<std::pair<std::string, LockMode>> wanted;
  for (const std::string& id : set.exclusive) wanted.emplace_back(id, LockMode::exclusive);
  for (const std::string& id : set.shared) wanted.emplace_back(id, LockMode::shared);
  std::ranges::sort(wanted);
  BranchLocks locks;
  const std::string* last = nullptr;
  for (auto wish = wanted.rbegin(); wish != wanted.rend(); ++wish) {
    // A branch in both lists sorts with its exclusive lock last: taken first here, and only once.
    if (last != nullptr && *last == wish->first) continue;
    last = &wish->first;
    const auto on_wait = [&] {
      if (patience.count() > 0) engine.observer().notice("Waiting for another command to end");
    };
    locks.held_.push_back(TRY(FileLock::acquire(engine.home().lock_file("branch-" + wish->first),
                                                wish->second, patience, engine.cancel(), on_wait)));
  }
  return locks;
}

bool is_running(const Engine& engine, const catalog::Operation& record) {
  const auto lock = FileLock::try_acquire(lock_path(engine, record.id), LockMode::exclusive);
  return !lock || !*lock;
}

Result<void> mend_operations(Engine& engine) {
  std::set<std::int64_t> told;
  return mend_all(engine, told);
}

Result<void> mend(Engine& engine) {
  TRY(mend_operations(engine));
  return remove_what_is_over(engine);
}

Result<BranchLocks> lock_branches(Engine& engine, const std::function<Result<LockSet>()>& resolve) {
  constexpr int attempts = 20;
  constexpr int attempts_at_mending = 2;
  std::set<std::int64_t> told;
  for (int attempt = 0;; ++attempt) {
    TRY(mend_all(engine, told));
    if (attempt == 0) TRY(remove_what_is_over(engine));
    const LockSet wanted = TRY(resolve());
    BranchLocks locks = TRY(BranchLocks::acquire(engine, wanted));
    const auto dead = TRY(dead_operation_on(engine, wanted));
    if (!dead && TRY(resolve()) == wanted) return locks;
    if (attempt < (dead ? attempts_at_mending : attempts)) continue;
    if (dead) {
      return fail_with_hint(
          Errc::in_use,
          fmt::format("an interrupted {} of {} cannot be mended, and nothing else "
                      "can be done here before it is",
                      kind_in_words(dead->kind), dead->subject),
          "the warning above says why; velo operations shows it");
    }
    return fail(Errc::in_use, "other commands change this faster than it can be locked");
  }
}

}  // namespace velo::engine
