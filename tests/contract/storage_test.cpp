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

TEST_P(StorageTest, AMarkCanBeReplacedByItsOwnHomeAlone) {
  create("shop-main");
  Mark other = mark_for(home);
  other.record = {{"port", "17001"}, {"settings", R"({"a b": "c'd\"e"})"}};
  EXPECT_TRUE(ok(driver().update_mark("shop-main", other)));
  EXPECT_EQ(driver().mark_of("shop-main")->record, other.record);
  EXPECT_THAT(driver().list().value(), ElementsAre("shop-main"));
  EXPECT_TRUE(fails_with(Errc::not_found, driver().update_mark("shop-main", mark_for(other_home))));
  EXPECT_TRUE(fails_with(Errc::not_found, driver().update_mark("shop-dev", other)));
  EXPECT_EQ(driver().mark_of("shop-main")->record, other.record);
  EXPECT_TRUE(ok(remove("shop-main")));
}

TEST_P(StorageTest, WhatAnEarlierVeloMadeIsAdoptedAndGivenBack) {
  if (::geteuid() != 0) GTEST_SKIP() << "for root";
  const EarlierVolume earlier(driver(), whole_place(), place(), "shop-main");
  const auto was = driver().look_at_foreign(earlier.source(), "shop-main");
  ASSERT_TRUE(ok(was));
  ASSERT_TRUE(ok(driver().adopt(earlier.source(), "shop-main", mark_for(home), owner())));
  EXPECT_THAT(driver().list().value(), ElementsAre("shop-main"));
  EXPECT_EQ(driver().presence_of("shop-main").value(), Presence::attached);
  EXPECT_EQ(read("shop-main", "file"), "precious");
  EXPECT_EQ(status_of(driver().root_of("shop-main")).st_uid, owner().uid);
  EXPECT_EQ(status_of(driver().root_of("shop-main")).st_mode, S_IFDIR | 0700U);
  EXPECT_TRUE(
      fails_with(Errc::already_exists, driver().look_at_foreign(earlier.source(), "shop-main")));
  EXPECT_TRUE(ok(clone("shop-main", "shop-dev")));
  EXPECT_EQ(read("shop-dev", "file"), "precious");
  EXPECT_TRUE(ok(remove("shop-dev")));
  EXPECT_FALSE(driver().give_back("shop-main", other_home, *was));

  EXPECT_TRUE(ok(driver().give_back("shop-main", home, *was)));
  EXPECT_THAT(driver().list().value(), ElementsAre());
  EXPECT_EQ(read_file(earlier.directory() / "file").value_or(""), "precious");
  EXPECT_EQ(status_of(earlier.directory()).st_mode, S_IFDIR | 0755U);
  EXPECT_EQ(earlier.properties(), earlier.properties_before());
  EXPECT_TRUE(ok(driver().give_back("shop-main", home, *was))) << "and once more";
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
    const auto made = driver().create(name, mark_for(home), owner());
    if (is_zfs() && !made) {  // which takes fewer
      EXPECT_TRUE(fails_with(Errc::storage, made));
      continue;
    }
    ASSERT_TRUE(ok(made));
    write(name, "file", name);
    const std::string copy = std::string(name) + (is_zfs() ? ".copy" : " copy");
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

TEST_P(StorageTest, OnlyWhatIsSurelyNotThereIsGone) {
  create("shop-main");
  EXPECT_EQ(driver().presence_of("shop-main").value(), Presence::attached);
  EXPECT_EQ(driver().presence_of("shop-dev").value(), Presence::gone);
  if (is_zfs()) {
    ASSERT_TRUE(ok(driver().detach("shop-main")));
    EXPECT_EQ(driver().presence_of("shop-main").value(), Presence::detached);
    ASSERT_TRUE(ok(driver().attach("shop-main")));
  }
  // As an empty directory where a file system was mounted, or a pool of the same name.
  const auto elsewhere = open_driver(GetParam().driver, place() / "elsewhere").value();
  const auto away = elsewhere->presence_of("shop-main");
  ASSERT_FALSE(away);
  EXPECT_THAT(away.error().message, HasSubstr("elsewhere"));
  EXPECT_FALSE(away.error().hint.empty());
}

TEST_P(StorageTest, TheListHasTheVolumesOfEveryHome) {
  EXPECT_THAT(driver().list().value(), ElementsAre());
  create("b");
  create("a", other_home);
  EXPECT_THAT(driver().list().value(), ElementsAre("a", "b"));
}

TEST_P(StorageTest, RemovalCanBeRepeated) {
  create("shop-main");
  make_directory("shop-main", "base");
  write("shop-main", "base/1", "data");
  EXPECT_TRUE(ok(remove("shop-main")));
  EXPECT_FALSE(path_exists(driver().root_of("shop-main")));
  EXPECT_TRUE(ok(remove("shop-main")));
  EXPECT_TRUE(ok(remove("never-was")));
  create("shop-main");
}

TEST_P(StorageTest, PreparingMakesAPlaceInWhichNothingIs) {
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(ok(driver().prepare()));
  EXPECT_TRUE(ok(driver().check_there()));
  EXPECT_THAT(driver().list().value(), ElementsAre());
  EXPECT_TRUE(ok(remove("never-was")));
  create("shop-main");
}

TEST_P(StorageTest, AnotherHomesVolumeIsNotRemoved) {
  create("theirs", other_home);
  write("theirs", "file", "precious");
  const auto removed = remove("theirs");
  EXPECT_TRUE(fails_with(Errc::storage, removed));
  EXPECT_THAT(removed.error().message, HasSubstr("theirs"));
  EXPECT_EQ(read("theirs", "file"), "precious");
}

TEST_P(StorageTest, AVolumeForAnotherUserNeedsRoot) {
  if (running_as_root()) GTEST_SKIP() << "root may give files away";
  const OsUser root{.uid = 0, .gid = 0, .name = "root", .home = "/root"};
  EXPECT_TRUE(fails_with(Errc::permission, driver().create("x", mark_for(home), root)));
  EXPECT_FALSE(path_exists(driver().root_of("x")));
}

}  // namespace
}  // namespace velo::storage
