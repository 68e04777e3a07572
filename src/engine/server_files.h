// What a server needs below VELO_HOME before it starts, and whom it belongs to: the directory of
// its socket, its archive, its project's certificate.
#pragma once

#include <filesystem>

#include "base/error.h"
#include "base/os_user.h"
#include "engine/engine.h"
#include "engine/records.h"

namespace velo::engine {

/// The directory of the server's socket: only the server's user (and root) can enter it.
Result<void> ensure_run_directory(const std::filesystem::path& path, const OsUser& owner);

struct ArchiveDirectory {
  std::filesystem::path directory;  ///< empty: nothing is archived
  bool is_new = false;
};
/// The archive of the branch's present life, where archiving is on.
Result<ArchiveDirectory> ensure_archive(Engine& engine, const BranchRecords& b,
                                        const OsUser& owner);
/// A segment in an archive is durable when the archive itself is.
Result<void> make_durable(const ArchiveDirectory& archive);

/// Certificate and key for a project's servers; made once, readable by the servers' user.
Result<void> ensure_certificate(Engine& engine, const catalog::Project& project);
}  // namespace velo::engine
