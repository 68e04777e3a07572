// The catalog's database as a patient: looked at without making, migrating or changing it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"

namespace velo::catalog {

struct Health {
  int schema_version = 0;
  int newest_version = 0;  ///< that this program knows
  /// What `PRAGMA integrity_check` and `PRAGMA foreign_key_check` say, a line each; empty: sound.
  std::vector<std::string> damage;
};

/// Errc::not_found when there is none, Errc::state when it is no database, otherwise as for
/// Catalog.
Result<Health> examine(const std::filesystem::path& path);

}  // namespace velo::catalog
