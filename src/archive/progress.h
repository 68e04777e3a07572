// How far a recovery has come: a small file beside its lineage, for whoever waits for it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/error.h"

namespace velo::archive {

struct Progress {
  std::string segment;         ///< the last one that was served; empty: none yet
  std::uint64_t segments = 0;  ///< how many were served in all
  std::uint64_t bytes = 0;     ///< what they had
};

/// Beside this lineage file; nothing served yet when there is none. May be read while a recovery
/// goes on.
Result<Progress> read_progress(const std::filesystem::path& lineage_file);
/// Replaces it, whole or not at all. Recovery asks for one segment after the other, so nobody else
/// writes it meanwhile.
Result<void> write_progress(const std::filesystem::path& lineage_file, const Progress& progress);

}  // namespace velo::archive
