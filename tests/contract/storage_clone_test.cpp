// What driver.h promises about clones.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "base/fd.h"
#include "contract/storage_fixture.h"

namespace velo::storage {
namespace {

using testing::ElementsAre;

class StorageCloneTest : public StorageTest {};
INSTANTIATE_TEST_SUITE_P(Drivers, StorageCloneTest, testing::ValuesIn(drivers_and_places()),
                         name_of_pair);

struct stat status_of(const fs::path& path) {
  struct stat status{};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status;
}

TEST_P(StorageCloneTest, NeitherSideSeesTheOthersChanges) {
  create("parent");
  make_directory("parent", "base");
  write("parent", "base/1", std::string(100'000, 'a'));
  write("parent", "base/2", "two");
  ASSERT_TRUE(ok(clone("parent", "child")));
  write("parent", "base/1", "changed by the parent");
  write("parent", "base/3", "new in the parent");
  write("child", "base/2", "changed by the child");
  EXPECT_EQ(read("child", "base/1"), std::string(100'000, 'a'));
  EXPECT_EQ(read("child", "base/3"), "<missing>");
  EXPECT_EQ(read("parent", "base/2"), "two");
  ASSERT_TRUE(ok(remove("parent")));
  EXPECT_EQ(read("child", "base/2"), "changed by the child");
}

TEST_P(StorageCloneTest, CarriesItsOwnMark) {
  create("parent", other_home);
  ASSERT_TRUE(ok(clone("parent", "child")));
  EXPECT_EQ(driver().mark_of("child")->home_id, home);
  EXPECT_THAT(driver().list().value(), ElementsAre("child", "parent"));
  EXPECT_TRUE(ok(remove("child")));
}

TEST_P(StorageCloneTest, KeepsOwnersModesTimesAndShapes) {
  create("parent");
  make_directory("parent", "private", 0500);
  make_directory("parent", "group", 0750);
  write("parent", "group/readable", "x", 0640);
  write("parent", "read-only", "y", 0400);
  write("parent", "empty", "", 0600);
  const fs::path from = driver().root_of("parent");
  const std::array<timespec, 2> past{timespec{.tv_sec = 1000, .tv_nsec = 5},
                                     timespec{.tv_sec = 2000, .tv_nsec = 7}};
  for (const char* name : {"group/readable", "group", "empty"}) {
    ASSERT_EQ(::utimensat(AT_FDCWD, (from / name).c_str(), past.data(), 0), 0);
  }
  ASSERT_TRUE(ok(clone("parent", "child")));
  const fs::path to = driver().root_of("child");
  for (const char* name : {"", "private", "group", "group/readable", "read-only", "empty"}) {
    const auto before = status_of(from / name);
    const auto after = status_of(to / name);
    EXPECT_EQ(after.st_mode, before.st_mode) << name;
    EXPECT_EQ(after.st_uid, owner().uid) << name;
    EXPECT_EQ(after.st_gid, owner().gid) << name;
    EXPECT_EQ(after.st_size, before.st_size) << name;
    EXPECT_EQ(after.st_mtim.tv_sec, before.st_mtim.tv_sec) << name;
    EXPECT_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec) << name;
  }
  EXPECT_TRUE(ok(driver().remove("child", home)));
}

TEST_P(StorageCloneTest, LinksAreCopiedAndNeverFollowed) {
  create("parent");
  make_directory("parent", "pg_tblspc");
  {
    const ActAs as_owner(owner());
    const fs::path root = driver().root_of("parent");
    fs::create_symlink("/etc/passwd", root / "to a file");
    fs::create_directory_symlink("/etc", root / "pg_tblspc" / "16384");
    fs::create_symlink("gone", root / "to nothing");
  }
  ASSERT_TRUE(ok(clone("parent", "child")));
  const fs::path root = driver().root_of("child");
  EXPECT_EQ(fs::read_symlink(root / "to a file"), "/etc/passwd");
  EXPECT_EQ(fs::read_symlink(root / "pg_tblspc" / "16384"), "/etc");
  EXPECT_EQ(fs::read_symlink(root / "to nothing"), "gone");
  EXPECT_TRUE(ok(remove("child")));
  EXPECT_TRUE(path_exists("/etc/passwd"));
}

TEST_P(StorageCloneTest, SparseFilesStaySparse) {
  create("parent");
  const fs::path path = driver().root_of("parent") / "sparse";
  constexpr off_t size = 64L << 20;
  {
    const Fd file = open_file(path, O_RDWR | O_CREAT).value();
    ASSERT_EQ(::fchown(file.get(), owner().uid, owner().gid), 0);
    ASSERT_EQ(::pwrite(file.get(), "begin", 5, 0), 5);
    ASSERT_EQ(::pwrite(file.get(), "middle", 6, size / 2), 6);
    ASSERT_EQ(::ftruncate(file.get(), size), 0);
    ASSERT_EQ(::fsync(file.get()), 0);
  }
  ASSERT_TRUE(ok(clone("parent", "child")));
  const fs::path copy = driver().root_of("child") / "sparse";
  EXPECT_EQ(status_of(copy).st_size, size);
  EXPECT_LT(status_of(copy).st_blocks * 512, 1 << 20);
  const auto before = read_file(path, size);
  const auto after = read_file(copy, size);
  ASSERT_TRUE(ok(before));
  ASSERT_TRUE(ok(after));
  EXPECT_TRUE(*before == *after);
}

TEST_P(StorageCloneTest, LeaveOutIsAskedUnlessTheSnapshotIsAtomic) {
  create("parent");
  for (const char* name : {"pg_wal", "base", "base/5", "pg_replslot"})
    make_directory("parent", name);
  write("parent", "pg_wal/000000010000000000000001", "wal");
  write("parent", "pg_replslot/slot", "slot");
  write("parent", "base/5/1259", "data");
  write("parent", "base/5/t3_16384", "temporary");
  write("parent", "postmaster.pid", "1");
  write("parent", "postmaster.opts", "-D");
  const FileFilter leave_out = [](std::string_view path, bool is_directory) {
    EXPECT_EQ(is_directory, path.find('.') == std::string_view::npos && path != "base/5/1259" &&
                                path != "base/5/t3_16384");
    if (path == "pg_wal") return LeaveOut::contents;
    if (path == "pg_replslot" || path == "base/5/t3_16384") return LeaveOut::all;
    if (path == "postmaster.pid") return LeaveOut::all;
    if (path == "postmaster.opts") return LeaveOut::contents;
    return LeaveOut::nothing;
  };
  ASSERT_TRUE(ok(clone("parent", "child", leave_out)));
  const fs::path root = driver().root_of("child");
  EXPECT_EQ(read("child", "base/5/1259"), "data");
  EXPECT_TRUE(path_exists(root / "pg_wal"));
  for (const char* name : {"pg_wal/000000010000000000000001", "pg_replslot", "base/5/t3_16384",
                           "postmaster.pid", "postmaster.opts"}) {
    EXPECT_EQ(path_exists(root / name), atomic()) << name;
  }
}

TEST_P(StorageCloneTest, SocketsAndFifosDoNotHoldItUp) {
  create("parent");
  ASSERT_EQ(::mkfifo((driver().root_of("parent") / "fifo").c_str(), 0600), 0);
  write("parent", "file", "x");
  ASSERT_TRUE(ok(clone("parent", "child")));
  EXPECT_EQ(read("child", "file"), "x");
  EXPECT_EQ(path_exists(driver().root_of("child") / "fifo"), atomic());
}

TEST_P(StorageCloneTest, AMissingSourceLeavesNoTarget) {
  create("parent");
  EXPECT_TRUE(fails_with(Errc::not_found, clone("no-such", "child")));
  EXPECT_FALSE(path_exists(driver().root_of("child")));
}

TEST_P(StorageCloneTest, AFileThatTheOwnerCannotReadFailsItAndLeavesNoTarget) {
  create("parent");
  for (int i = 0; i < 200; ++i) write("parent", "file" + std::to_string(i), "x");
  write("parent", "secret", "root's own", 0);
  const auto cloned = clone("parent", "child");
  if (atomic()) {
    EXPECT_TRUE(ok(cloned));  // nothing is read
    return;
  }
  EXPECT_TRUE(fails_with(Errc::permission, cloned));
  EXPECT_THAT(cloned.error().message, testing::HasSubstr("/secret"));
  EXPECT_FALSE(path_exists(driver().root_of("child")));
  EXPECT_THAT(driver().list().value(), ElementsAre("parent"));
}

TEST_P(StorageCloneTest, ATreeThatChangesMeanwhileIsCloned) {
  create("parent");
  for (int d = 0; d < 20; ++d) {
    make_directory("parent", std::to_string(d));
    for (int f = 0; f < 20; ++f) {
      write_file(driver().root_of("parent") / std::to_string(d) / std::to_string(f), "stable", 0600)
          .value();
    }
  }
  fs::permissions(driver().root_of("parent"), fs::perms::owner_all);
  for (const auto& entry : fs::recursive_directory_iterator(driver().root_of("parent"))) {
    ASSERT_EQ(::lchown(entry.path().c_str(), owner().uid, owner().gid), 0);
  }
  std::atomic<int> rounds = 0;
  const std::jthread writer([&](const std::stop_token& stop) {
    const ActAs as_owner(owner());
    const fs::path root = driver().root_of("parent");
    std::error_code ignored;
    while (!stop.stop_requested()) {
      const std::string name = std::to_string(rounds % 20);
      static_cast<void>(write_file(root / name / "comes and goes", std::string(20'000, 'x'), 0600));
      fs::create_directory(root / name / "too", ignored);
      static_cast<void>(write_file(root / name / "too" / "file", "x", 0600));
      fs::resize_file(root / name / "comes and goes", 10, ignored);
      fs::remove_all(root / name / "too", ignored);
      fs::remove(root / name / "comes and goes", ignored);
      ++rounds;
      rounds.notify_all();
    }
  });
  rounds.wait(0);
  for (int i = 0; i < 5; ++i) {
    const std::string child = "child" + std::to_string(i);
    ASSERT_TRUE(ok(clone("parent", child)));
    for (int f = 0; f < 400; ++f) {
      ASSERT_EQ(read(child, fmt::format("{}/{}", f / 20, f % 20)), "stable");
    }
  }
}

TEST_P(StorageCloneTest, AnAtomicSnapshotHoldsNothingWithoutWhatWasSyncedBeforeIt) {
  if (!atomic()) GTEST_SKIP() << "file by file: PostgreSQL's backup API makes up for it";
  create("parent");
  write("parent", "log", std::string(8, '\0'));
  write("parent", "data", std::string(8, '\0'));
  std::atomic<std::uint64_t> written = 0;
  const std::jthread writer([&](const std::stop_token& stop) {
    const Fd log = open_file(driver().root_of("parent") / "log", O_WRONLY).value();
    const Fd data = open_file(driver().root_of("parent") / "data", O_WRONLY).value();
    for (std::uint64_t n = 1; !stop.stop_requested(); ++n) {
      static_cast<void>(::pwrite(log.get(), &n, sizeof n, 0));
      static_cast<void>(::fdatasync(log.get()));
      static_cast<void>(::pwrite(data.get(), &n, sizeof n, 0));
      written = n;
      written.notify_all();
    }
  });
  written.wait(0);
  const auto number_in = [&](const std::string& volume, const char* file) {
    std::uint64_t n = 0;
    const std::string bytes = read(volume, file);
    EXPECT_EQ(bytes.size(), sizeof n);
    bytes.copy(reinterpret_cast<char*>(&n), sizeof n);
    return n;
  };
  for (int i = 0; i < 20; ++i) {
    const std::string child = "child" + std::to_string(i);
    const std::uint64_t before = written;
    ASSERT_TRUE(ok(clone("parent", child)));
    EXPECT_GE(number_in(child, "log"), before);
    EXPECT_GE(number_in(child, "log"), number_in(child, "data"));
  }
}

/// Few descriptors, for as long as it lives.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t most) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit low = before_;
    low.rlim_cur = most;
    ::setrlimit(RLIMIT_NOFILE, &low);
  }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;
  DescriptorLimit(DescriptorLimit&&) = delete;
  DescriptorLimit& operator=(DescriptorLimit&&) = delete;
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_P(StorageCloneTest, ManyFilesAndDirectoriesNeedFewDescriptors) {
  create("parent");
  {
    const ActAs as_owner(owner());
    const fs::path root = driver().root_of("parent");
    for (int d = 0; d < 400; ++d) {
      fs::create_directory(root / std::to_string(d));
      write_file(root / std::to_string(d) / "file", "x", 0600).value();
    }
    fs::create_directory(root / "big");
    for (int f = 0; f < 4000; ++f) write_file(root / "big" / std::to_string(f), "x", 0600).value();
  }
  const DescriptorLimit limit(256);
  ASSERT_TRUE(ok(clone("parent", "child")));
  EXPECT_EQ(list_directory(driver().root_of("child"))->size(), 401U);
  EXPECT_EQ(list_directory(driver().root_of("child") / "big")->size(), 4000U);
  EXPECT_EQ(read("child", "399/file"), "x");
  const auto sizes = driver().measure({"child"});
  ASSERT_TRUE(ok(sizes));
  EXPECT_GT(sizes->front().referenced, 0U);
}

TEST_P(StorageCloneTest, ManyAtOnceFromOneParent) {
  create("parent");
  write("parent", "file", "x");
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back(
          [this, i] { EXPECT_TRUE(ok(clone("parent", "child" + std::to_string(i)))); });
    }
  }
  for (int i = 0; i < 6; ++i) EXPECT_EQ(read("child" + std::to_string(i), "file"), "x");
}

}  // namespace
}  // namespace velo::storage
