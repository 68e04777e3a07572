// Asking before something is destroyed.
#pragma once

#include <string>

#include "base/error.h"
#include "cli/output.h"

namespace velo::cli {

/// A person is asked when there is one to answer (stdin and stderr are terminals) and --force was
/// not given. A pipe is never asked: scripts say what they mean.
bool should_ask(const Output& output, bool force);

/// "question [y/N] ", on stderr; true for y or yes. The end of input means no.
Result<bool> confirm(Output& output, const std::string& question);

/// Says that nothing was changed; the exit code of a declined command (1).
int declined(Output& output);

}  // namespace velo::cli
