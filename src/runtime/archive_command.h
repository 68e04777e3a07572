// How a server's finished WAL segments get into its archive, where no program of Velo's is at hand.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/os_user.h"

namespace velo::runtime {

/// An archive_command for any POSIX sh with the usual tools (dash and coreutils, busybox): copies a
/// segment into `directory` beside its name, fsyncs it, renames it, fsyncs the directory. A file of
/// that name is accepted when it is the same and left alone when it is not, with the server's own
/// segment kept (status 1). What a killed attempt left is removed by the next one for that segment.
///
/// The temporary name holds the shell's pid: of two attempts at once, as when an earlier server's
/// shell lives on, neither can rename what the other still writes.
std::string archive_command(const std::filesystem::path& directory);

/// Before a server starts that archives there: takes away what attempts that were killed left, in
/// this form or basic_archive's. Errc::not_found when there is no such directory: the server would
/// start, and keep all of its WAL.
Result<void> prepare_archive(const std::filesystem::path& directory, const OsUser& owner);

}  // namespace velo::runtime
