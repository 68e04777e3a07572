// What makes a ZFS place ready for ordinary users, and what doctor says of it.
#pragma once

#include <filesystem>
#include <vector>

#include "storage/registry.h"
#include "storage/sharing.h"

namespace velo::storage::zfs {

extern const Sharing sharing;

std::vector<Remark> examine(const std::filesystem::path& place);

}  // namespace velo::storage::zfs
