// How WAL archives look on a screen.
#pragma once

#include <string>
#include <vector>

#include "cli/look.h"
#include "engine/wal.h"

namespace velo::cli {

std::string render_wal_list(const std::vector<engine::WalView>& views, const Look& look);
std::string render_wal(const engine::WalView& view, const Look& look);
std::string render_wal_cleaned(const std::string& branch, const engine::WalCleaned& cleaned,
                               bool dry_run);

}  // namespace velo::cli
