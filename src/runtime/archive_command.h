// How a server's finished WAL segments get into its archive: by `velo wal push` where the server
// can run that, else by a shell.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/os_user.h"

namespace velo::runtime {

namespace fs = std::filesystem;

/// An archive_command for any POSIX sh. Where `program` (Velo's own; may be empty) is a file that
/// the server's user can execute, that does it (archive/store.h).
///
/// Else the usual tools do (dash and coreutils, busybox): a segment is copied into `directory`
/// beside its name, fsynced, renamed, and the directory is fsynced. A file of that name is accepted
/// when it is the same and left alone when it is not, with the server's own segment kept (status
/// 1). What a killed attempt left is removed by the next one for that segment.
///
/// The temporary name holds the shell's pid: of two attempts at once, as when an earlier server's
/// shell lives on, neither can rename what the other still writes.
std::string archive_command(const fs::path& directory, const fs::path& program = {});

/// Before a server starts that archives there: takes away what attempts that were killed left, in
/// this form or basic_archive's. Errc::not_found when there is no such directory: the server would
/// start, and keep all of its WAL.
Result<void> prepare_archive(const fs::path& directory, const OsUser& owner);

}  // namespace velo::runtime
