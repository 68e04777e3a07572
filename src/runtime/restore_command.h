// How a recovering server gets its WAL.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

namespace velo::runtime {

namespace fs = std::filesystem;

/// A restore_command that runs Velo's own `program`, on a lineage file (archive/lineage.h) in a
/// directory of the server's user.
std::string restore_command(const fs::path& program, const fs::path& lineage_file);

/// A restore_command for containers, which have no program of Velo's, for any POSIX sh with cat,
/// mv, rm, date and sleep: takes what archive/feeder.h lays down in `stage`, by the protocol that
/// is written there. It exits with 126, so that PostgreSQL ends, when nobody answers for
/// `patience`.
std::string staged_restore_command(const fs::path& stage, std::chrono::seconds patience);

}  // namespace velo::runtime
