// How `velo status` and `velo operations` look on a screen.
#pragma once

#include <string>
#include <vector>

#include "cli/look.h"
#include "engine/views.h"

namespace velo::cli {

/// Pools, projects with their branches, and (unless quiet) what wants attention.
std::string render_status(const engine::StatusView& status, Timestamp now, bool quiet,
                          const Look& look);
/// The lines below the tables: operations that are not over, and what can still be had back.
std::string render_attention(const engine::StatusView& status, Timestamp now, const Look& look);
std::string render_operations(const std::vector<engine::OperationView>& operations,
                              const Look& look);

}  // namespace velo::cli
