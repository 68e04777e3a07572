// Cloning a directory tree file by file, for drivers that cannot snapshot: reflink and copy.
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "base/error.h"
#include "base/os_user.h"
#include "storage/driver.h"

namespace velo::storage {

/// Gives the empty file `target` the first `size` bytes of `source`, which may be written to or
/// truncated meanwhile. 0 or an errno. Called from several threads.
using CloneContent = int (*)(int source, int target, off_t size);

/// Clones what is in `source` into `target`, an empty directory of `owner`'s; durable when it
/// returns.
///
/// Files, directories and symbolic links keep their modes and modification times; links are made
/// anew, never followed; sockets, fifos and devices are left out. Everything belongs to `owner`, as
/// whom all files are read and made when the caller is root: a server's user may have prepared
/// links in its own directory, and with its own rights they open nothing that it could not open
/// itself. What vanishes meanwhile is left out. On an error the target is left as far as it came.
Result<void> clone_tree(const std::filesystem::path& source, const std::filesystem::path& target,
                        const OsUser& owner, const FileFilter& leave_out,
                        CloneContent clone_content);

}  // namespace velo::storage
