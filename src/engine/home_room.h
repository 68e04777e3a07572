// Whether VELO_HOME has room for what servers and the catalog write there.
#pragma once

#include <filesystem>

#include "base/error.h"

namespace velo::engine {

/// Errc::no_space when its file system has so little free that a server could not even begin there:
/// its lock, its log and the catalog are on it.
Result<void> check_room_at(const std::filesystem::path& home);

}  // namespace velo::engine
