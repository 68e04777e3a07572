#include "cli/caretaker.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/files.h"
#include "base/process.h"
#include "cli/commands.h"
#include "engine/caretaker.h"

namespace velo::cli {
namespace {

constexpr auto caretaker_word = "__caretaker";

Result<void> start_where_none_is(Context& context, engine::Engine& engine) {
  const fs::path& program = context.environment().program;
  if (program.empty() || !TRY(engine::lacks_caretaker(engine))) return {};
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (!text.starts_with("VELO_HOME=")) environment.emplace_back(text);
  }
  environment.push_back("VELO_HOME=" + engine.home().root().string());
  const Fd nothing = TRY(open_file("/dev/null", O_WRONLY));
  TRY(start_detached({.argv = {program.string(), caretaker_word},
                      .environment = std::move(environment),
                      .user = {},
                      .directory = "/",
                      .input = {}},
                     nothing.get()));
  return {};
}

}  // namespace

void call_caretaker(Context& context, engine::Engine& engine) {
  if (auto called = start_where_none_is(context, engine); !called) {
    context.progress().warning(
        fmt::format("nobody looks after temporary branches: {}", called.error().message));
  }
}

Command caretaker_command() {
  return {.name = caretaker_word,
          .summary = "Look after temporary branches until there is nothing to do",
          .hidden = true,
          .run = [](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.open_engine());
            TRY(engine::take_care(engine));
            return 0;
          }};
}

}  // namespace velo::cli
