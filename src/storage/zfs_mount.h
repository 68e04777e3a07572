// Mounting and unmounting a volume's dataset, as root.
//
// What is mounted, unmounted, looked at or removed is reached step by step through directories of
// root's that nobody else can write, with no symbolic link on the way, so that no path can be
// exchanged between the look and the deed.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "base/error.h"

namespace velo::storage::zfs {

/// Whether exactly this dataset is what is seen at the path. No process is started.
bool is_mounted(const std::string& dataset, const std::filesystem::path& mountpoint);

/// Makes the mountpoint's directories and mounts with nosuid, nodev and noatime; nothing to do when
/// it is mounted there. Errc::not_found when there is no such dataset; Errc::storage when something
/// else is in the way.
Result<void> mount_dataset(const std::string& dataset, const std::filesystem::path& mountpoint);

/// Unmounts it, if it is what is mounted there, and removes the empty directory. A process that
/// works in it is waited for a little, then Errc::storage.
Result<void> unmount_dataset(const std::string& dataset, const std::filesystem::path& mountpoint);

/// Whose the root directory of what is mounted there is.
Result<uid_t> owner_of_mounted(const std::filesystem::path& mountpoint);

}  // namespace velo::storage::zfs
