// What can be said about a place before anything is made in it; for the drivers' probes.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"

namespace velo::storage {

/// The directory in which a place's volumes are or will be made: `place`/velo, or the nearest
/// directory above it that exists.
std::filesystem::path nearest_directory(const std::filesystem::path& place);

/// Whether the calling user can make volumes there; the error names the directory and the reason.
Result<void> check_writable(const std::filesystem::path& place);

/// "XFS", "ext4", "btrfs"…, as people call the file system that holds the place.
std::string file_system_name(const std::filesystem::path& place);
bool is_btrfs(const std::filesystem::path& place);

}  // namespace velo::storage
