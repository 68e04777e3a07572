// Files and directories: durable writes, safe removal, space. Paths are absolute. Every error names
// the path. Nothing here follows a symbolic link in the last component when it writes or removes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace velo {

namespace fs = std::filesystem;

/// open(2) with O_CLOEXEC; Errc by errno.
Result<Fd> open_file(const fs::path& path, int flags, mode_t mode = 0600);
/// The whole of a regular file; refuses what is larger than `limit` bytes (Errc::failed).
Result<std::string> read_file(const fs::path& path, std::size_t limit = 64U << 20U);
/// At most the last `bytes` of a file, from the start of a line where one begins in them.
Result<std::string> read_tail(const fs::path& path, std::size_t bytes);

/// Replaces `path` so that a crash leaves the old content or the new, whole: writes beside, fsyncs,
/// renames, fsyncs the directory.
Result<void> write_file_durably(const fs::path& path, std::string_view content, mode_t mode);
/// The same without any fsync, for files that the next start makes anew or that a sync follows.
Result<void> write_file(const fs::path& path, std::string_view content, mode_t mode);

Result<void> sync_directory(const fs::path& path);
/// syncfs(2) of the file system that holds `path`: everything on it is durable afterwards.
Result<void> sync_file_system(const fs::path& path);

/// mkdir with exactly this mode whatever the umask. Errc::already_exists when something is there.
Result<void> create_directory(const fs::path& path, mode_t mode);
/// The same, but an existing directory is fine and keeps its mode; missing parents are made 0755.
Result<void> ensure_directory(const fs::path& path, mode_t mode);
bool path_exists(const fs::path& path);

/// Removes a file or a whole tree; a missing one is success. Works relative to directory
/// descriptors (no path races), never follows links, never leaves the file system it started on.
/// A process that still makes files there delays it: they are removed too, and it can make none
/// once their directory is gone.
Result<void> remove_tree(const fs::path& path);
/// Unlinks one file; a missing one is success.
Result<void> remove_file(const fs::path& path);
/// The names in a directory, without "." and "..", sorted.
Result<std::vector<std::string>> list_directory(const fs::path& path);

struct Space {
  std::uint64_t size = 0;  ///< bytes
  std::uint64_t free = 0;  ///< bytes that an ordinary user may still write
  bool read_only = false;
};
/// statvfs(3) of the file system that holds `path`.
Result<Space> space_of(const fs::path& path);
/// statfs(2)'s f_type, to compare with the magic numbers of <linux/magic.h>.
Result<long> file_system_magic(const fs::path& path);

}  // namespace velo
