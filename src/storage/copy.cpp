// Volumes as plain directories, and a clone as a full copy: for any file system.

#include "base/files.h"
#include "storage/builtin.h"
#include "storage/clone_tree.h"
#include "storage/copy_content.h"
#include "storage/directory_volume.h"
#include "storage/place.h"

namespace velo::storage {
namespace {

class Copy final : public DirectoryVolumeDriver {
 public:
  using DirectoryVolumeDriver::DirectoryVolumeDriver;

  std::string_view name() const override { return copy_driver.name; }
  Capabilities capabilities() const override {
    return {.atomic_snapshot = false, .cost = CloneCost::per_byte};
  }

 private:
  Result<void> make_root(const fs::path& root) override { return create_directory(root, 0700); }

  Result<void> clone_root(const fs::path& source, const fs::path& target, const OsUser& owner,
                          const FileFilter& leave_out) override {
    TRY(create_directory(target, 0700));
    TRY(give_root(target, owner));
    return clone_tree(source, target, owner, leave_out, copy_content);
  }

  Result<void> remove_root(const fs::path& root) override { return remove_tree(root); }

  Accounting accounting() const override { return Accounting::blocks; }
};

std::unique_ptr<Driver> open(const fs::path& place) {
  return std::make_unique<Copy>(place);
}

}  // namespace

constinit const DriverInfo copy_driver{.name = "copy",
                                       .description = "full copies, whose cost grows with the data",
                                       .probe = check_writable,
                                       .open = open};

}  // namespace velo::storage
