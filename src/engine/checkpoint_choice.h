// How a snapshot of a running parent comes by everything that was committed: by a checkpoint of the
// parent's before it, or by the WAL in it, which the clone's own recovery replays.
//
// Only for drivers whose snapshot is one moment; PostgreSQL's backup API begins with a checkpoint.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "postgres/connection.h"

namespace velo::engine {

enum class WhenBusy : std::uint8_t {
  automatic,   ///< whichever is expected to take less time
  checkpoint,  ///< always a checkpoint
  replay,      ///< never one, but on a standby
};
/// "auto", "checkpoint", "replay"; Errc::usage for anything else.
Result<WhenBusy> parse_when_busy(std::string_view text);

/// How a clone is to be taken.
struct Taking {
  WhenBusy when_busy = WhenBusy::automatic;
  /// Its server will be started by the same command, and can promote (runtime::can_promote).
  bool starts_at_once = false;
};

/// What a clone will replay.
struct Replayed {
  std::uint64_t bytes = 0;
  /// Then it promotes instead of writing all of it out before it lets anybody in
  /// (postgres::request_standby).
  bool by_promotion = false;
};

/// Asks a running parent which of both it will be. Where it is replay, everything that was
/// acknowledged by now, by sessions with synchronous_commit off too, is in WAL on disk when this
/// returns; the answer is what a recovery will replay. Empty: a checkpoint.
///
/// A crash recovery ends with a checkpoint of its own, which writes the pages that were replayed as
/// the parent's would have: up to 2 MiB it takes no longer, and spares the parent the syncs. A
/// clone that promotes leaves it out, but begins with a copy of a whole segment: of a parent that
/// is at work it pays up to 64 MiB. Seen on two cores, beside compilers, medians of three in ms to
/// the first answered query, pgbench at scale 50, by the WAL since the last checkpoint:
///
///              under pgbench -c 8      pgbench held
///              4 MB   32 MB   96 MB   8 MB   32 MB   64 MB
///   checkpoint 1063    1792    2671    634     924    1287
///   replay     1105    2076    3582   1119    1024    1394
///   promotion   885    1357    2604    756     831    1119
///
/// On another machine, idle and slow to hand out memory, 32 MB under pgbench took 1783 by
/// checkpoint and 1947 by promotion (docs/performance.md).
///
/// How many buffers are dirty is not asked: only pg_buffercache knows, an extension.
std::optional<Replayed> replay_instead(postgres::Connection& connection, const Taking& taking);

}  // namespace velo::engine
