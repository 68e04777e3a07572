// `velo version`.
#include "cli/version.h"

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/json_views.h"

namespace velo::cli {

std::string_view version() {
  return VELO_VERSION;
}

void answer_version(Context& context) {
  context.answer([] { return json::texts({{"version", VELO_VERSION}}); },
                 [](const Look&) { return "velo " VELO_VERSION "\n"; });
}

Command version_command() {
  return {.name = "version",
          .group = "Help",
          .summary = "Show the version",
          .examples = {{"velo version", ""}},
          .run = [](Context& context) -> Result<int> {
            answer_version(context);
            return 0;
          }};
}

}  // namespace velo::cli
