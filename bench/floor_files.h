// The floor's clone where there is no snapshot: each file by itself, on all cores, and what
// PostgreSQL's backup API asks for at the least.
#pragma once

#include <string>

#include "base/error.h"
#include "bench/floor.h"

namespace velo::bench {

/// Everything but WAL and what the PostgreSQL manual says a base backup leaves out.
Result<void> clone_files(const fs::path& source, const fs::path& target, CloneHow how,
                         const OsUser& user);

/// The label, and the WAL from the segment it names to `last_segment`.
Result<void> add_backup(const fs::path& source, const fs::path& target, const std::string& label,
                        const std::string& last_segment, CloneHow how, const OsUser& user);

}  // namespace velo::bench
