// The use cases of WAL archives: what there is, which moments it leads to, and making it less.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "engine/engine.h"
#include "engine/records.h"

namespace velo::engine {

struct WalView {
  std::string branch;    ///< "demo/main"
  bool archives = true;  ///< whether its servers archive, by --no-archive and `config get archive`
  bool forgets = false;  ///< --no-archive
  std::string archive;   ///< the directory of its present life
  std::size_t segments = 0;
  std::uint64_t stored = 0;           ///< bytes on disk
  std::uint64_t original = 0;         ///< bytes before compression, where known
  std::optional<std::string> oldest;  ///< names of segments …
  std::optional<std::string> newest;
  std::optional<Timestamp> oldest_at;  ///< … and when they were archived
  std::optional<Timestamp> newest_at;
  /// Of the running server's archiver (pg_stat_archiver); none when nobody could be asked.
  std::optional<std::int64_t> failures;
  std::int64_t waiting = 0;       ///< segments that the server has finished, and not archived yet
  std::string last_failed;        ///< the segment that failed last; empty: none
  std::vector<std::string> gaps;  ///< the first segment that is missing, of each gap
  std::vector<std::string> windows;  ///< "from 2025-10-09 18:40:21 on"
};

/// Of one branch ("demo/main"), or of all (empty). Errors as of find_branch.
Result<std::vector<WalView>> wal_info(Engine& engine, const std::string& branch);

struct WalCleanup {
  std::string branch;
  std::chrono::seconds age{};  ///< archived longer ago than this
  bool force = false;          ///< also what snapshots need
  bool dry_run = false;
};
struct WalCleaned {
  std::size_t removed = 0;           ///< segments; in a dry run: would be
  std::uint64_t freed = 0;           ///< bytes
  std::size_t needed = 0;            ///< old enough, and left because a snapshot needs them …
  std::string needed_by;             ///< … this one, the oldest
  std::vector<std::string> windows;  ///< as they are afterwards
};
/// Of the branch's present life.
Result<WalCleaned> wal_cleanup(Engine& engine, const WalCleanup& request);
/// The same of the life that `b` has, whatever request.branch says, and without the windows. Unless
/// it is a dry run the branch is locked exclusively.
Result<WalCleaned> cut_wal(Engine& engine, const BranchRecords& b, const WalCleanup& request);

}  // namespace velo::engine
