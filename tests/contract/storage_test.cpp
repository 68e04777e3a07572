// What driver.h promises about volumes: how they are made, marked, listed and removed.

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <atomic>
#include <set>
#include <thread>

#include "contract/storage_fixture.h"

namespace velo::storage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct stat status_of(const fs::path& path) {
  struct stat status{};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status;
}

INSTANTIATE_TEST_SUITE_P(Drivers, StorageTest, testing::ValuesIn(drivers_and_places()),
                         name_of_pair);

TEST(StorageContract, RunsOnEveryDriverOfTheRegistry) {
  std::set<std::string_view> registered;
  std::set<std::string> tested;
  for (const DriverInfo& driver : drivers()) registered.insert(driver.name);
  for (const DriverAndPlace& pair : drivers_and_places()) tested.insert(pair.driver);
  EXPECT_THAT(tested, testing::ElementsAreArray(registered));
}

TEST_P(StorageTest, ProbeAcceptsAPlaceThatIsNotYetThere) {
  for (const DriverInfo& driver : drivers()) {
    if (driver.name != GetParam().driver) continue;
    EXPECT_TRUE(ok(driver.probe(place())));
  }
  EXPECT_FALSE(path_exists(place()));
}

TEST_P(StorageTest, AVolumeIsEmptyAndItsOwners) {
  create("shop-main");
  const fs::path root = driver().root_of("shop-main");
  EXPECT_EQ(status_of(root).st_mode, S_IFDIR | 0700U);
  EXPECT_EQ(status_of(root).st_uid, owner().uid);
  EXPECT_EQ(status_of(root).st_gid, owner().gid);
  EXPECT_THAT(list_directory(root).value(), ElementsAre());
  const ActAs as_owner(owner());
  EXPECT_TRUE(ok(write_file(root / "PG_VERSION", "17\n", 0600)));
}

TEST_P(StorageTest, AServerCannotTouchItsMark) {
  create("shop-main");
  const fs::path root = driver().root_of("shop-main");
  EXPECT_EQ(status_of(root.parent_path()).st_uid, ::geteuid());
  const mode_t mode = owner().uid == ::geteuid() ? 0700 : 0711;
  EXPECT_EQ(status_of(root.parent_path()).st_mode, S_IFDIR | mode);
  EXPECT_EQ(status_of(root.parent_path() / "velo.json").st_mode, S_IFREG | 0600U);
  EXPECT_EQ(status_of(root.parent_path() / "velo.json").st_uid, ::geteuid());
}

TEST_P(StorageTest, TheMarkComesBackWhole) {
  create("shop-main");
  const Mark made = mark_for(home);
  const auto mark = driver().mark_of("shop-main");
  ASSERT_TRUE(ok(mark));
  EXPECT_EQ(mark->home_id, made.home_id);
  EXPECT_EQ(mark->project_id, made.project_id);
  EXPECT_EQ(mark->project_name, made.project_name);
  EXPECT_EQ(mark->branch_id, made.branch_id);
  EXPECT_EQ(mark->branch_name, made.branch_name);
  EXPECT_EQ(mark->incarnation_id, made.incarnation_id);
  EXPECT_EQ(mark->parent_incarnation_id, made.parent_incarnation_id);
  EXPECT_EQ(mark->runtime, made.runtime);
  EXPECT_EQ(mark->build, made.build);
  EXPECT_EQ(mark->created_at, made.created_at);
}

TEST_P(StorageTest, ThereIsNoMarkOfWhatIsNotThere) {
  EXPECT_TRUE(fails_with(Errc::not_found, driver().mark_of("shop-main")));
  create("shop-main");
  EXPECT_TRUE(fails_with(Errc::not_found, driver().mark_of("shop-dev")));
}

TEST_P(StorageTest, ATakenNameIsLeftAsItIs) {
  create("ours");
  create("theirs", other_home);
  write("theirs", "file", "precious");
  for (const char* name : {"ours", "theirs"}) {
    EXPECT_TRUE(fails_with(Errc::already_exists, driver().create(name, mark_for(home), owner())));
    EXPECT_TRUE(fails_with(Errc::already_exists, clone("ours", name)));
  }
  EXPECT_EQ(driver().mark_of("theirs")->home_id, other_home);
  EXPECT_EQ(read("theirs", "file"), "precious");
}

TEST_P(StorageTest, OfManyThatClaimANameOneGetsIt) {
  std::atomic<int> made = 0;
  std::atomic<int> taken = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        const auto result = driver().create("shop-main", mark_for(home), owner());
        if (result) ++made;
        if (!result && result.error().code == Errc::already_exists) ++taken;
      });
    }
  }
  EXPECT_EQ(made, 1);
  EXPECT_EQ(taken, 7);
}

TEST_P(StorageTest, NamesAreTakenLiterally) {
  for (const char* name : {"two words", "100%", "%s%n", "a'b\"c;d", "-rf", "shop-main.2"}) {
    create(name);
    write(name, "file", name);
    const std::string copy = std::string(name) + " copy";
    ASSERT_TRUE(ok(clone(name, copy)));
    EXPECT_EQ(read(copy, "file"), name);
    EXPECT_TRUE(ok(remove(name)));
    EXPECT_TRUE(ok(remove(copy)));
  }
  EXPECT_THAT(driver().list().value(), ElementsAre());
}

TEST_P(StorageTest, NoNameLeavesThePlace) {
  create("shop-main");
  for (const char* name : {"", ".", "..", "../x", "a/b", "/etc"}) {
    EXPECT_TRUE(fails_with(Errc::storage, driver().create(name, mark_for(home), owner())));
    EXPECT_TRUE(fails_with(Errc::storage, clone("shop-main", name)));
    EXPECT_TRUE(fails_with(Errc::storage, clone(name, "copy")));
    EXPECT_TRUE(fails_with(Errc::storage, remove(name)));
  }
}

TEST_P(StorageTest, AttachAndDetachCanBeRepeated) {
  create("shop-main");
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(ok(driver().attach("shop-main")));
  EXPECT_TRUE(path_exists(driver().root_of("shop-main")));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(ok(driver().detach("shop-main")));
  EXPECT_TRUE(ok(driver().attach("shop-main")));
}

TEST_P(StorageTest, TheListHasTheVolumesOfEveryHome) {
  EXPECT_THAT(driver().list().value(), ElementsAre());
  create("b");
  create("a", other_home);
  ASSERT_TRUE(ok(create_directory(directory_of("a stranger"), 0700)));
  ASSERT_TRUE(ok(create_directory(directory_of("a trap"), 0700)));
  ASSERT_EQ(::mkfifo((directory_of("a trap") / "velo.json").c_str(), 0600), 0);
  fs::create_directory_symlink(directory_of("a"), directory_of("a link"));
  EXPECT_THAT(driver().list().value(), ElementsAre("a", "b"));
}

TEST_P(StorageTest, RemovalCanBeRepeated) {
  create("shop-main");
  make_directory("shop-main", "base");
  write("shop-main", "base/1", "data");
  EXPECT_TRUE(ok(remove("shop-main")));
  EXPECT_FALSE(path_exists(directory_of("shop-main")));
  EXPECT_TRUE(ok(remove("shop-main")));
  EXPECT_TRUE(ok(remove("never-was")));
  create("shop-main");
}

TEST_P(StorageTest, RemovalInAPlaceThatIsGoneIsSuccess) {
  EXPECT_TRUE(ok(remove("shop-main")));
}

TEST_P(StorageTest, AnotherHomesVolumeIsNotRemoved) {
  create("theirs", other_home);
  write("theirs", "file", "precious");
  const auto removed = remove("theirs");
  EXPECT_TRUE(fails_with(Errc::storage, removed));
  EXPECT_THAT(removed.error().message, HasSubstr("theirs"));
  EXPECT_EQ(read("theirs", "file"), "precious");
}

TEST_P(StorageTest, DataWithoutAMarkIsNotRemoved) {
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

TEST_P(StorageTest, WhatACrashLeavesIsRemoved) {
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

TEST_P(StorageTest, ALinkInThePlaceOfAVolumeIsNotFollowed) {
  create("real");
  write("real", "file", "precious");
  fs::create_directory_symlink(directory_of("real"), directory_of("link"));
  EXPECT_TRUE(fails_with(Errc::storage, remove("link")));
  EXPECT_TRUE(fails_with(Errc::not_found, driver().mark_of("link")));
  EXPECT_EQ(read("real", "file"), "precious");
}

TEST_P(StorageTest, OthersDirectoriesInASharedPoolAreLeftAlone) {
  if (!running_as_root()) GTEST_SKIP() << "only root can make another user's directory";
  create("theirs");
  ASSERT_EQ(::chown(directory_of("theirs").c_str(), owner().uid, owner().gid), 0);
  EXPECT_TRUE(fails_with(Errc::storage, remove("theirs")));
  ASSERT_EQ(::chown((place() / "velo").c_str(), owner().uid, owner().gid), 0);
  EXPECT_TRUE(fails_with(Errc::permission, driver().create("ours", mark_for(home), owner())));
}

TEST_P(StorageTest, ASharedPoolKeepsItsMode) {
  ASSERT_TRUE(ok(create_directory(place(), 0755)));
  ASSERT_TRUE(ok(create_directory(place() / "velo", 01777)));
  create("shop-main");
  EXPECT_EQ(status_of(place() / "velo").st_mode, S_IFDIR | 01777U);
}

TEST_P(StorageTest, AVolumeForAnotherUserNeedsRoot) {
  if (running_as_root()) GTEST_SKIP() << "root may give files away";
  const OsUser root{.uid = 0, .gid = 0, .name = "root", .home = "/root"};
  EXPECT_TRUE(fails_with(Errc::permission, driver().create("x", mark_for(home), root)));
  EXPECT_FALSE(path_exists(directory_of("x")));
}

}  // namespace
}  // namespace velo::storage
