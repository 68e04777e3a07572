// The commands of schedules, which `velo snapshot` has below it.
#pragma once

#include "cli/command.h"

namespace velo::cli {

Command schedule_command();
Command run_schedule_command();

}  // namespace velo::cli
