#include "engine/branch_pool.h"

#include <algorithm>

#include "catalog/catalog.h"
#include "engine/bases.h"
#include "engine/operation.h"
#include "engine/snapshots.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

/// Whether a pool may be of it without being told: a person or a schedule took it.
bool is_of_use(const catalog::Snapshot& snapshot) {
  return snapshot.purpose == "asked" || snapshot.purpose == schedule_purpose;
}

/// What a pool's spares are to be of.
Result<std::optional<catalog::Snapshot>> snapshot_for(Engine& engine,
                                                      const catalog::BranchPool& pool) {
  std::set<std::string> lives;
  for (const auto& life : TRY(engine.catalog().incarnations_of(pool.parent_id))) {
    lives.insert(life.id);
  }
  std::optional<catalog::Snapshot> newest;
  for (catalog::Snapshot& one : TRY(engine.catalog().snapshots())) {  // the oldest first
    if (!lives.contains(one.incarnation_id)) continue;
    const bool wanted =
        pool.snapshot_id.empty() ? is_of_use(one) : one.incarnation_id == pool.snapshot_id;
    if (wanted) newest = std::move(one);
  }
  return newest;
}

Result<std::optional<BranchPool>> open_pool(Engine& engine, const catalog::BranchPool& record) {
  BranchRecords parent = TRY(load_branch(engine, record.parent_id));
  if (parent.branch.deleted_at || parent.project.deleted_at) return std::nullopt;
  auto snapshot = TRY(snapshot_for(engine, record));
  return BranchPool{.record = record, .parent = std::move(parent), .snapshot = std::move(snapshot)};
}

Basis basis_of(const catalog::Snapshot& snapshot) {
  return {
      .snapshot_id = snapshot.incarnation_id, .label = snapshot.label, .as_of = snapshot.taken_at};
}

/// Spares of live branches, by parent.
Result<std::map<std::string, std::vector<catalog::Temporary>>> all_spares(Engine& engine) {
  std::map<std::string, std::vector<catalog::Temporary>> by_parent;
  for (catalog::Temporary& one : TRY(engine.catalog().temporaries())) {
    if (one.role != catalog::spare_role) continue;
    const catalog::Branch branch = TRY(engine.catalog().branch(one.branch_id));
    if (!branch.deleted_at) by_parent[branch.parent_id.value_or("")].push_back(std::move(one));
  }
  return by_parent;
}

/// Whether it is what the pool gives. Where the snapshot is gone all that there is serves.
bool fits(const BranchPool& pool, const catalog::Temporary& spare) {
  return spare.ephemeral == pool.record.ephemeral &&
         (!pool.snapshot || spare.snapshot_id == pool.snapshot->incarnation_id);
}

BranchPoolView view_of(const BranchPool& pool, const std::vector<catalog::Temporary>& spares) {
  BranchPoolView view{.parent = pool.parent.full_name(),
                      .size = pool.record.size,
                      .ephemeral = pool.record.ephemeral,
                      .follows = pool.record.snapshot_id.empty(),
                      .based_on = {},
                      .error = pool.record.error};
  if (pool.snapshot) view.based_on = basis_of(*pool.snapshot);
  for (const catalog::Temporary& spare : spares) ++(fits(pool, spare) ? view.ready : view.stale);
  return view;
}

Result<BranchPoolView> view_now(Engine& engine, const BranchRecords& parent) {
  const auto pool = TRY(branch_pool_of(engine, parent));
  if (!pool) return fail(Errc::not_found, "{} has no pool of branches", parent.full_name());
  return view_of(*pool, TRY(all_spares(engine))[parent.branch.id]);
}

/// The id of the snapshot that a pool is told to be of; empty: the newest, which there is then.
Result<std::string> choose_snapshot(Engine& engine, const BranchRecords& parent,
                                    const std::string& name) {
  if (name.empty()) {
    const catalog::BranchPool newest{.parent_id = parent.branch.id};
    if (!TRY(snapshot_for(engine, newest))) TRY(create_snapshot(engine, parent.full_name(), ""));
    return std::string{};
  }
  const SnapshotRecords found = TRY(find_snapshot(engine, name, parent.full_name()));
  if (found.source.branch.id == parent.branch.id) return found.snapshot.incarnation_id;
  return fail_with_hint(
      Errc::usage,
      fmt::format("the snapshot {} is of {}, not of {}", name, found.source.full_name(),
                  parent.full_name()),
      fmt::format("velo pool set {} --snapshot {}", found.source.full_name(), name));
}

}  // namespace

std::optional<Basis> basis_of(const catalog::Temporary& temporary) {
  if (temporary.snapshot_id.empty()) return std::nullopt;
  return Basis{
      .snapshot_id = temporary.snapshot_id, .label = temporary.snapshot, .as_of = temporary.as_of};
}

std::unexpected<Error> without_snapshot(const BranchPool& pool) {
  const std::string name = pool.parent.full_name();
  return fail_with_hint(
      Errc::not_found, fmt::format("the snapshot that the pool of {} is of is gone", name),
      fmt::format(
          "velo snapshot create {0} takes another one; velo pool set {0} --size {1} has the "
          "pool follow the newest",
          name, pool.record.size));
}

Result<std::optional<BranchPool>> branch_pool_of(Engine& engine, const BranchRecords& parent) {
  const auto record = TRY(engine.catalog().branch_pool_of(parent.branch.id));
  if (!record) return std::nullopt;
  return open_pool(engine, *record);
}

Result<BranchPoolView> set_branch_pool(Engine& engine, const SetBranchPool& request) {
  TRY(mend(engine));
  const BranchRecords parent = TRY(find_branch_or_main(engine, request.parent));
  TRY(check_lasts(engine, parent.project, parent.branch));
  const catalog::BranchPool pool{
      .parent_id = parent.branch.id,
      .size = request.size,
      .snapshot_id = TRY(choose_snapshot(engine, parent, request.snapshot)),
      .ephemeral = request.ephemeral,
      .error = {}};
  TRY(engine.catalog().change([&] { return engine.catalog().put(pool); }));
  return view_now(engine, parent);
}

Result<std::vector<BranchPoolView>> list_branch_pools(Engine& engine) {
  auto spares = TRY(all_spares(engine));
  std::vector<BranchPoolView> views;
  for (const catalog::BranchPool& record : TRY(engine.catalog().branch_pools())) {
    const auto pool = TRY(open_pool(engine, record));
    if (pool) views.push_back(view_of(*pool, spares[record.parent_id]));
  }
  std::ranges::sort(views, {}, &BranchPoolView::parent);
  return views;
}

Result<BranchPoolView> remove_branch_pool(Engine& engine, const std::string& name) {
  TRY(mend(engine));
  const BranchRecords parent = TRY(find_branch_or_main(engine, name));
  const auto record = TRY(engine.catalog().branch_pool_of(parent.branch.id));
  if (!record) {
    return fail_with_hint(Errc::not_found,
                          fmt::format("{} has no pool of branches", parent.full_name()),
                          "velo pool list shows those that there are");
  }
  BranchPoolView view = TRY(view_now(engine, parent));
  engine.observer().begin(fmt::format("Removing the pool of {}", parent.full_name()));
  TRY(engine.catalog().change(
      [&] { return engine.catalog().remove_branch_pool(parent.branch.id); }));
  const auto spares = TRY(all_spares(engine)).extract(parent.branch.id);
  if (!spares) return view;
  for (const catalog::Temporary& spare : spares.mapped()) {
    TRY(remove_temporary_branch(engine, spare.branch_id, catalog::spare_role, 1min));
  }
  return view;
}

namespace {

/// What is to be done about one pool.
struct Needs {
  std::vector<std::string> surplus;  ///< branch ids of spares to delete
  int missing = 0;
};

Needs needs_of(const BranchPool& pool, const std::vector<catalog::Temporary>& spares,
               const std::function<bool(const catalog::Temporary&)>& serves) {
  Needs needs{.surplus = {}, .missing = pool.record.size};
  for (const catalog::Temporary& spare : spares) {
    if (needs.missing > 0 && fits(pool, spare) && serves(spare)) {
      --needs.missing;
    } else {
      needs.surplus.push_back(spare.branch_id);
    }
  }
  return needs;
}

Result<bool> runs(Engine& engine, const catalog::Temporary& spare) {
  const BranchRecords b = TRY(load_branch(engine, spare.branch_id));
  const auto driver = TRY(driver_of(b.project));
  return TRY(TRY(runtime_of(b.project))->inspect(pgdata_of(*driver, b.incarnation.volume))).runs;
}

Result<void> make_spares(Engine& engine, const BranchPool& pool, int number) {
  if (!pool.snapshot) return without_snapshot(pool);
  std::vector<CreateBranch> requests;
  for (int i = 0; i < number; ++i) {
    // Nobody leases a spare: what its lock would say is what its role says.
    const Lease lease = TRY(make_lease(engine, catalog::spare_role));
    CreateBranch request{.name = pool.parent.project.name + "/" + lease.name,
                         .parent = {},
                         .snapshot = pool.snapshot->incarnation_id,
                         .archives = !pool.record.ephemeral,
                         .settings = {}};
    if (pool.record.ephemeral) request.settings = ephemeral_settings();
    request.temporary = catalog::Temporary{.branch_id = lease.branch_id,
                                           .role = catalog::spare_role,
                                           .pid = 0,
                                           .ephemeral = pool.record.ephemeral,
                                           .snapshot_id = {},
                                           .snapshot = {},
                                           .as_of = {}};
    requests.push_back(std::move(request));
  }
  for (auto& made : TRY(create_branches(engine, std::move(requests)))) {
    if (!made) return std::unexpected(std::move(made).error());
  }
  return {};
}

Result<void> note_error(Engine& engine, const std::string& parent_id, const std::string& error) {
  return engine.catalog().change([&]() -> Result<void> {
    auto record = TRY(engine.catalog().branch_pool_of(parent_id));
    if (!record || record->error == error) return {};
    record->error = error;
    return engine.catalog().put(*record);
  });
}

Result<void> delete_spares(Engine& engine, const std::vector<std::string>& branch_ids) {
  for (const std::string& id : branch_ids) {
    auto removed = remove_temporary_branch(engine, id, catalog::spare_role, 0ms);
    if (!removed && removed.error().code != Errc::in_use) return removed;
  }
  return {};
}

/// At most so many at a time, so that a change of the pool is soon seen.
constexpr int at_a_time = 4;

Result<void> care_for(Engine& engine, const BranchPool& pool,
                      const std::vector<catalog::Temporary>& spares) {
  const Needs needs = needs_of(pool, spares, [&](const catalog::Temporary& spare) {
    return runs(engine, spare).value_or(false);
  });
  TRY(delete_spares(engine, needs.surplus));
  return make_spares(engine, pool, std::min(needs.missing, at_a_time));
}

}  // namespace

Result<bool> pools_need_care(Engine& engine, const std::set<std::string>& hopeless) {
  auto spares = TRY(all_spares(engine));
  for (const catalog::BranchPool& record : TRY(engine.catalog().branch_pools())) {
    const auto own = spares.extract(record.parent_id);
    if (hopeless.contains(record.parent_id)) continue;
    const auto pool = TRY(open_pool(engine, record));
    if (!pool) continue;
    const Needs needs = needs_of(*pool, own ? own.mapped() : std::vector<catalog::Temporary>{},
                                 [](const catalog::Temporary&) { return true; });
    if (needs.missing > 0 || !needs.surplus.empty()) return true;
  }
  return !spares.empty() && !hopeless.contains("");  // of pools that are no more
}

Result<void> care_for_pools(Engine& engine, std::set<std::string>& hopeless) {
  auto spares = TRY(all_spares(engine));
  for (const catalog::BranchPool& record : TRY(engine.catalog().branch_pools())) {
    const auto own = spares.extract(record.parent_id);
    if (hopeless.contains(record.parent_id)) continue;
    const auto pool = TRY(open_pool(engine, record));
    if (!pool) continue;
    const auto cared =
        care_for(engine, *pool, own ? own.mapped() : std::vector<catalog::Temporary>{});
    TRY(engine.cancel().check());
    if (!cared) hopeless.insert(record.parent_id);
    TRY(note_error(engine, record.parent_id, cared ? "" : cared.error().message));
  }
  for (const auto& [parent, left] : spares) {
    std::vector<std::string> ids;
    for (const catalog::Temporary& spare : left) ids.push_back(spare.branch_id);
    if (!delete_spares(engine, ids)) hopeless.insert("");
  }
  return {};
}

}  // namespace velo::engine
