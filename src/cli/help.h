// Help pages and the command reference, from the commands' own declarations.
#pragma once

#include <string>

#include "cli/command.h"
#include "cli/look.h"
#include "cli/parse.h"

namespace velo::cli {

/// `velo`, `velo --help`: every command on a line, in groups, and the first steps.
std::string render_overview(const Command& root, const Look& look);
/// `velo branch --help`, `velo branch create --help`.
std::string render_help(const Found& found, const Look& look);
/// docs/commands.md.
std::string render_reference(const Command& root);

/// "-f, --force" or "    --parent P/B": as help pages show an option.
std::string shown_flags(const Option& option);

}  // namespace velo::cli
