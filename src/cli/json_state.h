// What --json prints of the catalog as a whole (`velo state`). See json_views.h.
#pragma once

#include <string>
#include <vector>

#include "engine/import_earlier.h"
#include "engine/state.h"

namespace velo::cli::json {

/// {"dry_run": …, "source": …, "replaced_in": …, "adopted": […], "left": […], "missing": […],
/// "notes": […]}
std::string replaced_state(const engine::ReplacedState& state, bool dry_run);
std::string backups(const std::vector<engine::BackupView>& backups);
/// {"file": …}
std::string exported(const std::string& file);

/// {"undo": …, "dry_run": …, "branches": […], "notes": […]}
std::string imported(const engine::ImportReport& report, bool undo, bool dry_run);

}  // namespace velo::cli::json
