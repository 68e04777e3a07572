// How the catalog as a whole looks on a screen (`velo state`).
#pragma once

#include <string>
#include <vector>

#include "cli/look.h"
#include "engine/import_earlier.h"
#include "engine/state.h"

namespace velo::cli {

std::string render_replaced_state(const engine::ReplacedState& state, bool dry_run,
                                  const Look& look);
std::string render_backups(const std::vector<engine::BackupView>& backups, const Look& look);

std::string render_imported(const engine::ImportReport& report, bool undo, bool dry_run,
                            const Look& look);

}  // namespace velo::cli
