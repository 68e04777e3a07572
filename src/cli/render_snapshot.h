// How snapshots look on a screen.
#pragma once

#include <string>
#include <vector>

#include "cli/look.h"
#include "engine/schedules.h"
#include "engine/snapshots.h"

namespace velo::cli {

std::string render_snapshots(const std::vector<engine::SnapshotView>& snapshots, const Look& look);
std::string render_snapshot(const engine::SnapshotView& snapshot, const Look& look);
/// Commands worth typing now.
std::string render_snapshot_next(const engine::SnapshotView& snapshot, const Look& look);
/// A line for each snapshot that was looked at, and what became of it.
std::string render_cleaned(const std::vector<engine::Cleaned>& cleaned, bool dry_run,
                           const Look& look);
std::string render_schedules(const std::vector<engine::ScheduleView>& views, const Look& look);
/// What one run did, a line for each thing.
std::string render_schedule_runs(const std::vector<engine::ScheduleRun>& runs, bool dry_run,
                                 const Look& look);

}  // namespace velo::cli
