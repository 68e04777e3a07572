// What directory_volume.h promises about how volumes lie in a directory.

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "contract/storage_fixture.h"

namespace velo::storage {
namespace {

using testing::ElementsAre;

class StorageDirectoryTest : public StorageTest {};
INSTANTIATE_TEST_SUITE_P(Drivers, StorageDirectoryTest,
                         testing::ValuesIn(directory_drivers_and_places()), name_of_pair);

struct stat status_of(const fs::path& path) {
  struct stat status{};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status;
}

TEST_P(StorageDirectoryTest, ProbeAcceptsAPlaceThatIsNotYetThere) {
  for (const DriverInfo& driver : drivers()) {
    if (driver.name != GetParam().driver) continue;
    EXPECT_TRUE(ok(driver.probe(place())));
  }
  EXPECT_FALSE(path_exists(place()));
}

// An unmounted file system leaves an empty directory, or none.
TEST_P(StorageDirectoryTest, WhatIsInAPlaceThatIsAwayIsNotBelievedGone) {
  create("shop-main");
  write("shop-main", "file", "precious");
  for (const fs::path& away : {place() / "velo", place()}) {
    const fs::path elsewhere = place().parent_path() / "elsewhere";
    fs::rename(away, elsewhere);
    for (const Result<void>& refused :
         {driver().check_there(), remove("shop-main"), remove("never-was")}) {
      ASSERT_TRUE(fails_with(Errc::storage, refused));
      EXPECT_THAT(refused.error().message, testing::HasSubstr(place().string()));
      EXPECT_THAT(refused.error().hint, testing::HasSubstr("mount"));
    }
    EXPECT_FALSE(path_exists(away));
    fs::rename(elsewhere, away);
  }
  EXPECT_TRUE(ok(driver().check_there()));
  EXPECT_EQ(read("shop-main", "file"), "precious");
  EXPECT_TRUE(ok(remove("shop-main")));
}

TEST_P(StorageDirectoryTest, AServerCannotTouchItsMark) {
  create("shop-main");
  const fs::path root = driver().root_of("shop-main");
  EXPECT_EQ(status_of(root.parent_path()).st_uid, ::geteuid());
  const mode_t mode = owner().uid == ::geteuid() ? 0700 : 0711;
  EXPECT_EQ(status_of(root.parent_path()).st_mode, S_IFDIR | mode);
  EXPECT_EQ(status_of(root.parent_path() / "velo.json").st_mode, S_IFREG | 0600U);
  EXPECT_EQ(status_of(root.parent_path() / "velo.json").st_uid, ::geteuid());
}

TEST_P(StorageDirectoryTest, DataWithoutAMarkIsNotRemoved) {
  create("no mark");
  create("bad mark");
  write("no mark", "file", "precious");
  write("bad mark", "file", "precious");
  ASSERT_TRUE(ok(remove_file(directory_of("no mark") / "velo.json")));
  ASSERT_TRUE(ok(write_file(directory_of("bad mark") / "velo.json", "{\"home_", 0600)));
  for (const char* name : {"no mark", "bad mark"}) {
    EXPECT_TRUE(fails_with(Errc::storage, remove(name)));
    EXPECT_TRUE(fails_with(Errc::not_found, driver().mark_of(name)));
    EXPECT_EQ(read(name, "file"), "precious");
  }
}

TEST_P(StorageDirectoryTest, WhatACrashLeavesIsRemoved) {
  create("after-root");  // and so there is a place to work in
  ASSERT_TRUE(ok(create_directory(directory_of("after-mkdir"), 0700)));
  ASSERT_TRUE(ok(create_directory(directory_of("within-mark"), 0700)));
  ASSERT_TRUE(ok(write_file(directory_of("within-mark") / "velo.json", "{\"home_", 0600)));
  create("after-mark");
  fs::remove(driver().root_of("after-mark"));
  for (const char* name : {"after-mkdir", "within-mark", "after-mark", "after-root"}) {
    EXPECT_TRUE(ok(remove(name))) << name;
    EXPECT_FALSE(path_exists(directory_of(name))) << name;
  }
}

TEST_P(StorageDirectoryTest, ALinkInThePlaceOfAVolumeIsNotFollowed) {
  create("real");
  write("real", "file", "precious");
  fs::create_directory_symlink(directory_of("real"), directory_of("link"));
  EXPECT_TRUE(fails_with(Errc::storage, remove("link")));
  EXPECT_TRUE(fails_with(Errc::not_found, driver().mark_of("link")));
  EXPECT_EQ(read("real", "file"), "precious");
}

TEST_P(StorageDirectoryTest, OthersDirectoriesInASharedPoolAreLeftAlone) {
  if (!running_as_root()) GTEST_SKIP() << "only root can make another user's directory";
  create("theirs");
  ASSERT_EQ(::chown(directory_of("theirs").c_str(), owner().uid, owner().gid), 0);
  EXPECT_TRUE(fails_with(Errc::storage, remove("theirs")));
  ASSERT_EQ(::chown((place() / "velo").c_str(), owner().uid, owner().gid), 0);
  EXPECT_TRUE(fails_with(Errc::permission, driver().create("ours", mark_for(home), owner())));
}

TEST_P(StorageDirectoryTest, ASharedPoolKeepsItsMode) {
  ASSERT_TRUE(ok(create_directory(place(), 0755)));
  ASSERT_TRUE(ok(create_directory(place() / "velo", 01777)));
  create("shop-main");
  EXPECT_EQ(status_of(place() / "velo").st_mode, S_IFDIR | 01777U);
}

TEST_P(StorageDirectoryTest, TheListLeavesOutWhatIsNoVolume) {
  create("a");
  ASSERT_TRUE(ok(create_directory(directory_of("a stranger"), 0700)));
  ASSERT_TRUE(ok(create_directory(directory_of("a trap"), 0700)));
  ASSERT_EQ(::mkfifo((directory_of("a trap") / "velo.json").c_str(), 0600), 0);
  fs::create_directory_symlink(directory_of("a"), directory_of("a link"));
  EXPECT_THAT(driver().list().value(), ElementsAre("a"));
}

}  // namespace
}  // namespace velo::storage
