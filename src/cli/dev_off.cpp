#include "cli/commands.h"

namespace velo::cli {

std::vector<Command> developer_commands() {
  return {};
}

}  // namespace velo::cli
