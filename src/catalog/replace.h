// Another database in the catalog's place, in one step that a crash does not tear: decided by one
// rename, and then carried out by whoever opens the catalog next.
//
// Nobody may have the catalog open meanwhile: SQLite would go on writing into the file that was
// taken away. The engine's lock on the home sees to that.
#pragma once

#include <filesystem>

#include "base/error.h"

namespace velo::catalog {

/// Where the other database is made, beside the catalog: `<path>.candidate`.
std::filesystem::path candidate_of(const std::filesystem::path& path);

/// Copies what is at `path`, with its log, into the new directory `aside` (0700), durably; then
/// decides that the candidate takes its place, and carries that out. Until it is decided the
/// catalog is as it was.
Result<void> replace(const std::filesystem::path& path, const std::filesystem::path& aside);

/// Whether it was decided and not carried out.
bool is_replacement_due(const std::filesystem::path& path);
/// Carries it out; can be repeated.
Result<void> finish_replacement(const std::filesystem::path& path);

}  // namespace velo::catalog
