// A ZFS pool in a file, for trying Velo out: made and taken back by setup.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"

namespace velo::storage::zfs {

/// How setup knows a pool again that it made: the pool by `id`, the file by `inode`.
struct FilePool {
  std::string pool;
  std::filesystem::path file;
  std::string id;     ///< the root dataset's user property velo:setup
  std::string inode;  ///< empty when the file was never made
};

/// Whether a pool of that name is imported and lies in that file; Errc::already_exists when it is
/// imported and lies elsewhere.
Result<bool> is_pool_in_file(const std::string& pool, const std::filesystem::path& file);

/// Whether such a pool can be made: the file is not there, the disk has room.
Result<void> check_new_pool(const std::string& pool, const std::filesystem::path& file,
                            std::uint64_t size, bool sparse);

/// `note` gets the file's inode before the file becomes a pool.
Result<void> make_file_pool(const FilePool& pool, std::uint64_t size, bool sparse,
                            const std::function<Result<void>(const std::string&)>& note);

/// Its datasets but those that are Velo's frame. Errc::in_use for a pool that cannot be looked
/// into.
Result<std::vector<std::string>> data_in_file_pool(const FilePool& pool);

/// Destroys the pool with what it holds, and the file; says why where they are not setup's.
Result<std::string> destroy_file_pool(const FilePool& pool);

}  // namespace velo::storage::zfs
