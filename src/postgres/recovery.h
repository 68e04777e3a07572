// Archive recovery: how far a cluster is to be replayed, what its server is told for it, and what
// its log says of how it ended.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "postgres/wal.h"

namespace velo::postgres {

namespace fs = std::filesystem;

/// The last moment that is replayed: every commit with this time or an earlier one is in.
struct ToTime {
  Timestamp time;
};
/// The last position: every record that begins before it is in.
struct ToLsn {
  Lsn lsn = 0;
};
/// pg_create_restore_point() was called with this name.
struct ToRestorePoint {
  std::string name;
};
/// All WAL there is.
struct ToEnd {};
using RecoveryTarget = std::variant<ToTime, ToLsn, ToRestorePoint, ToEnd>;

struct Recovery {
  RecoveryTarget target;
  std::uint32_t timeline = 1;   ///< the one to follow
  std::string restore_command;  ///< for a shell; %f and %p are PostgreSQL's
};

/// What the server is started with. hot_standby is off, because a standby whose max_connections are
/// fewer than the primary's were pauses or ends; at the target it promotes, onto a new timeline.
std::vector<std::pair<std::string, std::string>> recovery_settings(const Recovery& recovery);

/// Makes the cluster's next start a recovery. Durable, with its name.
Result<void> request_recovery(const fs::path& pgdata);

/// Makes the cluster's next start that of a standby which has all its WAL in pg_wal: told to
/// promote it begins a timeline of its own and is there without the checkpoint that a crash
/// recovery ends with; one follows in the background, and until then a crash replays the same WAL
/// again (PerformRecoveryXLogAction in xlog.c).
Result<void> request_standby(const fs::path& pgdata);
/// What its server must be told besides.
std::vector<std::pair<std::string, std::string>> standby_settings();

/// Where the recovery of a cluster begins: backup_label's words where it has one, else pg_control's
/// last checkpoint.
struct RecoveryStart {
  std::uint32_t timeline = 1;
  Lsn redo = 0;
};
Result<RecoveryStart> recovery_start(const fs::path& pgdata);

/// Where timeline `timeline` left the one before: the last line of its history file
/// (src/backend/access/transam/timeline.c). Errc::failed when the text is none.
Result<Lsn> switch_point(std::string_view history);

/// Whether the server's words are that it ran out of WAL before its target, or that the target lies
/// before the moment at which its cluster was consistent (xlogrecovery.c).
bool missed_target(std::string_view log);

}  // namespace velo::postgres
