// What is special about volumes that are ZFS datasets.

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include <set>

#include "base/text.h"
#include "contract/storage_fixture.h"
#include "storage/mark.h"
#include "storage/zfs_layout.h"

namespace velo::storage {
namespace {

using test::run_zfs;
using testing::ElementsAre;
using testing::HasSubstr;

class StorageZfsTest : public StorageTest {
 protected:
  std::string base() const { return zfs::base_of(place().string()); }
  std::string dataset(const std::string& volume) const { return base() + "/" + volume; }
  /// All snapshots in the place, whether they are about to go or not.
  std::string snapshots() const {
    return run_zfs({"list", "-H", "-r", "-t", "snapshot", "-o", "name", place().string()});
  }
};
INSTANTIATE_TEST_SUITE_P(
    Drivers, StorageZfsTest,
    testing::Values(DriverAndPlace{"zfs", "zfs", test::zfs_place, "VELO_TEST_ZFS"},
                    DriverAndPlace{"zfs", "zfs", test::zfs_place, "VELO_TEST_ZFS", true}),
    name_of_pair);

TEST_P(StorageZfsTest, VolumesAndClonesHaveTheBasesProperties) {
  create("parent");
  ASSERT_TRUE(ok(clone("parent", "child")));
  for (const char* name : {"parent", "child"}) {
    EXPECT_EQ(run_zfs({"get", "-H", "-p", "-o", "value",
                       "recordsize,compression,atime,setuid,devices", dataset(name)}),
              "8192\nlz4\noff\noff\noff\n");
    struct statvfs status{};
    ASSERT_EQ(::statvfs(driver().root_of(name).c_str(), &status), 0);
    EXPECT_NE(status.f_flag & ST_NOSUID, 0U) << name;
    EXPECT_NE(status.f_flag & ST_NODEV, 0U) << name;
  }
}

TEST_P(StorageZfsTest, DeletingAnyOfAFamilyTakesNothingFromTheOthers) {
  create("a");
  write("a", "file", "one");
  ASSERT_TRUE(ok(clone("a", "b")));
  write("a", "file", "two");
  ASSERT_TRUE(ok(clone("a", "c")));
  write("b", "own", "b's");
  ASSERT_TRUE(ok(clone("b", "d")));
  EXPECT_TRUE(ok(remove("a")));
  EXPECT_EQ(read("b", "file") + read("c", "file") + read("d", "own"), "onetwob's");
  EXPECT_TRUE(ok(remove("b")));
  EXPECT_TRUE(ok(clone("c", "e")));
  EXPECT_TRUE(ok(remove("c")));
  EXPECT_EQ(read("d", "file") + read("d", "own") + read("e", "file"), "oneb'stwo");
  EXPECT_THAT(driver().list().value(), ElementsAre("d", "e"));
  EXPECT_TRUE(ok(remove("e")));
  EXPECT_TRUE(ok(remove("d")));
  EXPECT_EQ(snapshots(), "");
}

TEST_P(StorageZfsTest, ASnapshotGoesWithItsClone) {
  create("parent");
  for (const char* name : {"one", "two", "three"}) ASSERT_TRUE(ok(clone("parent", name)));
  EXPECT_THAT(snapshots(), testing::ContainsRegex("parent@20..-..-..T..-..-.."));
  EXPECT_THAT(whole_place().leaked_snapshots(), ElementsAre());
  for (const char* name : {"two", "one", "three"}) EXPECT_TRUE(ok(remove(name)));
  EXPECT_EQ(snapshots(), "");
  EXPECT_TRUE(fails_with(Errc::not_found, clone("no-such", "child")));
  create("taken");
  EXPECT_TRUE(fails_with(Errc::already_exists, clone("parent", "taken")));
  EXPECT_EQ(snapshots(), "");
}

TEST_P(StorageZfsTest, WithTheLibraryACloneStartsNoProcess) {
  create("parent");
  // Page faults of children that were waited for: no process, none.
  const auto seen = [] {
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);
    return usage.ru_minflt;
  };
  const auto before = seen();
  EXPECT_TRUE(fails_with(Errc::not_found, driver().mark_of("child")));
  EXPECT_GT(driver().room_beside("parent").value_or(0), 0U);
  const auto between = seen();
  ASSERT_TRUE(ok(clone("parent", "child")));
  if (GetParam().by_commands) {
    EXPECT_GT(seen(), between);
    return;
  }
  EXPECT_EQ(between, before);
  if (running_as_root()) {
    EXPECT_EQ(seen(), between) << "libzfs_core is not used";
  }
}

TEST_P(StorageZfsTest, RoomIsSeenFromAVolumeUnlessSomethingIsWrong) {
  create("parent");
  run_zfs({"set", "quota=100M", base()});
  const auto seen = driver().room_beside("parent");
  ASSERT_TRUE(seen.has_value());
  const std::uint64_t told = driver().pool_state().value().free;
  EXPECT_LT(*seen > told ? *seen - told : told - *seen, 1U << 20U);
  EXPECT_FALSE(driver().room_beside("nothing"));
  run_zfs({"set", "readonly=on", place().string()});
  EXPECT_FALSE(driver().room_beside("parent"));
  run_zfs({"inherit", "readonly", place().string()});
  EXPECT_TRUE(driver().room_beside("parent"));
  ASSERT_TRUE(ok(driver().detach("parent")));
  EXPECT_FALSE(driver().room_beside("parent"));
}

// On a fast machine a whole family is made within a second.
TEST_P(StorageZfsTest, NoTwoSnapshotsOfAFamilyHaveOneName) {
  create("a");
  ASSERT_TRUE(ok(clone("a", "b")));
  ASSERT_TRUE(ok(clone("b", "c")));
  ASSERT_TRUE(ok(clone("b", "d")));
  const std::string all = snapshots();
  std::set<std::string> names;
  for (const std::string_view line : lines_of(all)) {
    if (line.empty()) continue;
    const std::string name(line.substr(line.find('@') + 1));
    EXPECT_THAT(name, testing::MatchesRegex("20..-..-..T..-..-..[.]........"));
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_EQ(names.size(), 3U);
  for (const char* name : {"a", "b", "c", "d"}) EXPECT_TRUE(ok(remove(name)));
}

TEST_P(StorageZfsTest, WhatACrashLeavesOfACloneIsRemoved) {
  create("parent");
  run_zfs({"snapshot", "-o", "velo:for=never-made", dataset("parent") + "@1"});
  run_zfs({"snapshot", "-o", "velo:for=made", dataset("parent") + "@2"});
  run_zfs({"clone", "-o", "velo:mark=" + mark_to_line(mark_for(home)), dataset("parent") + "@2",
           dataset("made")});
  run_zfs({"create", "-u", "-o", "velo:mark=" + mark_to_line(mark_for(home)), dataset("empty")});
  for (const char* name : {"never-made", "made", "empty"}) EXPECT_TRUE(ok(remove(name))) << name;
  EXPECT_EQ(snapshots(), "");
  EXPECT_THAT(driver().list().value(), ElementsAre("parent"));
  // And one whose target was never undone goes with its volume.
  run_zfs({"snapshot", "-o", "velo:for=forgotten", dataset("parent") + "@3"});
  EXPECT_TRUE(ok(remove("parent")));
  EXPECT_EQ(snapshots(), "");
}

TEST_P(StorageZfsTest, WhatVeloDidNotMakeIsLeftAlone) {
  create("parent");
  run_zfs({"create", "-u", dataset("stranger")});
  EXPECT_TRUE(
      fails_with(Errc::already_exists, driver().create("stranger", mark_for(home), owner())));
  EXPECT_TRUE(fails_with(Errc::already_exists, clone("parent", "stranger")));
  EXPECT_TRUE(fails_with(Errc::storage, remove("stranger")));
  EXPECT_TRUE(fails_with(Errc::not_found, driver().mark_of("stranger")));
  EXPECT_THAT(driver().list().value(), ElementsAre("parent"));

  run_zfs({"snapshot", dataset("parent") + "@backup"});
  const auto refused = remove("parent");
  EXPECT_TRUE(fails_with(Errc::storage, refused));
  EXPECT_THAT(refused.error().message, HasSubstr("parent@backup"));
  EXPECT_THAT(snapshots(), HasSubstr("parent@backup"));

  const std::string mine = place().string() + "/mine";
  run_zfs({"clone", "-o", "mountpoint=none", dataset("parent") + "@backup", mine});
  const auto needed = remove("parent");
  EXPECT_TRUE(fails_with(Errc::storage, needed));
  EXPECT_THAT(needed.error().message, HasSubstr(mine));
  run_zfs({"promote", mine});
  EXPECT_TRUE(ok(remove("parent")));
  EXPECT_THAT(snapshots(), HasSubstr("mine@backup"));
}

TEST_P(StorageZfsTest, AMarkIsNotInherited) {
  create("parent");
  run_zfs({"set", "velo:mark=" + mark_to_line(mark_for(home)), base()});
  run_zfs({"create", "-u", dataset("stranger")});
  EXPECT_TRUE(fails_with(Errc::storage, remove("stranger")));
  EXPECT_THAT(driver().list().value(), ElementsAre("parent"));
}

TEST_P(StorageZfsTest, ABaseThatVeloDidNotMakeIsRefused) {
  run_zfs({"create", "-u", "-p", base()});
  EXPECT_TRUE(fails_with(Errc::already_exists, driver().create("x", mark_for(home), owner())));
  const auto usable = choose_driver(place());
  EXPECT_TRUE(fails_with(Errc::already_exists, usable));
  EXPECT_THAT(usable.error().message, HasSubstr(base()));
  EXPECT_EQ(run_zfs({"list", "-H", "-r", "-o", "name", base()}), base() + "\n");
}

TEST_P(StorageZfsTest, AttachBringsBackWhatIsNotMounted) {
  create("parent");
  write("parent", "file", "x");
  run_zfs({"unmount", dataset("parent")});
  EXPECT_EQ(read("parent", "file"), "<missing>");
  EXPECT_TRUE(ok(driver().attach("parent")));
  EXPECT_EQ(read("parent", "file"), "x");
  EXPECT_TRUE(ok(driver().detach("parent")));
  EXPECT_FALSE(path_exists(driver().root_of("parent")));
  EXPECT_TRUE(fails_with(Errc::not_found, driver().attach("never-was")));
  EXPECT_FALSE(path_exists(driver().root_of("never-was")));
  // A clone of one that is not mounted, and its removal, need no mount.
  ASSERT_TRUE(ok(clone("parent", "child")));
  EXPECT_EQ(read("child", "file"), "x");
  EXPECT_TRUE(ok(remove("parent")));
}

TEST_P(StorageZfsTest, NothingIsMountedOverFilesOrThroughALink) {
  create("parent");
  ASSERT_TRUE(ok(driver().detach("parent")));
  const fs::path root = driver().root_of("parent");
  ASSERT_TRUE(ok(create_directory(root, 0700)));
  ASSERT_TRUE(ok(write_file(root / "file", "in the way", 0600)));
  EXPECT_TRUE(fails_with(Errc::storage, driver().attach("parent")));
  EXPECT_EQ(read("parent", "file"), "in the way");
  fs::remove_all(root);
  fs::create_directory_symlink("/tmp", root);
  EXPECT_TRUE(fails_with(Errc::storage, driver().attach("parent")));
  fs::remove(root);
  ASSERT_TRUE(ok(create_directory(root, 0700)));
  ASSERT_EQ(::chown(root.c_str(), owner().uid, owner().gid), 0);
  EXPECT_TRUE(fails_with(Errc::storage, driver().attach("parent")));
  fs::remove(root);
  EXPECT_TRUE(ok(driver().attach("parent")));
}

TEST_P(StorageZfsTest, AQuotaAndAReadOnlyDatasetAreSeen) {
  create("parent");
  run_zfs({"set", "quota=100M", base()});
  const auto limited = driver().pool_state().value();
  EXPECT_EQ(limited.health, "ONLINE");
  EXPECT_EQ(limited.size, 100U << 20U);
  EXPECT_EQ(limited.free, limited.size - limited.used);
  run_zfs({"set", "readonly=on", place().string()});
  EXPECT_EQ(driver().pool_state().value().health, "READ-ONLY");
  EXPECT_TRUE(fails_with(Errc::permission, choose_driver(place())));
  EXPECT_TRUE(fails_with(Errc::permission, driver().create("x", mark_for(home), owner())));
  EXPECT_THAT(driver().list().value(), ElementsAre("parent"));
}

TEST_P(StorageZfsTest, OfAPoolThatIsNotThereNothingIsBelieved) {
  const auto gone = open_driver("zfs", "no-such-pool").value();
  EXPECT_EQ(gone->pool_state().value().health, "MISSING");
  const auto removed = gone->remove("x", home);
  EXPECT_TRUE(fails_with(Errc::storage, removed)) << "it comes back with its pool";
  EXPECT_THAT(removed.error().hint, HasSubstr(zfs::pool_of(place().string())));
  EXPECT_TRUE(fails_with(Errc::storage, gone->mark_of("x")));
  EXPECT_TRUE(fails_with(Errc::storage, gone->list()));
  EXPECT_TRUE(fails_with(Errc::storage, gone->measure({"x"})));
  EXPECT_TRUE(fails_with(Errc::not_found, choose_driver(place() / "no-such-dataset")));
  EXPECT_TRUE(fails_with(Errc::usage, choose_driver("no/../place")));
}

}  // namespace
}  // namespace velo::storage
