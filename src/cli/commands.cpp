#include "cli/commands.h"

namespace velo::cli {

Command all_commands() {
  Command root{.name = "velo", .summary = "PostgreSQL with instant branching"};
  root.examples = {{"velo project create demo", "a server of its own, with the branch demo/main"},
                   {"velo branch create demo/dev", "a copy of it, in a tenth of a second"},
                   {"velo psql demo/dev", "psql in the copy"},
                   {"velo branch reset demo/dev", "the copy is as demo/main again"},
                   {"velo status", "what there is, and what it weighs"}};
#define VELO_MAKE(command) root.children.push_back(command());
  VELO_COMMANDS(VELO_MAKE)
#undef VELO_MAKE
  for (Command& command : developer_commands()) root.children.push_back(std::move(command));
  return root;
}

}  // namespace velo::cli
