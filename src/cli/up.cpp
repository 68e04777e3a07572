// `velo up`: what a boot does.
#include "cli/caretaker.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/errors.h"
#include "cli/json_views.h"
#include "cli/render.h"
#include "engine/branches.h"

namespace velo::cli {
namespace {

std::string report_text(const engine::UpReport& report, const Look& look) {
  std::string text;
  for (const std::string& branch : report.started) {
    text += fmt::format("{} {} started\n", paint("●", Colour::green, look), branch);
  }
  for (const auto& [branch, error] : report.failed) {
    text += fmt::format("{} {} did not start\n", paint("!", Colour::red, look), branch);
  }
  if (!report.already_running.empty()) {
    text += fmt::format("{} running already\n",
                        counted(report.already_running.size(), "branch was", "branches were"));
  }
  return text.empty() ? "Nothing to start\n" : text;
}

}  // namespace

Command up_command() {
  return {.name = "up",
          .group = "This machine",
          .summary = "Start every branch that was running when the machine went down",
          .details = "Branches that were stopped stay stopped. A boot unit for it comes with Velo.",
          .examples = {{"velo up", ""}},
          .run = [](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.open_engine());
            const auto report = TRY(engine::start_all(engine));
            context.answer([&] { return json::up(report); },
                           [&](const Look& look) { return report_text(report, look); });
            for (const auto& [branch, error] : report.failed) {
              context.output().err.write(render_error(error, context.output().err.look()));
            }
            call_caretaker(context, engine);
            return report.failed.empty() ? 0 : 1;
          }};
}

}  // namespace velo::cli
