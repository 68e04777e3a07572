// `velo operations`: the journal.
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/json_views.h"
#include "cli/render_status.h"
#include "engine/status.h"

namespace velo::cli {

Command operations_command() {
  auto limit = std::make_shared<int>(20);
  return {.name = "operations",
          .aliases = {"ops"},
          .group = "Looking",
          .summary = "Show what runs now, and what was done, undone or mended",
          .options = {{.flags = "-n,--limit",
                       .value = "N",
                       .help = "At most so many, the newest first (default: 20)",
                       .assign = into(*limit, "--limit", 1, 1'000'000)}},
          .examples = {{"velo operations", ""}, {"velo operations --limit 5 --json", ""}},
          .run = [limit](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.read_engine());
            const auto operations = TRY(engine::operations(engine, *limit));
            context.answer([&] { return json::operations(operations); },
                           [&](const Look& look) { return render_operations(operations, look); });
            return 0;
          }};
}

}  // namespace velo::cli
