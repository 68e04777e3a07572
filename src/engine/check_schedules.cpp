// Schedules: whether anybody carries them out.

#include "engine/check_parts.h"
#include "engine/schedules.h"

namespace velo::engine {

void check_schedules(Findings& findings, const Known& known) {
  const auto views = list_schedules(*known.engine, "");
  if (!views) {
    findings.failed(Level::warning, "schedule.unread", "the schedules", views.error());
    return;
  }
  for (const ScheduleView& view : *views) {
    if (view.is_stopped) continue;
    // One period may pass unnoticed, where the timer is slow or the branch was stopped.
    if (view.last && view.next + view.every > now()) continue;
    findings.add(Level::warning, "schedule.overdue", view.branch,
                 view.last ? fmt::format("{}: its schedule has waited since {}", view.branch,
                                         to_local(view.next))
                           : fmt::format("{}: its schedule never took a snapshot", view.branch),
                 "have cron or velo-schedule.timer run, every few minutes: velo snapshot "
                 "run-schedule");
  }
}

}  // namespace velo::engine
