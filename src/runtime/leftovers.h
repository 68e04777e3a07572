// What a server that was killed leaves behind, and a later one must not meet.
#pragma once

#include <chrono>
#include <filesystem>

#include "base/error.h"

namespace velo::runtime {

/// For a cluster without a postmaster: waits until the last backend of an earlier one has ended.
///
/// Backends notice by themselves that their postmaster is gone, but not at once; meanwhile they may
/// write. Errc::in_use when there still are some after `patience`.
Result<void> await_last_backend(const std::filesystem::path& pgdata,
                                std::chrono::milliseconds patience);

/// For a cluster on which no server of Velo's runs (any more): kills what is left of one whose
/// postmaster was killed, which may hang as that did and never notice.
///
/// Nothing may work on a volume that is then removed: btrfs gives a removed subvolume's device
/// number to the next one, and a server there would take this one's shared memory for its own and
/// refuse to start. Errc::in_use when a postmaster that Velo did not start lives there,
/// Errc::server when something does not end even so.
Result<void> end_orphans(const std::filesystem::path& pgdata, std::chrono::milliseconds patience);

/// What await_last_backend does, then removes the earlier server's postmaster.pid and its socket.
///
/// A second server on files that a backend still writes would destroy them. PostgreSQL's own
/// interlock against that is the shared memory id in postmaster.pid, which goes here; a stale pid
/// file and a stale socket lock have to go, because PostgreSQL refuses to start when the pids in
/// them belong to any living process again.
Result<void> clear_leftovers(const std::filesystem::path& pgdata,
                             const std::filesystem::path& run_directory, int port,
                             std::chrono::milliseconds patience);

}  // namespace velo::runtime
