#include "engine/moments.h"

#include <algorithm>

#include "base/files.h"
#include "base/lock.h"
#include "catalog/catalog.h"
#include "engine/config.h"
#include "engine/operation.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

constexpr auto between_looks = 1h;

bool is_scheduled(const std::vector<catalog::Schedule>& schedules, const std::string& branch_id) {
  return std::ranges::count(schedules, branch_id, &catalog::Schedule::branch_id) > 0;
}

/// What goes of one branch, in all the lives that it led and that are not going by themselves.
class Forgetting {
 public:
  Forgetting(Engine& engine, BranchRecords b, std::chrono::seconds period)
      : engine_(&engine), branch_(std::move(b)), period_(period), since_(now() - period) {}

  /// Adds to `forgotten` what goes, and if it is no dry run removes it: the branch is then locked.
  Result<void> run(const Lives& lives, const std::vector<Need>& needs, bool dry_run,
                   Forgotten& forgotten) const {
    for (const catalog::Incarnation& life : lives.all) {
      if (life.branch_id != branch_.branch.id) continue;
      if (life.kept_until || !lives.bases.was_led(life)) continue;
      TRY(forget_bases(lives, bases_to_forget(lives, needs, life.id, since_), dry_run, forgotten));
      BranchRecords led = branch_;
      led.incarnation = life;
      const WalCleaned cut = TRY(cut_wal(
          *engine_, led,
          {.branch = forgotten.branch, .age = period_, .force = false, .dry_run = dry_run}));
      forgotten.wal.removed += cut.removed;
      forgotten.wal.freed += cut.freed;
    }
    return {};
  }

 private:
  Result<void> forget_bases(const Lives& lives, const std::vector<catalog::Snapshot>& going,
                            bool dry_run, Forgotten& forgotten) const {
    if (going.empty()) return {};
    const auto views = TRY(list_snapshots(*engine_, forgotten.branch));
    for (const catalog::Snapshot& one : going) {
      const auto view = std::ranges::find(views, one.incarnation_id, &SnapshotView::id);
      const catalog::Incarnation* life = lives.find(one.incarnation_id);
      if (view == views.end() || life == nullptr) continue;
      forgotten.cleaned.push_back(
          {.snapshot = *view,
           .removed = true,
           .why = fmt::format("no moment of the last {} needs it", to_duration(period_))});
      if (dry_run) continue;
      BranchRecords source = branch_;
      source.incarnation = *life;
      TRY(remove_snapshot(*engine_, {.source = std::move(source), .snapshot = one}));
    }
    return {};
  }

  Engine* engine_;
  BranchRecords branch_;
  std::chrono::seconds period_;
  Timestamp since_;
};

/// What the decisions are made of, as the catalog has it now.
struct Holdings {
  Lives lives;
  std::vector<Need> needs;
};

Result<Holdings> read_holdings(Engine& engine, std::chrono::seconds period) {
  auto lives = read_lives(engine);
  if (!lives) return std::unexpected(std::move(lives).error());
  std::vector<Need> needs = needs_since(*lives, now() - period);
  return Holdings{.lives = std::move(*lives), .needs = std::move(needs)};
}

Result<void> forget_of(Engine& engine, const BranchRecords& b, const Holdings& holdings,
                       std::chrono::seconds period, bool dry_run,
                       std::chrono::milliseconds patience, Forgotten& forgotten) {
  const Forgetting forgetting(engine, b, period);
  TRY(forgetting.run(holdings.lives, holdings.needs, true, forgotten));
  const bool is_nothing = forgotten.cleaned.empty() && forgotten.wal.removed == 0;
  if (is_nothing || dry_run) return {};
  const BranchLocks locks =
      TRY(BranchLocks::acquire(engine, {.exclusive = {b.branch.id}, .shared = {}}, patience));
  const Holdings again =
      TRY(read_holdings(engine, period));  // somebody may just have made a branch
  forgotten = Forgotten{.branch = forgotten.branch, .cleaned = {}, .wal = {}, .error = {}};
  return forgetting.run(again.lives, again.needs, false, forgotten);
}

/// Takes the hour's turn: false when it was taken already, or another process has it.
Result<bool> is_our_turn(const fs::path& file) {
  std::error_code missing;
  const auto last = fs::last_write_time(file, missing);
  const auto present = fs::file_time_type::clock::now();
  if (!missing && last <= present && present - last < between_looks) return false;
  const auto lock = TRY(FileLock::try_acquire(file, LockMode::exclusive));
  if (!lock) return false;
  std::error_code failed;
  fs::last_write_time(file, present, failed);
  if (failed) return fail_errno(failed.value(), fmt::format("touch {}", file.string()));
  return true;
}

}  // namespace

Result<std::optional<std::chrono::seconds>> retention_period(Engine& engine) {
  const std::string value = TRY(get_config(engine, "retention")).value;
  if (value == "off") return std::nullopt;
  return TRY(parse_duration(value));
}

Result<Lives> read_lives(Engine& engine) {
  Lives lives{.all = TRY(engine.catalog().incarnations()),
              .bases = {TRY(engine.catalog().snapshots())},
              .forgetful = {}};
  for (const catalog::Branch& branch : TRY(engine.catalog().branches(catalog::Which::all))) {
    if (!branch.archives) lives.forgetful.insert(branch.id);
  }
  return lives;
}

Result<std::vector<Forgotten>> forget_moments(Engine& engine, bool dry_run,
                                              std::chrono::milliseconds patience) {
  std::vector<Forgotten> all;
  const auto period = TRY(retention_period(engine));
  if (!period) return all;
  const auto schedules = TRY(engine.catalog().schedules());
  const Holdings holdings = TRY(read_holdings(engine, *period));
  for (const catalog::Branch& branch : TRY(engine.catalog().branches(catalog::Which::live))) {
    TRY(engine.cancel().check());
    if (is_scheduled(schedules, branch.id)) continue;
    const BranchRecords b = TRY(load_branch(engine, branch.id));
    if (b.project.deleted_at) continue;
    Forgotten forgotten{.branch = b.full_name(), .cleaned = {}, .wal = {}, .error = {}};
    const auto done = forget_of(engine, b, holdings, *period, dry_run, patience, forgotten);
    if (!done) forgotten.error = done.error();
    if (!done || !forgotten.cleaned.empty() || forgotten.wal.removed > 0) {
      all.push_back(std::move(forgotten));
    }
  }
  std::ranges::sort(all, {}, &Forgotten::branch);
  return all;
}

Result<void> forget_moments_hourly(Engine& engine) {
  const auto forget = [&]() -> Result<void> {
    if (!TRY(is_our_turn(engine.home().lock_file("retention")))) return {};
    for (const Forgotten& one : TRY(forget_moments(engine, false, 0ms))) {
      if (!one.error || one.error->code == Errc::in_use) continue;  // busy: next time
      engine.observer().warning(
          fmt::format("what is older than the retention period could not be removed of {} yet: {}",
                      one.branch, one.error->message));
    }
    return {};
  };
  if (const auto done = forget(); !done) {
    TRY(engine.cancel().check());
    engine.observer().warning(
        fmt::format("what is older than the retention period could not be looked for: {}",
                    done.error().message));
  }
  return {};
}

}  // namespace velo::engine
