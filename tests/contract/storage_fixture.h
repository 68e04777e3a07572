// The driver and place that a storage test runs on, and the small things that such tests do.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/os_user.h"
#include "storage/registry.h"
#include "storage/zfs_changes.h"
#include "support/environment.h"
#include "support/place.h"

namespace velo::storage {

struct DriverAndPlace {
  std::string driver;
  std::string file_system;
  std::optional<fs::path> (*place)();
  const char* variable;
  /// On ZFS: by the commands, as if there were no libzfs_core.
  bool by_commands = false;
};

inline void PrintTo(const DriverAndPlace& pair, std::ostream* out) {
  *out << pair.driver << " on " << pair.file_system << (pair.by_commands ? " by commands" : "");
}

/// Every driver of the registry, on each kind of file system that it is for.
inline std::vector<DriverAndPlace> drivers_and_places() {
  return {
      {"zfs", "zfs", test::zfs_place, "VELO_TEST_ZFS"},
      {"zfs", "zfs", test::zfs_place, "VELO_TEST_ZFS", true},
      {"btrfs", "btrfs", test::btrfs_place, "VELO_TEST_BTRFS"},
      {"reflink", "xfs", test::xfs_place, "VELO_TEST_XFS"},
      {"reflink", "btrfs", test::btrfs_place, "VELO_TEST_BTRFS"},
      {"copy", "ext4", test::ext4_place, "VELO_TEST_EXT4"},
      {"copy", "xfs", test::xfs_place, "VELO_TEST_XFS"},
  };
}

/// Those whose volumes are directories, laid out as directory_volume.h says.
inline std::vector<DriverAndPlace> directory_drivers_and_places() {
  auto all = drivers_and_places();
  std::erase_if(all, [](const DriverAndPlace& pair) { return pair.driver == "zfs"; });
  return all;
}

inline std::string name_of_pair(const testing::TestParamInfo<DriverAndPlace>& info) {
  return info.param.driver + "_on_" + info.param.file_system +
         (info.param.by_commands ? "_by_commands" : "");
}

inline const std::string home = "00112233445566aa";
inline const std::string other_home = "ffeeddccbbaa9988";

inline Mark mark_for(const std::string& home_id) {
  return {.home_id = home_id,
          .project_id = "p1",
          .project_name = "shop",
          .branch_id = "b1",
          .branch_name = "main",
          .incarnation_id = "i1",
          .parent_incarnation_id = "i0",
          .runtime = "native",
          .build = R"(PostgreSQL 17.2 "x\y")",
          .created_at = parse_rfc3339("2025-10-09T18:40:21.123456Z").value()};
}

/// What a Result's error says, for EXPECT and ASSERT.
template <class T>
testing::AssertionResult ok(const Result<T>& result) {
  if (result) return testing::AssertionSuccess();
  return testing::AssertionFailure() << name_of(result.error().code) << ": "
                                     << result.error().message << ' ' << result.error().detail;
}
template <class T>
testing::AssertionResult fails_with(Errc code, const Result<T>& result) {
  if (!result && result.error().code == code) return testing::AssertionSuccess();
  if (result) return testing::AssertionFailure() << "it succeeded";
  return testing::AssertionFailure()
         << name_of(result.error().code) << ": " << result.error().message;
}

/// What an earlier Velo has left in a place, with a file in it: where its datasets were there is a
/// directory, on btrfs a subvolume.
class EarlierVolume {
 public:
  EarlierVolume(Driver& driver, const test::Place& whole, const fs::path& place,
                const std::string& name)
      : dataset_(whole.is_dataset()) {
    const fs::path base = place / "velo/databases";
    source_ = (base / name).string();
    if (dataset_) {
      directory_ = "/tmp/" + fs::path(place).filename().string() + "-" + name;
      test::run_zfs({"create", "-p", "-o", "canmount=off", base.string()});
      test::run_zfs({"create", "-o", "mountpoint=" + directory_.string(), source_});
    } else {
      directory_ = source_;
      EXPECT_TRUE(driver.create("seed", mark_for(home), current_user().value()));
      fs::create_directories(base);
      fs::rename(driver.root_of("seed"), directory_);
      EXPECT_TRUE(driver.remove("seed", home));
    }
    fs::permissions(directory_, fs::perms(0755));
    EXPECT_TRUE(write_file(directory_ / "file", "precious", 0644));
    before_ = properties();
  }
  EarlierVolume(const EarlierVolume&) = delete;
  EarlierVolume& operator=(const EarlierVolume&) = delete;
  EarlierVolume(EarlierVolume&&) = delete;
  EarlierVolume& operator=(EarlierVolume&&) = delete;
  ~EarlierVolume() {
    if (dataset_) test::run_zfs({"unmount", source_});
    std::error_code ignored;
    if (dataset_) fs::remove(directory_, ignored);
  }

  const std::string& source() const { return source_; }
  const fs::path& directory() const { return directory_; }
  /// All that are set on the dataset and on what it lies in; nothing of a directory.
  std::string properties() const {
    if (!dataset_) return "";
    return test::run_zfs({"get", "-H", "-p", "-s", "local", "-o", "name,property,value", "all",
                          fs::path(source_).parent_path().string(), source_});
  }
  const std::string& properties_before() const { return before_; }

 private:
  bool dataset_;
  std::string source_;
  fs::path directory_;
  std::string before_;
};

class StorageTest : public testing::TestWithParam<DriverAndPlace> {
 protected:
  void SetUp() override {
    const auto where = GetParam().place();
    VELO_NEEDS_PLACE(where, GetParam().variable);
    zfs::use_commands_only(GetParam().by_commands);
    place_ = std::make_unique<test::Place>(*where);
    driver_ = open_driver(GetParam().driver, place()).value();
  }

  void TearDown() override { zfs::use_commands_only(false); }

  /// A directory that is not there yet; on ZFS a dataset that is.
  fs::path place() const { return is_zfs() ? place_->path() : place_->path() / "pool"; }
  bool is_zfs() const { return place_->is_dataset(); }
  const test::Place& whole_place() const { return *place_; }
  fs::path directory_of(const std::string& volume) const { return place() / "velo" / volume; }
  Driver& driver() { return *driver_; }
  bool atomic() const { return driver_->capabilities().atomic_snapshot; }
  const OsUser& owner() const { return owner_; }

  void create(const std::string& volume, const std::string& home_id = home) {
    ASSERT_TRUE(ok(driver_->create(volume, mark_for(home_id), owner_)));
  }
  Result<void> clone(const std::string& source, const std::string& target,
                     const FileFilter& leave_out = {}) {
    return driver_->clone(source, target, mark_for(home), owner_, leave_out);
  }
  Result<void> remove(const std::string& volume) { return driver_->remove(volume, home); }

  /// In a volume, and as its owner.
  void write(const std::string& volume, const std::string& file, std::string_view content,
             mode_t mode = 0600) {
    const ActAs as_owner(owner_);
    const fs::path path = driver_->root_of(volume) / file;
    ASSERT_TRUE(ok(write_file(path, content, mode)));
  }
  void make_directory(const std::string& volume, const std::string& name, mode_t mode = 0700) {
    const ActAs as_owner(owner_);
    ASSERT_TRUE(ok(create_directory(driver_->root_of(volume) / name, mode)));
  }
  std::string read(const std::string& volume, const std::string& file) {
    return read_file(driver_->root_of(volume) / file).value_or("<missing>");
  }

 private:
  std::unique_ptr<test::Place> place_;
  std::unique_ptr<Driver> driver_;
  OsUser owner_ = test::server_user();
};

}  // namespace velo::storage
