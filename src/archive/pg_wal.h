// Reading WAL out of a cluster's own pg_wal, whose server may be running.
//
// A running server makes its next segments out of old ones, by a rename: a file there has the name
// of a segment long before it holds one. Whether it does its first page tells, which is the first
// to be written.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "base/error.h"

namespace velo::archive {

namespace fs = std::filesystem;

/// The file of this name, if it holds what the name says (of a segment that is being written: up to
/// where the WAL is by now). `name` is one that postgres::parse_wal_name knows. Errc::storage when
/// the directory is gone.
Result<std::optional<fs::path>> locate_in_pg_wal(const fs::path& directory, std::string_view name);
/// Copies it to `target`, whole or not at all; empty when it is not there, or became another
/// segment meanwhile.
Result<std::optional<fs::path>> copy_from_pg_wal(const fs::path& directory, std::string_view name,
                                                 const fs::path& target);

}  // namespace velo::archive
