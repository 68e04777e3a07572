// What a server that was killed leaves behind, and a later one must not meet.
#pragma once

#include <chrono>
#include <filesystem>

#include "base/error.h"

namespace velo::runtime {

/// For a cluster without a postmaster: waits until the last backend of an earlier one has ended,
/// then removes its postmaster.pid and its socket.
///
/// Backends notice by themselves that their postmaster is gone, but not at once; a second server on
/// the same files would meanwhile destroy them. PostgreSQL's own interlock against that is the
/// shared memory id in postmaster.pid, which goes here; a stale pid file and a stale socket lock
/// have to go, because PostgreSQL refuses to start when the pids in them belong to any living
/// process again. Errc::in_use when backends are still there after `patience`.
Result<void> clear_leftovers(const std::filesystem::path& pgdata,
                             const std::filesystem::path& run_directory, int port,
                             std::chrono::milliseconds patience);

}  // namespace velo::runtime
