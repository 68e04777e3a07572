// `velo snapshot schedule` and `run-schedule`: snapshots that are taken and removed by themselves.
#include "cli/schedule.h"

#include <algorithm>

#include "cli/branch.h"
#include "cli/caretaker.h"
#include "cli/context.h"
#include "cli/errors.h"
#include "cli/json_views.h"
#include "cli/render_snapshot.h"
#include "engine/schedules.h"

namespace velo::cli {
namespace {

struct Request {
  engine::ScheduleRequest schedule;
  bool off = false;

  bool changes() const { return !schedule.every.empty() || !schedule.keep.empty(); }
};

Result<int> run(Context& context, const Request& request) {
  const std::string& branch = request.schedule.branch;
  if ((request.changes() || request.off) && branch.empty()) {
    return fail_with_hint(Errc::usage, "say which branch",
                          "velo snapshot schedule demo/main --every 1h");
  }
  if (request.changes() && request.off) {
    return fail_with_hint(Errc::usage, "--off ends a schedule, and --every and --keep set one",
                          "leave one of them out");
  }
  const bool reads = !request.off && !request.changes();
  engine::Engine engine = TRY(reads ? context.read_engine() : context.open_engine());
  if (request.off) {
    TRY(engine::remove_schedule(engine, branch));
    context.answer([&] { return json::schedules({}); },
                   [&](const Look&) {
                     return fmt::format("{} has no schedule any more; its snapshots stay.\n",
                                        branch);
                   });
    return 0;
  }
  std::vector<engine::ScheduleView> views;
  if (request.changes()) {
    views.push_back(TRY(engine::set_schedule(engine, request.schedule)));
  } else {
    views = TRY(engine::list_schedules(engine, branch));
  }
  context.answer([&] { return json::schedules(views); },
                 [&](const Look& look) { return render_schedules(views, look); });
  return 0;
}

}  // namespace

Command schedule_command() {
  auto request = std::make_shared<Request>();
  Argument branch = branch_argument(request->schedule.branch);
  branch.help = "The branch; without: every schedule is shown";
  branch.needed = Needed::optional;
  return {.name = "schedule",
          .summary = "Have snapshots of a branch taken by themselves, or show that",
          .details =
              "`velo snapshot run-schedule` carries the schedules out, called by cron or by the "
              "timer that comes with Velo. What --keep has no place for goes: of the scheduled "
              "snapshots and of those made as bases for recovery, never of those that you took. "
              "Archived WAL goes with them, once nothing that stays needs it.",
          .arguments = {std::move(branch)},
          .options = {{.flags = "--every",
                       .value = "TIME",
                       .help = "One in each such period of the clock: 15m, 1h, 1d",
                       .assign = into(request->schedule.every)},
                      {.flags = "--keep",
                       .value = "AGE:SPACING,…",
                       .help = "Up to each age, one for each spacing stays "
                               "(default: all for 24h, one a day for 30d)",
                       .assign = into(request->schedule.keep)},
                      {.flags = "--off",
                       .help = "No schedule any more; its snapshots stay",
                       .assign = into(request->off)}},
          .examples = {{"velo snapshot schedule demo/main --every 1h --keep 24h:1h,30d:1d", ""},
                       {"velo snapshot schedule", "all of them"},
                       {"velo snapshot schedule demo/main --off", ""}},
          .run = [request](Context& context) { return run(context, *request); }};
}

Command run_schedule_command() {
  auto dry_run = std::make_shared<bool>(false);
  return {
      .name = "run-schedule",
      .summary = "Take the snapshots that are due, and remove those that have no place",
      .details =
          "For cron or a timer, every few minutes; it does nothing when nothing is due. A "
          "branch that is stopped has not changed, and is left out. Of branches without a schedule "
          "it removes what is older than the retention period (velo config get retention), as "
          "other commands do once an hour.",
      .options = {{.flags = "--dry-run",
                   .help = "Only say what would be done",
                   .assign = into(*dry_run)}},
      .examples = {{"velo snapshot run-schedule", ""}},
      .run = [dry_run](Context& context) -> Result<int> {
        engine::Engine engine = TRY(context.open_engine());
        const auto runs = TRY(engine::run_schedules(engine, *dry_run));
        context.answer(
            [&] { return json::schedule_runs(runs, *dry_run); },
            [&](const Look& look) { return render_schedule_runs(runs, *dry_run, look); });
        bool failed = false;
        for (const engine::ScheduleRun& run : runs) {
          if (!run.error) continue;
          failed = true;
          context.output().err.write(render_error(*run.error, context.output().err.look()));
        }
        call_caretaker(context, engine);
        return failed ? 1 : 0;
      }};
}

}  // namespace velo::cli
