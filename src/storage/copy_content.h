// Copying what is in a file.
#pragma once

#include <sys/types.h>

namespace velo::storage {

/// Copies the first `size` bytes of `source` into the empty file `target`; holes stay holes, and a
/// source that shrinks meanwhile is no error. 0 or an errno.
///
/// By read and write, not copy_file_range(2): that shares blocks on btrfs and XFS, so that a copy
/// would be none and its size a lie, and on ext4 it was measured to be no faster.
int copy_content(int source, int target, off_t size);

}  // namespace velo::storage
