// Errors as people and programs see them.
#pragma once

#include <string>

#include "base/error.h"
#include "cli/look.h"

namespace velo::cli {

/// "error: message", the detail's lines indented, "  → hint".
std::string render_error(const Error& error, const Look& look);
/// {"error": {"code", "message", "hint", "detail", "exit_code"}}
std::string error_document(const Error& error, int exit_code);

/// exit_code_of(), except that an interruption is 128 + the signal's number (0: SIGINT).
int exit_code_for(const Error& error, int signal_number);

}  // namespace velo::cli
