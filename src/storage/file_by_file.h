// Volumes as plain directories that are cloned file by file (clone_tree.h), for drivers that cannot
// snapshot: what a file's content costs is all that they differ in.
#pragma once

#include <filesystem>
#include <string_view>

#include "storage/clone_tree.h"
#include "storage/directory_volume.h"

namespace velo::storage {

class FileByFileDriver final : public DirectoryVolumeDriver {
 public:
  struct Way {
    std::string_view name;
    CloneCost cost;
    CloneContent content;
    Accounting accounting;
  };
  /// `way` outlives the driver.
  FileByFileDriver(fs::path place, const Way& way)
      : DirectoryVolumeDriver(std::move(place)), way_(&way) {}

  std::string_view name() const override { return way_->name; }
  Capabilities capabilities() const override {
    return {.atomic_snapshot = false, .cost = way_->cost};
  }

 private:
  Result<void> make_root(const fs::path& root) override;
  Result<void> clone_root(const fs::path& source, const fs::path& target, const OsUser& owner,
                          const FileFilter& leave_out) override;
  Result<void> remove_root(const fs::path& root) override;
  Accounting accounting() const override { return way_->accounting; }

  const Way* way_;
};

}  // namespace velo::storage
