#include "engine/schedules.h"

#include <algorithm>

#include "base/fault.h"
#include "base/lock.h"
#include "base/text.h"
#include "catalog/catalog.h"
#include "engine/moments.h"
#include "engine/operation.h"
#include "engine/retention.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

constexpr auto shortest_period = 1min;
constexpr auto patience_for_another = 1h;
constexpr auto patience_for_branches = 1min;
constexpr auto usual_keep = "30d:1d";

/// One schedule with its branch's records.
struct Scheduled {
  BranchRecords b;
  catalog::Schedule schedule;
};

/// Of live branches, by name.
Result<std::vector<Scheduled>> all_scheduled(Engine& engine) {
  std::vector<Scheduled> all;
  const auto schedules = TRY(engine.catalog().schedules());
  for (const catalog::Branch& branch : TRY(engine.catalog().branches(catalog::Which::live))) {
    const auto own = std::ranges::find(schedules, branch.id, &catalog::Schedule::branch_id);
    if (own == schedules.end()) continue;
    Scheduled one{.b = TRY(load_branch(engine, branch.id)), .schedule = *own};
    if (!one.b.project.deleted_at) all.push_back(std::move(one));
  }
  std::ranges::sort(all, {}, [](const Scheduled& one) { return one.b.full_name(); });
  return all;
}

/// The beginning of the period of the clock that a moment is in.
Timestamp period_of(Timestamp moment, std::chrono::seconds every) {
  return Timestamp(moment.time_since_epoch() / every * every);
}

/// The newest snapshot of the branch's present life that counts for its schedule. One of the
/// future, which a clock that was wrong has left, does not.
Result<std::optional<Timestamp>> last_taken(Engine& engine, const BranchRecords& b) {
  std::optional<Timestamp> last;
  for (const catalog::Snapshot& one : TRY(engine.catalog().snapshots())) {
    if (one.taken_at > now()) continue;
    if (one.of_incarnation_id == b.incarnation.id && is_automatic(one.purpose)) last = one.taken_at;
  }
  return last;
}

Result<ScheduleView> view_of(Engine& engine, const Scheduled& one) {
  const auto last = TRY(last_taken(engine, one.b));
  const auto every = one.schedule.every;
  return ScheduleView{.branch = one.b.full_name(),
                      .every = every,
                      .keep = one.schedule.keep,
                      .last = last,
                      .next = last ? period_of(*last, every) + every : now(),
                      .is_stopped = !one.b.branch.wants_running && last};
}

std::unexpected<Error> no_schedule(const std::string& branch) {
  return fail_with_hint(Errc::not_found, fmt::format("{} has no schedule", branch),
                        fmt::format("velo snapshot schedule {} --every 1h makes one", branch));
}

/// Takes the snapshot, or says why not.
Result<void> take(Engine& engine, const Scheduled& one, bool dry_run, ScheduleRun& run) {
  const ScheduleView view = TRY(view_of(engine, one));
  if (view.next > now()) {
    run.not_taken = fmt::format("not due before {}", to_local(view.next));
  } else if (view.is_stopped) {
    run.not_taken = "it is stopped";
  } else if (dry_run) {
    run.not_taken = "this is a dry run";
  } else {
    run.taken = TRY(create_snapshot(engine, run.branch, "", std::string(schedule_purpose)));
    TRY(fault_point(Fault::schedule_taken));
  }
  return {};
}

/// Removes what the policy has no place for: scheduled ones and bases, never what was asked for.
Result<void> thin_out(Engine& engine, const Scheduled& one, const std::vector<Tier>& tiers,
                      bool dry_run, ScheduleRun& run) {
  std::vector<SnapshotView> own = TRY(list_snapshots(engine, run.branch));
  std::erase_if(own, [](const SnapshotView& view) { return !is_automatic(view.purpose); });
  std::vector<Timestamp> taken;
  taken.reserve(own.size());
  for (const SnapshotView& view : own) taken.push_back(view.taken_at);
  const std::vector<Verdict> verdicts = retain(taken, now(), tiers);
  for (std::size_t i = 0; i < own.size(); ++i) {
    if (verdicts[i].stays) continue;
    run.cleaned.push_back({.snapshot = own[i], .removed = true, .why = verdicts[i].why});
    if (dry_run) continue;
    TRY(delete_snapshot(engine, own[i].id));
    TRY(fault_point(Fault::schedule_thinned));
  }
  run.wal = TRY(wal_cleanup(
      engine,
      {.branch = one.b.full_name(), .age = tiers.back().span, .force = false, .dry_run = dry_run}));
  return {};
}

Result<void> run_one(Engine& engine, const Scheduled& one, bool dry_run, ScheduleRun& run) {
  TRY(take(engine, one, dry_run, run));
  return thin_out(engine, one, TRY(parse_retention(one.schedule.keep)), dry_run, run);
}

}  // namespace

Result<ScheduleView> set_schedule(Engine& engine, const ScheduleRequest& request) {
  Scheduled made;
  const BranchLocks locks = TRY(lock_branches(engine, [&]() -> Result<LockSet> {
    made.b = TRY(find_branch(engine, request.branch));
    return LockSet{.exclusive = {}, .shared = {made.b.branch.id}};
  }));
  made.schedule.branch_id = made.b.branch.id;
  for (const catalog::Schedule& old : TRY(engine.catalog().schedules())) {
    if (old.branch_id == made.b.branch.id) made.schedule = old;
  }
  if (!request.every.empty()) made.schedule.every = TRY(parse_duration(request.every));
  if (made.schedule.every.count() == 0 && request.every.empty()) {
    return fail_with_hint(Errc::usage, "say how often a snapshot is taken: --every 1h",
                          fmt::format("velo snapshot schedule {} --every 1h", request.branch));
  }
  if (made.schedule.every < shortest_period) {
    return fail_with_hint(Errc::usage, fmt::format("{} is too often", request.every),
                          "once a minute is the most: --every 1m");
  }
  if (!request.keep.empty()) made.schedule.keep = request.keep;
  if (made.schedule.keep.empty()) {
    made.schedule.keep =
        made.schedule.every < std::chrono::hours(24)
            ? fmt::format("24h:{},{}", to_duration(made.schedule.every), usual_keep)
            : fmt::format("{}:{}", to_duration(made.schedule.every * 30),
                          to_duration(made.schedule.every));
  }
  TRY(parse_retention(made.schedule.keep));
  TRY(fault_point(Fault::schedule_change));
  TRY(engine.catalog().change([&] { return engine.catalog().put(made.schedule); }));
  TRY(fault_point(Fault::schedule_changed));
  return view_of(engine, made);
}

Result<void> remove_schedule(Engine& engine, const std::string& branch) {
  const BranchRecords b = TRY(find_branch(engine, branch));
  const auto views = TRY(list_schedules(engine, branch));
  if (views.empty()) return no_schedule(b.full_name());
  TRY(fault_point(Fault::schedule_change));
  TRY(engine.catalog().change([&] { return engine.catalog().remove_schedule(b.branch.id); }));
  return fault_point(Fault::schedule_changed);
}

Result<std::vector<ScheduleView>> list_schedules(Engine& engine, const std::string& branch) {
  std::string wanted;
  if (!branch.empty()) wanted = TRY(find_branch(engine, branch)).branch.id;
  std::vector<ScheduleView> views;
  for (const Scheduled& one : TRY(all_scheduled(engine))) {
    if (wanted.empty() || one.b.branch.id == wanted) views.push_back(TRY(view_of(engine, one)));
  }
  return views;
}

Result<std::vector<ScheduleRun>> run_schedules(Engine& engine, bool dry_run) {
  // Two at once would each find the same snapshot due.
  const FileLock lock =
      TRY(FileLock::acquire(engine.home().lock_file("schedules"), LockMode::exclusive,
                            patience_for_another, engine.cancel(), [&] {
                              engine.observer().notice("another run of the schedules is going on");
                            }));
  if (!dry_run) TRY(mend_operations(engine));
  // First, or the first snapshot to be taken would mend, and this would have nothing to tell.
  std::vector<Forgotten> unscheduled = TRY(forget_moments(engine, dry_run, patience_for_branches));
  std::vector<ScheduleRun> runs;
  for (const Scheduled& one : TRY(all_scheduled(engine))) {
    TRY(engine.cancel().check());
    ScheduleRun run;
    run.branch = one.b.full_name();
    if (auto done = run_one(engine, one, dry_run, run); !done) run.error = done.error();
    runs.push_back(std::move(run));
  }
  for (Forgotten& one : unscheduled) {
    runs.push_back({.branch = std::move(one.branch),
                    .taken = {},
                    .not_taken = "it has no schedule",
                    .cleaned = std::move(one.cleaned),
                    .wal = std::move(one.wal),
                    .error = std::move(one.error)});
  }
  return runs;
}

}  // namespace velo::engine
