#include "cli/cli.h"
#include "cli/wal_commands.h"

int main(int argc, char** argv) {
  if (const auto exit_code = velo::cli::run_wal_command(argc, argv)) return *exit_code;
  return velo::cli::main(argc, argv);
}
