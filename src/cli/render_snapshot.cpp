#include "cli/render_snapshot.h"

#include <algorithm>

#include "base/size.h"
#include "cli/render.h"
#include "cli/table.h"

namespace velo::cli {
namespace {

/// How a command names it: by its label, else by its id.
std::string name_of(const engine::SnapshotView& snapshot) {
  return snapshot.label.empty() ? snapshot.short_id : snapshot.branch + "@" + snapshot.label;
}

std::string purpose_of(const engine::SnapshotView& snapshot) {
  if (snapshot.purpose == "replaced") return "replaced by a restore";
  if (snapshot.purpose == engine::base_purpose) return "base for recovery";
  if (snapshot.purpose == "schedule") return "by schedule";
  return "asked for";
}

}  // namespace

std::string render_snapshots(const std::vector<engine::SnapshotView>& snapshots, const Look& look) {
  if (snapshots.empty()) {
    return "There are no snapshots.\n" +
           render_next({{"velo snapshot create PROJECT/BRANCH", "keep a branch as it is now"}},
                       look);
  }
  Table table({{.title = "Id"},
               {.title = "Branch"},
               {.title = "Label"},
               {.title = "Taken"},
               {.title = "Size", .right = true, .expendable = 1},
               {.title = "Why", .expendable = 2}});
  for (const engine::SnapshotView& snapshot : snapshots) {
    table.add({{snapshot.short_id},
               {snapshot.branch},
               {snapshot.label},
               {to_local(snapshot.taken_at)},
               {size_of(snapshot.sizes)},
               {purpose_of(snapshot), Colour::dim}});
  }
  return table.render(look);
}

std::string render_snapshot(const engine::SnapshotView& snapshot, const Look& look) {
  std::string sizes;
  if (snapshot.sizes) {
    sizes = fmt::format("{} of its own, {} in all", to_size(snapshot.sizes->exclusive),
                        to_size(snapshot.sizes->referenced));
  }
  return render_pairs({{"Snapshot", {snapshot.short_id, Colour::bold}},
                       {"Of", {snapshot.branch}},
                       {"Label", {snapshot.label}},
                       {"Taken", {to_local(snapshot.taken_at)}},
                       {"Why", {purpose_of(snapshot)}},
                       {"PostgreSQL", {snapshot.pg_version}},
                       {"Size", {sizes}},
                       {"Volume", {snapshot.volume}},
                       {"Id", {snapshot.id, Colour::dim}}},
                      look);
}

std::string render_snapshot_next(const engine::SnapshotView& snapshot, const Look& look) {
  const std::string project = snapshot.branch.substr(0, snapshot.branch.find('/'));
  return render_next(
      {{fmt::format("velo branch create {}/NEW --snapshot {}", project, name_of(snapshot)),
        "a branch of it"},
       {fmt::format("velo branch restore {} --snapshot {}", snapshot.branch, name_of(snapshot)),
        "back to it"}},
      look);
}

std::string render_cleaned(const std::vector<engine::Cleaned>& cleaned, bool dry_run,
                           const Look& look) {
  if (cleaned.empty()) return "There are no snapshots.\n";
  Table table({{.title = ""},
               {.title = "Id"},
               {.title = "Branch"},
               {.title = "Label"},
               {.title = "Taken", .expendable = 1},
               {.title = "Why"}});
  for (const engine::Cleaned& one : cleaned) {
    table.add({one.removed ? Cell{dry_run ? "would go" : "deleted", Colour::yellow}
                           : Cell{"stays", Colour::green},
               {one.snapshot.short_id},
               {one.snapshot.branch},
               {one.snapshot.label},
               {to_local(one.snapshot.taken_at)},
               {one.why}});
  }
  const auto gone = static_cast<std::size_t>(
      std::ranges::count_if(cleaned, [](const engine::Cleaned& one) { return one.removed; }));
  return table.render(look) + fmt::format("{} {}.\n", counted(gone, "snapshot", "snapshots"),
                                          dry_run ? "would be deleted" : "deleted");
}

std::string render_schedules(const std::vector<engine::ScheduleView>& views, const Look& look) {
  if (views.empty()) {
    return "There are no schedules.\n" +
           render_next(
               {{"velo snapshot schedule PROJECT/BRANCH --every 1h", "a snapshot in each hour"}},
               look);
  }
  Table table({{.title = "Branch"},
               {.title = "Every"},
               {.title = "Keep"},
               {.title = "Last"},
               {.title = "Next", .expendable = 1}});
  for (const engine::ScheduleView& view : views) {
    const bool due = view.next <= now();
    const std::string next = view.is_stopped ? "when it runs" : due ? "now" : to_local(view.next);
    table.add({{view.branch},
               {to_duration(view.every)},
               {view.keep},
               {view.last ? to_local(*view.last) : "never"},
               {next, due && !view.is_stopped ? Colour::yellow : Colour::plain}});
  }
  return table.render(look);
}

std::string render_schedule_runs(const std::vector<engine::ScheduleRun>& runs, bool dry_run,
                                 const Look& look) {
  if (runs.empty()) return render_schedules({}, look);
  std::string text;
  for (const engine::ScheduleRun& run : runs) {
    if (run.taken) {
      text += fmt::format("{}: took {}\n", run.branch, run.taken->short_id);
    } else if (!run.error) {
      text += fmt::format("{}: none taken, {}\n", run.branch, run.not_taken);
    }
    for (const engine::Cleaned& one : run.cleaned) {
      text += fmt::format("{}: {} {} of {}, {}\n", run.branch, dry_run ? "would delete" : "deleted",
                          one.snapshot.short_id, to_local(one.snapshot.taken_at), one.why);
    }
    if (run.wal.removed > 0) {
      text +=
          fmt::format("{}: {} {} of WAL ({})\n", run.branch, dry_run ? "would delete" : "deleted",
                      counted(run.wal.removed, "segment", "segments"), to_size(run.wal.freed));
    }
  }
  return text;
}

}  // namespace velo::cli
