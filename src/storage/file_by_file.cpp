#include "storage/file_by_file.h"

#include "base/files.h"

namespace velo::storage {

Result<void> FileByFileDriver::make_root(const fs::path& root) {
  return create_directory(root, 0700);
}

Result<void> FileByFileDriver::clone_root(const fs::path& source, const fs::path& target,
                                          const OsUser& owner, const FileFilter& leave_out) {
  TRY(create_directory(target, 0700));
  TRY(give_root(target, owner));
  return clone_tree(source, target, owner, leave_out, way_->content);
}

Result<void> FileByFileDriver::remove_root(const fs::path& root) {
  return remove_tree(root);
}

}  // namespace velo::storage
