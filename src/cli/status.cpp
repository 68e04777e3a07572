// `velo status`: everything at a glance.
#include "engine/status.h"

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/json_views.h"
#include "cli/render_status.h"

namespace velo::cli {

Command status_command() {
  return {.name = "status",
          .aliases = {"ls"},
          .group = "Looking",
          .summary = "Show the pool, all projects and their branches",
          .details =
              "● runs, ○ is stopped, ! should run and does not. A branch's size is what it has of "
              "its own: deleting it frees that much.",
          .examples = {{"velo status", ""}, {"velo ls --json", ""}},
          .run = [](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.read_engine());
            const auto status = TRY(engine::status(engine));
            context.answer([&] { return json::status(status); },
                           [&](const Look& look) {
                             return render_status(status, now(), context.quiet(), look);
                           });
            return 0;
          }};
}

}  // namespace velo::cli
