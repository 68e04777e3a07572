// All commands there are.
#pragma once

#include "cli/command.h"

namespace velo::cli {

// The table: to add a command, write its file with the function that declares it, and its line
// here, in the order in which help pages list them.
#define VELO_COMMANDS(COMMAND) \
  COMMAND(project_command)     \
  COMMAND(branch_command)      \
  COMMAND(snapshot_command)    \
  COMMAND(wal_command)         \
  COMMAND(run_command)         \
  COMMAND(pool_command)        \
  COMMAND(psql_command)        \
  COMMAND(logs_command)        \
  COMMAND(status_command)      \
  COMMAND(operations_command)  \
  COMMAND(up_command)          \
  COMMAND(setup_command)       \
  COMMAND(doctor_command)      \
  COMMAND(state_command)       \
  COMMAND(config_command)      \
  COMMAND(completion_command)  \
  COMMAND(version_command)     \
  COMMAND(complete_command)    \
  COMMAND(caretaker_command)   \
  COMMAND(reference_command)

#define VELO_DECLARE(command) Command command();
VELO_COMMANDS(VELO_DECLARE)
#undef VELO_DECLARE

/// What only velo-faults, the tests' binary, has besides: a link-time choice, as fault points are.
std::vector<Command> developer_commands();

/// `velo` itself, with every command below it. Each call makes a tree with requests of its own.
Command all_commands();

}  // namespace velo::cli
