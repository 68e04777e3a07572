#include <algorithm>

#include "base/lock.h"
#include "catalog/catalog.h"
#include "engine/moments.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

/// A replay of a day's WAL takes minutes, not hours.
constexpr auto longest_without_base = 24h;

/// A base of the future, which a clock that was wrong has left, is none for the moments of now: it
/// is not asked for here.
bool is_recent(const catalog::Snapshot* base) {
  return base != nullptr && now() - base->taken_at < longest_without_base;
}

Result<bool> lacks_base(Engine& engine, const BranchRecords& b) {
  if (!b.branch.wants_running || !TRY(archives_wal(engine, b.branch))) return false;
  const Bases bases{TRY(engine.catalog().snapshots())};
  if (is_recent(bases.newest_of(b.incarnation.id, now()))) return false;
  if (TRY(driver_of(b.project))->capabilities().cost == storage::CloneCost::per_byte) return false;
  const auto schedules = TRY(engine.catalog().schedules());
  if (std::ranges::count(schedules, b.branch.id, &catalog::Schedule::branch_id) > 0) return false;
  return !is_recent(TRY(read_lives(engine)).base_of(b.incarnation, now()));
}

Result<void> renew(Engine& engine, const BranchRecords& parent) {
  if (!TRY(lacks_base(engine, TRY(load_branch(engine, parent.branch.id))))) return {};
  const auto lock = TRY(FileLock::try_acquire(engine.home().lock_file("base-" + parent.branch.id),
                                              LockMode::exclusive));
  // Another command takes it, or has taken it since.
  if (!lock || !TRY(lacks_base(engine, TRY(load_branch(engine, parent.branch.id))))) return {};
  engine.observer().begin(fmt::format("Taking a base to recover {} from", parent.full_name()));
  TRY(create_snapshot(engine, parent.full_name(), "", std::string(base_purpose)));
  return {};
}

}  // namespace

void renew_base(Engine& engine, const BranchRecords& parent) {
  if (const auto renewed = renew(engine, parent); !renewed) {
    engine.observer().warning(fmt::format(
        "no new base to recover {0} from could be taken ({1}): its moments are recovered from an "
        "older one, more slowly; velo snapshot create {0} takes one",
        parent.full_name(), renewed.error().message));
  }
}

}  // namespace velo::engine
