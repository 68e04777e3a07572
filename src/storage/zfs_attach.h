// Making a volume's files reachable with the rights that the caller has: root mounts by itself,
// anybody else asks the mount helper.
#pragma once

#include <string>

#include "base/error.h"

namespace velo::storage::zfs {

Result<void> attach_volume(const std::string& place, const std::string& volume);
Result<void> detach_volume(const std::string& place, const std::string& volume);

/// Whether the helper is there, root's and not for others to write. Errc::permission.
Result<void> check_mount_helper();

}  // namespace velo::storage::zfs
