// Taking a spare out of a pool: one transaction, and the server is not even spoken to.
#include <unistd.h>

#include <algorithm>

#include "base/fault.h"
#include "catalog/catalog.h"
#include "engine/branch_pool.h"
#include "engine/names.h"
#include "engine/operation.h"
#include "engine/passwords.h"
#include "engine/plan.h"
#include "engine/survey.h"

namespace velo::engine {
namespace {

/// Whether its server admits clients, as far as its runtime sees without connecting.
Result<bool> is_ready(const BranchRecords& b) {
  const auto driver = TRY(driver_of(b.project));
  const auto seen =
      TRY(TRY(runtime_of(b.project))->inspect(pgdata_of(*driver, b.incarnation.volume)));
  return seen.runs && seen.is_ready;
}

/// Whether an operation that is not over concerns it: whoever holds the branch's lock knows that
/// its process is dead.
Result<bool> has_open_operation(Engine& engine, const std::string& branch_id) {
  for (const catalog::Operation& record : TRY(engine.catalog().open_operations())) {
    const Plan plan = TRY(plan_from_json(record.plan));
    if (std::ranges::find(plan.branches, branch_id) != plan.branches.end()) return true;
  }
  return false;
}

/// A spare that this process has to itself.
struct Held {
  BranchLocks lock;
  BranchRecords b;
  catalog::Temporary spare;
};

Result<std::optional<Held>> hold(Engine& engine, const BranchPool& pool,
                                 const catalog::Temporary& candidate) {
  auto lock = BranchLocks::acquire(engine, {.exclusive = {candidate.branch_id}, .shared = {}},
                                   std::chrono::milliseconds(0));
  if (!lock) return std::nullopt;  // somebody takes it, or changes it
  auto spare = TRY(engine.catalog().temporary(candidate.branch_id));
  if (!spare || spare->role != catalog::spare_role) return std::nullopt;
  BranchRecords b = TRY(load_branch(engine, candidate.branch_id));
  if (b.branch.parent_id != pool.parent.branch.id || b.branch.deleted_at) return std::nullopt;
  if (!is_ready(b).value_or(false) || TRY(has_open_operation(engine, b.branch.id))) {
    return std::nullopt;
  }
  return Held{.lock = std::move(*lock), .b = std::move(b), .spare = std::move(*spare)};
}

/// What the journal remembers of it.
catalog::Operation record_of(const Engine& engine, const BranchRecords& b) {
  catalog::Operation record;
  record.kind = "branch.take";
  record.subject = b.full_name();
  record.command = engine.command();
  record.pid = ::getpid();
  record.plan = to_json(Plan{});
  record.state = "done";
  record.started_at = now();
  record.ended_at = record.started_at;
  return record;
}

/// The name, and whom it belongs to from now on.
Result<void> hand_over(Engine& engine, BranchRecords& b, const std::string& name,
                       const std::optional<catalog::Temporary>& use) {
  catalog::Catalog& catalog = engine.catalog();
  TRY(fault_point(Fault::take_commit));
  TRY(catalog.change([&]() -> Result<void> {
    TRY(check_name_is_free(engine, b.project, name));
    b.branch.name = name;
    b.branch.created_at = now();
    TRY(catalog.update(b.branch));
    TRY(use ? catalog.put(*use) : catalog.remove_temporary(b.branch.id));
    TRY(catalog.insert(record_of(engine, b), {}));
    return {};
  }));
  return fault_point(Fault::take_committed);
}

/// The first that can be had.
Result<std::optional<Held>> hold_any(Engine& engine, const BranchPool& pool) {
  for (const catalog::Temporary& one : TRY(engine.catalog().temporaries())) {
    if (one.role != catalog::spare_role || one.ephemeral != pool.record.ephemeral) continue;
    if (pool.snapshot && one.snapshot_id != pool.snapshot->incarnation_id) continue;
    if (auto held = TRY(hold(engine, pool, one))) return held;
  }
  return std::nullopt;
}

}  // namespace

Result<std::optional<Taken>> take_spare(Engine& engine, const BranchPool& pool,
                                        const std::string& name) {
  auto held = TRY(hold_any(engine, pool));
  if (!held) return std::nullopt;
  TRY(hand_over(engine, held->b, name, {}));
  return Taken{.b = std::move(held->b), .spare = std::move(held->spare), .lease = {}};
}

Result<std::optional<Taken>> lease_spare(Engine& engine, const BranchPool& pool) {
  auto held = TRY(hold_any(engine, pool));
  if (!held) return std::nullopt;
  Lease lease = TRY(lease_of(engine, held->b.branch.id, catalog::run_role));
  catalog::Temporary use = held->spare;
  use.role = catalog::run_role;
  use.pid = ::getpid();
  TRY(hand_over(engine, held->b, lease.name, use));
  return Taken{.b = std::move(held->b), .spare = std::move(held->spare), .lease = std::move(lease)};
}

Result<CreatedBranch> create_from_pool(Engine& engine, const CreateBranch& request) {
  const BranchName name = TRY(parse_branch_name(request.name));
  const BranchRecords parent =
      TRY(find_branch_or_main(engine, request.parent.empty() ? name.project : request.parent));
  if (parent.project.name != name.project) {
    return fail(Errc::usage, "the pool of {} gives branches of its own project, not {}",
                parent.full_name(), request.name);
  }
  const auto pool = TRY(branch_pool_of(engine, parent));
  if (!pool) {
    return fail_with_hint(Errc::not_found,
                          fmt::format("{} has no pool of branches", parent.full_name()),
                          fmt::format("velo pool set {} --size 4", parent.full_name()));
  }
  if (pool->record.ephemeral) {
    return fail_with_hint(
        Errc::usage,
        fmt::format("the branches of {}'s pool are ephemeral: with fsync off, none is for keeping",
                    parent.full_name()),
        fmt::format("velo run {0} takes them; velo pool set {0} --size {1} makes others",
                    parent.full_name(), pool->record.size));
  }
  TRY(check_name_is_free(engine, parent.project, name.branch));
  if (auto taken = TRY(take_spare(engine, *pool, name.branch))) {
    return CreatedBranch{.branch = TRY(view_branch(engine, taken->b.branch.id)),
                         .connection = TRY(connection_view(engine, taken->b)),
                         .based_on = basis_of(taken->spare)};
  }
  if (!pool->snapshot) return without_snapshot(*pool);
  engine.observer().notice(
      fmt::format("no branch of {}'s pool is ready: one is made of the same "
                  "snapshot",
                  parent.full_name()));
  CreateBranch made = request;
  made.parent.clear();
  made.snapshot = pool->snapshot->incarnation_id;
  return create_branch(engine, made);
}

}  // namespace velo::engine
