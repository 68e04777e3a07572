// What is special about volumes that are btrfs subvolumes.

#include <btrfsutil.h>
#include <gmock/gmock.h>

#include "contract/storage_fixture.h"

namespace velo::storage {
namespace {

class StorageBtrfsTest : public StorageTest {};
INSTANTIATE_TEST_SUITE_P(Drivers, StorageBtrfsTest,
                         testing::Values(DriverAndPlace{"btrfs", "btrfs", test::btrfs_place,
                                                        "VELO_TEST_BTRFS"}),
                         name_of_pair);

TEST_P(StorageBtrfsTest, AVolumeIsASubvolume) {
  create("parent");
  ASSERT_TRUE(ok(clone("parent", "child")));
  for (const char* name : {"parent", "child"}) {
    EXPECT_EQ(btrfs_util_is_subvolume(driver().root_of(name).c_str()), BTRFS_UTIL_OK) << name;
  }
}

TEST_P(StorageBtrfsTest, SubvolumesThatAUserMadeWithinGoWithIt) {
  create("parent");
  make_directory("parent", "in");
  {
    const ActAs as_owner(owner());
    const fs::path root = driver().root_of("parent");
    for (const char* name : {"top", "in/deep", "in/deep/er"}) {
      ASSERT_EQ(btrfs_util_create_subvolume((root / name).c_str(), 0, nullptr, nullptr),
                BTRFS_UTIL_OK);
      ASSERT_TRUE(ok(write_file(root / name / "file", "x", 0600)));
    }
  }
  EXPECT_TRUE(ok(remove("parent")));
  EXPECT_FALSE(path_exists(directory_of("parent")));
}

TEST_P(StorageBtrfsTest, AReadOnlySubvolumeIsRemoved) {
  create("parent");
  write("parent", "file", "x");
  ASSERT_EQ(btrfs_util_set_subvolume_read_only(driver().root_of("parent").c_str(), true),
            BTRFS_UTIL_OK);
  EXPECT_TRUE(ok(remove("parent")));
}

TEST_P(StorageBtrfsTest, APlainDirectoryInItsPlaceIsRemovedToo) {
  create("parent");
  fs::remove(driver().root_of("parent"));
  ASSERT_TRUE(ok(create_directory(driver().root_of("parent"), 0700)));
  ASSERT_TRUE(ok(write_file(driver().root_of("parent") / "restored by hand", "x", 0600)));
  EXPECT_TRUE(ok(remove("parent")));
  EXPECT_FALSE(path_exists(directory_of("parent")));
}

}  // namespace
}  // namespace velo::storage
