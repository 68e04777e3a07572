// How pools of branches look on a screen.
#pragma once

#include <string>
#include <vector>

#include "cli/table.h"
#include "engine/views.h"

namespace velo::cli {

/// "snapshot before-migration, as of 2025-10-07 14:30:00"
std::string words_of(const engine::Basis& basis);
/// A table.
std::string render_branch_pools(const std::vector<engine::BranchPoolView>& pools, const Look& look);

}  // namespace velo::cli
