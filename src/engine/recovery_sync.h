// How a server that recovers makes sure that what it found is on disk.
#pragma once

#include <cstddef>
#include <cstdint>

#include "storage/driver.h"

namespace velo::engine {

/// Before it replays anything a server syncs its whole directory (SyncDataDirectory in fd.c): file
/// by file, or with recovery_init_sync_method = syncfs, since 14, by one syncfs(2), which waits for
/// what the neighbours on that file system have written too.
///
/// XFS and ext4 flush the disk's cache for each file, clean or not: for 1,000 files 1.0 to 2.7 s
/// were seen where syncfs took 0.1 to 0.7 s, for 10,000 6 to 16 s where it took 0.2 to 1.0 s. The
/// files of a snapshot are clean, and btrfs is quick to say so, some 20 µs for each: there it
/// depends on how much waits to be written (unwritten_bytes).
///
/// `files`: how many there are; 0 where nothing will be recovered.
bool had_better_sync_at_once(const storage::Capabilities& driver, int pg_major, std::size_t files,
                             std::uint64_t unwritten);

/// What the machine holds in memory for all of its disks (Dirty and Writeback in proc(5)'s
/// meminfo): more than a syncfs(2) has to wait for. The most there is where that cannot be read.
std::uint64_t unwritten_bytes();

}  // namespace velo::engine
