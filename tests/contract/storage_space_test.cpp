// What driver.h promises about sizes, and how drivers meet full and read-only file systems.

#include <fcntl.h>
#include <gmock/gmock.h>

#include <map>

#include "base/crypto.h"
#include "base/process.h"
#include "contract/storage_fixture.h"
#include "support/velo.h"
#include "support/wait.h"

namespace velo::storage {
namespace {

using testing::ElementsAre;

constexpr std::uint64_t mib = 1U << 20U;

/// What no file system can make smaller.
std::string noise(std::size_t size) {
  return random_bytes(size).value();
}

class StorageSpaceTest : public StorageTest {
 protected:
  bool shares_blocks() { return driver().capabilities().cost != CloneCost::per_byte; }
  /// So that all is on disk: where it will be is not decided before.
  void settle() {
    if (is_zfs()) {
      test::run_tool({"/usr/sbin/zpool", "sync"});
    } else {
      EXPECT_TRUE(ok(sync_file_system(place())));
    }
  }
  Sizes measure(const std::string& volume) {
    settle();
    return driver().measure({volume}).value().at(0);
  }
  /// In place: a replaced file's blocks come back only when the file system gets to it.
  void overwrite(const std::string& volume, const std::string& file, std::string_view content) {
    const Fd fd = open_file(driver().root_of(volume) / file, O_WRONLY).value();
    ASSERT_EQ(::pwrite(fd.get(), content.data(), content.size(), 0),
              static_cast<ssize_t>(content.size()));
  }
};
INSTANTIATE_TEST_SUITE_P(Drivers, StorageSpaceTest, testing::ValuesIn(drivers_and_places()),
                         name_of_pair);

TEST_P(StorageSpaceTest, ReferencedIsTheDataAndExclusiveWhatDeletingFrees) {
  create("parent");
  make_directory("parent", "base");
  for (int i = 0; i < 8; ++i) write("parent", fmt::format("base/{}", i), noise(mib));
  write("parent", "small", "a few bytes");
  write("parent", "empty", "");
  EXPECT_GE(measure("parent").referenced, 8 * mib);
  EXPECT_LT(measure("parent").referenced, 9 * mib);
  EXPECT_EQ(measure("parent").exclusive, measure("parent").referenced);

  ASSERT_TRUE(ok(clone("parent", "child")));
  const Sizes fresh = measure("child");
  EXPECT_GE(fresh.referenced, 8 * mib);
  if (!shares_blocks()) {
    EXPECT_EQ(fresh.exclusive, fresh.referenced);
    return;
  }
  EXPECT_LT(fresh.exclusive, mib / 4);
  EXPECT_LT(measure("parent").exclusive, mib / 4);

  overwrite("child", "base/0", noise(mib));
  EXPECT_GE(measure("child").exclusive, mib);
  EXPECT_LT(measure("child").exclusive, mib + (mib / 4));
  // Nobody else has the old content any more. (To ZFS the child's origin has it as well.)
  if (!is_zfs()) {
    EXPECT_GE(measure("parent").exclusive, mib);
  }
}

TEST_P(StorageSpaceTest, ThereIsOneAnswerForEachNameInOrder) {
  create("one");
  create("two");
  write("one", "file", noise(mib));
  write("two", "file", noise(2 * mib));
  settle();
  const auto sizes = driver().measure({"two", "gone", "one"});
  ASSERT_TRUE(ok(sizes));
  ASSERT_EQ(sizes->size(), 3U);
  EXPECT_GE(sizes->at(0).referenced, 2 * mib);
  EXPECT_LT(sizes->at(0).referenced, 2 * mib + mib / 4);
  EXPECT_EQ(sizes->at(1).referenced, 0U);
  EXPECT_EQ(sizes->at(1).exclusive, 0U);
  EXPECT_GE(sizes->at(2).referenced, mib);
  EXPECT_LT(sizes->at(2).referenced, mib + mib / 4);
  EXPECT_TRUE(driver().measure({})->empty());
}

TEST_P(StorageSpaceTest, ALargeFileOfManyPiecesIsMeasuredWhole) {
  create("parent");
  const fs::path path = driver().root_of("parent") / "pieces";
  constexpr int pieces = 500;
  {
    const Fd file = open_file(path, O_RDWR | O_CREAT).value();
    ASSERT_EQ(::ftruncate(file.get(), pieces * 65536L), 0);
    const std::string block = noise(16384);
    for (int i = 0; i < pieces; ++i) {
      ASSERT_EQ(::pwrite(file.get(), block.data(), block.size(), i * 65536L),
                static_cast<ssize_t>(block.size()));
    }
  }
  EXPECT_GE(measure("parent").referenced, pieces * 16384U);
  EXPECT_LT(measure("parent").referenced, pieces * 32768U);
}

TEST_P(StorageSpaceTest, ThePoolTellsItsSpaceAndWhenItIsGone) {
  const fs::path gone = place() / "gone";
  const auto missing = open_driver(GetParam().driver, gone).value()->pool_state();
  ASSERT_TRUE(ok(missing));
  EXPECT_EQ(missing->health, "MISSING");
  create("shop-main");
  const auto state = driver().pool_state();
  ASSERT_TRUE(ok(state));
  EXPECT_EQ(state->health, "ONLINE");
  EXPECT_GT(state->free, 0U);
  EXPECT_LE(state->used + state->free, state->size);
}

/// A small file system of the given kind in a file, mounted for as long as it lives.
class SmallFileSystem {
 public:
  explicit SmallFileSystem(const std::string& kind) {
    struct Make {
      std::string size;
      std::vector<std::string> argv;
    };
    const std::map<std::string, Make> makes{
        {"ext4", {"24M", {"/usr/sbin/mkfs.ext4", "-q", "-F"}}},
        {"xfs", {"320M", {"/usr/sbin/mkfs.xfs", "-q", "-m", "reflink=1"}}},
        {"btrfs", {"128M", {"/usr/sbin/mkfs.btrfs", "-q"}}},
    };
    Make make = makes.at(kind);
    const std::string image = (directory_.path() / "image").string();
    made_ = run_quietly({"/usr/bin/truncate", "-s", make.size, image});
    make.argv.push_back(image);
    made_ = made_ && run_quietly(make.argv);
    made_ = made_ && create_directory(path(), 0755).has_value();
    mounted_ = made_ && run_quietly({"/usr/bin/mount", "-o", "loop", image, path().string()});
  }
  SmallFileSystem(const SmallFileSystem&) = delete;
  SmallFileSystem& operator=(const SmallFileSystem&) = delete;
  SmallFileSystem(SmallFileSystem&&) = delete;
  SmallFileSystem& operator=(SmallFileSystem&&) = delete;
  ~SmallFileSystem() {
    if (mounted_) run_quietly({"/usr/bin/umount", path().string()});
  }

  explicit operator bool() const { return mounted_; }
  fs::path path() const { return directory_.path() / "mounted"; }
  bool make_read_only() { return run_quietly({"/usr/bin/mount", "-o", "remount,ro", path()}); }

 private:
  static bool run_quietly(const std::vector<std::string>& argv) {
    if (!path_exists(argv.front())) return false;
    const auto outcome = run({.argv = argv, .environment = clean_environment()},
                             std::chrono::seconds(60), Cancellation{});
    return outcome && outcome->exit_status == 0;
  }

  test::TempDirectory directory_;
  bool made_ = false;
  bool mounted_ = false;
};

class SmallPoolTest : public testing::TestWithParam<DriverAndPlace> {
 protected:
  void SetUp() override {
    if (!running_as_root()) GTEST_SKIP() << "only root can mount a file system";
    small_ = std::make_unique<SmallFileSystem>(GetParam().file_system);
    if (!*small_) {
      const std::string why = "cannot make and mount a small " + GetParam().file_system;
      if (test::places_are_required()) FAIL() << why;
      GTEST_SKIP() << why;
    }
    driver_ = open_driver(GetParam().driver, small_->path()).value();
    ASSERT_TRUE(ok(driver_->create("parent", mark_for(home), owner_)));
  }

  std::unique_ptr<SmallFileSystem> small_;
  std::unique_ptr<Driver> driver_;
  OsUser owner_ = test::server_user();
};
INSTANTIATE_TEST_SUITE_P(Drivers, SmallPoolTest, testing::ValuesIn(directory_drivers_and_places()),
                         name_of_pair);

TEST_P(SmallPoolTest, AFullPoolLeavesNothingHalfMadeAndCanBeEmptied) {
  const fs::path root = driver_->root_of("parent");
  {
    const ActAs as_owner(owner_);
    for (int i = 0; i < 200; ++i) write_file(root / fmt::format("{}", i), "x", 0600).value();
    const std::string chunk(mib, 'x');
    for (int i = 0; write_file_durably(root / fmt::format("chunk{}", i), chunk, 0600); ++i) {
    }
  }
  const auto cloned = driver_->clone("parent", "child", mark_for(home), owner_, {});
  if (driver_->capabilities().cost == CloneCost::per_byte || !cloned) {
    EXPECT_TRUE(fails_with(Errc::no_space, cloned));
    EXPECT_THAT(driver_->list().value(), ElementsAre("parent"));
    EXPECT_FALSE(path_exists(small_->path() / "velo" / "child"));
  }
  EXPECT_TRUE(ok(driver_->remove("child", home)));
  EXPECT_TRUE(ok(driver_->remove("parent", home)));
  // btrfs gives the space of a deleted subvolume back in the background.
  EXPECT_TRUE(test::wait_until(
      [&] { return driver_->create("again", mark_for(home), owner_).has_value(); }));
}

TEST_P(SmallPoolTest, AReadOnlyPoolIsReadAndSaysWhyNotMore) {
  ASSERT_TRUE(small_->make_read_only());
  EXPECT_TRUE(fails_with(Errc::permission, driver_->create("x", mark_for(home), owner_)));
  EXPECT_TRUE(
      fails_with(Errc::permission, driver_->clone("parent", "x", mark_for(home), owner_, {})));
  EXPECT_TRUE(fails_with(Errc::permission, driver_->remove("parent", home)));
  EXPECT_EQ(driver_->mark_of("parent")->home_id, home);
  EXPECT_THAT(driver_->list().value(), ElementsAre("parent"));
  EXPECT_EQ(driver_->pool_state()->health, "READ-ONLY");
  for (const DriverInfo& driver : drivers()) {
    if (driver.name != GetParam().driver) continue;
    const auto usable = driver.probe(small_->path());
    EXPECT_TRUE(fails_with(Errc::permission, usable));
    EXPECT_THAT(usable.error().message, testing::HasSubstr("read-only"));
  }
}

}  // namespace
}  // namespace velo::storage
