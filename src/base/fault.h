// Fault points: named places where a test build can be killed, made to fail, or made to wait.
//
// A link-time choice: `velo` is linked with fault_off.cpp (a function that does nothing), the
// tests' `velo-faults` with fault_on.cpp, which reads
//   VELO_FAULT="<point>=kill|error|wait[,…]"   kill: SIGKILL to itself; error: Errc::failed;
//                                              wait: until the file named by VELO_FAULT_GATE is
//                                              gone. <point>#2: the second time it is passed
//   VELO_FAULT_TRACE=<file>                    appends the name of every point passed, a line each
//   VELO_FAULT_HURRY=<n>                       waits for servers last an nth of their patience
// The names are in one table (engine/fault_points.cpp, only in `velo-faults`); a point that has no
// line there ends the process.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace velo {

/// Where in an operation of several steps: "<operation>/planned", "/<step>", "/<step>/done",
/// "/commit", "/committed", "/finish/<action>", "/undo/<action>".
enum class Boundary { planned, step, step_done, commit, committed, finish, undo };
/// `what` is the step's or the action's name.
Result<void> fault_point(std::string_view operation, Boundary boundary, std::string_view what = {});

/// What can be told apart within a step, and in what has no plan.
enum class Fault {
  volume_claimed,   ///< its directory without a mark; on ZFS the snapshot that it is to be cloned
                    ///< from
  volume_marked,    ///< nothing is in it
  volume_filled,    ///< its root is there, and perhaps not durable
  volume_emptied,   ///< its root is gone
  volume_unmarked,  ///< only an empty directory is left
  certificate_begun,
  server_started,
  end_marked,        ///< of a branch's WAL, for a recovery from it
  replay_laid_out,   ///< the clone is told what to replay
  replay_done,       ///< what it was told is still there
  catalog_made,      ///< an empty file
  catalog_saved,     ///< the backup before a migration is there
  catalog_migrated,  ///< not committed
  config_change,
  config_changed,  ///< what follows from it is not done
  schedule_change,
  schedule_changed,
  schedule_taken,    ///< the due snapshot; nothing is thinned out
  schedule_thinned,  ///< one snapshot went
  cleanup_removed,   ///< one snapshot went
  wal_cleanup_segment,
  wal_cleanup_removed,  ///< one segment went
  wal_push_begun,
  wal_push_compressed,
  wal_push_synced,
  wal_push_named,
  wal_fetch_ahead,
  caretaker_look,
  backup_begin,  ///< of the catalog, by a person's wish
  backup_made,
  backup_named,
  replace_begin,  ///< of the catalog by another one, which lies beside it
  replace_aside,  ///< a copy of the old one is kept
  replace_decided,
  replace_removed,  ///< the old one is gone
  replace_cleared,
  candidate_made,  ///< of a catalog that is to replace the present one
  candidate_begin,
  candidate_adopt,
  take_commit,     ///< a spare is chosen and locked
  take_committed,  ///< it is the taker's
  count
};
Result<void> fault_point(Fault point);

/// All names that there are; none in a binary without fault points.
std::span<const std::string> fault_points();
/// A Fault's.
std::string_view name_of(Fault point);

/// How long to wait for a server that may hang: `usual`, unless a test is in a hurry.
std::chrono::milliseconds patience_for(std::chrono::milliseconds usual);

}  // namespace velo
