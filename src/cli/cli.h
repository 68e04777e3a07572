// The command line.
#pragma once

#include <string>
#include <vector>

#include "base/cancel.h"
#include "cli/context.h"
#include "cli/output.h"

namespace velo::cli {

/// The program: environment, signals, streams; returns the exit code.
int main(int argc, char** argv);

/// The rest of it, on streams of the caller's: parses the words after the program's name, runs the
/// command, shows what went wrong. `home` is where VELO_HOME would be, or why there is none.
int run(const std::vector<std::string>& words, Output& output, const Cancellation& cancel,
        Result<std::filesystem::path> home, Environment environment);

}  // namespace velo::cli
