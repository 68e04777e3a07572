// How a check-up looks on a screen.
#pragma once

#include <string>

#include "cli/look.h"
#include "engine/repair.h"

namespace velo::cli {

/// Sections with a line for each finding (✓, ℹ, ⚠, ✗), a hint below where there is one, and a
/// summary. Quiet: only warnings, errors and the summary.
std::string render_check(const engine::CheckReport& report, bool quiet, const Look& look);
/// What --fix did and could not do, then the check of what is left.
std::string render_repairs(const engine::RepairReport& report, bool quiet, const Look& look);

}  // namespace velo::cli
