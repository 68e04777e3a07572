// Copies of the catalog that Velo makes by itself, each a whole database in one file.
//
// They lie in a directory of their own, named by their time: state-2025-10-09T18-40-21.000000Z.db.
// What a migration keeps (`<path>.before-N`) is one too.
#pragma once

#include <chrono>
#include <filesystem>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace velo::catalog {

struct BackupFile {
  std::filesystem::path path;
  Timestamp made_at;
};

/// The newest first. `path` is the catalog's.
std::vector<BackupFile> backups_of(const std::filesystem::path& path,
                                   const std::filesystem::path& directory);

/// Makes one, unless the newest is younger than `at_most_every` or nothing was committed since, and
/// removes those that no rule keeps: the last ten, and the last of each of the last seven days that
/// have one. Nobody is waited for: when another process makes one just now, this one does not.
/// It is not synced: SQLite's own file is durable without, and of several copies that are older at
/// least one is. Errc::state when the catalog cannot be copied whole.
Result<void> back_up(const std::filesystem::path& path, const std::filesystem::path& directory,
                     std::chrono::seconds at_most_every);

/// All of a database, its log included, into one file at `target`, where nothing is; not synced.
/// Errc::state when a damaged one cannot be read whole.
Result<void> copy_whole(const std::filesystem::path& path, const std::filesystem::path& target);

/// Which of them no rule keeps; `all` with the newest first.
std::vector<BackupFile> superfluous(const std::vector<BackupFile>& all);

}  // namespace velo::catalog
