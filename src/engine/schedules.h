// The use cases of schedules: which branches are kept by themselves, how often, and what of it
// stays.
//
// Nothing here waits for the clock: run_schedules does what is due, and a timer calls it
// (packaging/systemd).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "engine/engine.h"
#include "engine/snapshots.h"
#include "engine/wal.h"

namespace velo::engine {

struct ScheduleView {
  std::string branch;  ///< "demo/main"
  std::chrono::seconds every{};
  std::string keep;               ///< "24h:1h,30d:1d"
  std::optional<Timestamp> last;  ///< when the newest of its snapshots was taken
  Timestamp next;                 ///< when the next is due; past: nobody runs the schedules …
  bool is_stopped = false;        ///< … or the branch is stopped, and has not changed
};

struct ScheduleRequest {
  std::string branch;
  std::string every;  ///< "1h", from a minute on; empty: as it was
  std::string keep;   ///< empty: as it was, else for a day every one, and for 30 days one a day
};
/// Sets or changes a branch's schedule. Errc::usage for what cannot be meant, and for a branch
/// without a schedule when `every` is empty.
Result<ScheduleView> set_schedule(Engine& engine, const ScheduleRequest& request);
/// Errc::not_found when it has none. The snapshots stay.
Result<void> remove_schedule(Engine& engine, const std::string& branch);
/// Of one branch ("demo/main"), or of all (empty), by name.
Result<std::vector<ScheduleView>> list_schedules(Engine& engine, const std::string& branch);

struct ScheduleRun {
  std::string branch;
  std::optional<SnapshotView> taken;
  std::string not_taken;         ///< why not: "not due before 2025-10-09 19:00:00"
  std::vector<Cleaned> cleaned;  ///< what the schedule removes, or in a dry run would
  WalCleaned wal;                ///< archived WAL that nothing needs any more
  std::optional<Error> error;    ///< this branch's; the others go on
};
/// For every branch with a schedule: takes its snapshot when it is due, once in each period of the
/// clock, unless the branch is stopped; removes those that have no place any more; and WAL that
/// none of them needs and that is older than all that stays. Of the other branches what the
/// retention period has no place for goes (engine/moments.h); they are in the answer when something
/// does. Waits for another such run.
Result<std::vector<ScheduleRun>> run_schedules(Engine& engine, bool dry_run);

}  // namespace velo::engine
