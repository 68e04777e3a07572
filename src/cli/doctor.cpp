// `velo doctor`: what is not as it should be, and what to do about it.
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/json_views.h"
#include "cli/render_doctor.h"
#include "cli/version.h"
#include "engine/repair.h"

namespace velo::cli {
namespace {

Result<int> run_doctor(Context& context, bool fix) {
  const engine::CheckRequest request{.home = context.environment().home,
                                     .path_variable = context.environment().path_variable,
                                     .version = std::string(version()),
                                     .program = context.environment().program};
  engine::RepairReport report;
  if (fix) {
    report = engine::repair(request, context.progress(), context.cancel());
  } else {
    report.after = engine::check(request, context.progress(), context.cancel());
  }
  TRY(context.cancel().check());
  context.answer([&] { return json::doctor(report); },
                 [&](const Look& look) {
                   return fix ? render_repairs(report, context.quiet(), look)
                              : render_check(report.after, context.quiet(), look);
                 });
  return report.after.healthy() ? 0 : 1;
}

}  // namespace

Command doctor_command() {
  auto fix = std::make_shared<bool>(false);
  return {
      .name = "doctor",
      .group = "This machine",
      .summary = "Check this machine, VELO_HOME and every branch, and say what to do",
      .details =
          "✓ is as it should be, ℹ is worth knowing, ⚠ will go wrong, ✗ is wrong: then the exit "
          "code is 1. It changes nothing, unless --fix: that sets modes right, ends what was "
          "interrupted, starts what should run, renews certificates, clears stale pid files and "
          "removes run directories of no branch. It never deletes what could hold data, and "
          "lists what it leaves to you. What --json prints holds no passwords, and is what a "
          "bug report needs.",
      .options = {{.flags = "--fix",
                   .help = "Repair what is safe to repair, then check again",
                   .assign = into(*fix)}},
      .examples = {{"velo doctor", ""},
                   {"velo doctor --fix", ""},
                   {"velo doctor --json", "for a bug report"}},
      .run = [fix](Context& context) { return run_doctor(context, *fix); }};
}

}  // namespace velo::cli
