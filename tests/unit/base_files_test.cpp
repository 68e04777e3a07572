#include "base/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "base/lock.h"
#include "support/environment.h"

namespace velo {
namespace {

using test::TempDirectory;
using namespace std::chrono_literals;

mode_t mode_of(const fs::path& path) {
  struct stat status{};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777U;
}

TEST(Files, DurableWriteReplacesContentAndMode) {
  const TempDirectory dir;
  const fs::path file = dir.path() / "f";
  ASSERT_TRUE(write_file_durably(file, "one", 0644));
  ASSERT_TRUE(write_file_durably(file, "two", 0600));
  EXPECT_EQ(read_file(file).value(), "two");
  EXPECT_EQ(mode_of(file), 0600U);
  EXPECT_EQ(list_directory(dir.path()).value(), std::vector<std::string>{"f"}) << "nothing beside";
}

TEST(Files, WritingReplacesALinkInsteadOfFollowingIt) {
  const TempDirectory dir;
  ASSERT_TRUE(write_file(dir.path() / "victim", "untouched", 0600));
  fs::create_symlink(dir.path() / "victim", dir.path() / "link");
  ASSERT_TRUE(write_file_durably(dir.path() / "link", "mine", 0600));
  EXPECT_EQ(read_file(dir.path() / "victim").value(), "untouched");
  EXPECT_EQ(read_file(dir.path() / "link").value(), "mine");
}

TEST(Files, WritingWhereNothingCanBeWrittenLeavesNothing) {
  const TempDirectory dir;
  const auto written = write_file_durably(dir.path() / "missing" / "f", "x", 0600);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::not_found);
}

TEST(Files, RemoveTreeNeverFollowsLinks) {
  const TempDirectory dir;
  ASSERT_TRUE(ensure_directory(dir.path() / "outside", 0700));
  ASSERT_TRUE(write_file(dir.path() / "outside/keep", "x", 0600));
  ASSERT_TRUE(ensure_directory(dir.path() / "tree/a/b", 0700));
  ASSERT_TRUE(write_file(dir.path() / "tree/a/b/f", "x", 0600));
  fs::create_symlink(dir.path() / "outside", dir.path() / "tree/a/link");
  ASSERT_TRUE(remove_tree(dir.path() / "tree"));
  EXPECT_FALSE(path_exists(dir.path() / "tree"));
  EXPECT_TRUE(path_exists(dir.path() / "outside/keep"));
  EXPECT_TRUE(remove_tree(dir.path() / "tree")) << "a second time is success";
}

TEST(Files, RemoveTreeIsDelayedByWhoStillMakesFilesThere) {
  const TempDirectory dir;
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(ensure_directory(dir.path() / "tree/a", 0700));
    std::atomic<int> made = 0;
    std::jthread maker([&] {
      // Like a process that has a directory's path and does not know that it goes.
      for (int i = 0; i < 20'000; ++i) {
        const fs::path file = dir.path() / "tree/a" / std::to_string(i % 200);
        const Fd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        if (!fd && errno == ENOENT) return;
        ++made;
      }
    });
    while (made < 300) std::this_thread::yield();
    const auto removed = remove_tree(dir.path() / "tree");
    ASSERT_TRUE(removed) << removed.error().message;
    EXPECT_FALSE(path_exists(dir.path() / "tree"));
  }
}

TEST(Files, CreateDirectoryHasExactlyItsModeAndRefusesTwice) {
  const TempDirectory dir;
  const mode_t before = ::umask(077);
  EXPECT_TRUE(create_directory(dir.path() / "d", 01777));
  ::umask(before);
  EXPECT_EQ(mode_of(dir.path() / "d"), 01777U);
  EXPECT_EQ(create_directory(dir.path() / "d", 0700).error().code, Errc::already_exists);
}

TEST(Files, TailBeginsAtALine) {
  const TempDirectory dir;
  ASSERT_TRUE(write_file(dir.path() / "f", "first\nsecond\nthird\n", 0600));
  EXPECT_EQ(read_tail(dir.path() / "f", 9).value(), "third\n");
  EXPECT_EQ(read_tail(dir.path() / "f", 900).value(), "first\nsecond\nthird\n");
}

TEST(Lock, ExclusiveExcludesEverybodyAndSharedOnlyExclusive) {
  const TempDirectory dir;
  const fs::path file = dir.path() / "lock";
  {
    const auto first = FileLock::try_acquire(file, LockMode::shared);
    ASSERT_TRUE(first && *first);
    EXPECT_TRUE(FileLock::try_acquire(file, LockMode::shared).value().has_value());
    EXPECT_FALSE(FileLock::try_acquire(file, LockMode::exclusive).value().has_value());
  }
  EXPECT_TRUE(FileLock::try_acquire(file, LockMode::exclusive).value().has_value())
      << "released by the destructor";
}

TEST(Lock, AFileThatWasReplacedIsNotTheLock) {
  const TempDirectory dir;
  const fs::path file = dir.path() / "lock";
  const auto old = FileLock::try_acquire(file, LockMode::exclusive);
  ASSERT_TRUE(old && *old);
  ASSERT_TRUE(remove_file(file));
  EXPECT_TRUE(FileLock::try_acquire(file, LockMode::exclusive).value().has_value());
}

TEST(Lock, WaitingEndsAtItsTimeAndWhenCancelled) {
  const TempDirectory dir;
  const fs::path file = dir.path() / "lock";
  const auto held = FileLock::try_acquire(file, LockMode::exclusive);
  ASSERT_TRUE(held && *held);
  Cancellation cancel;
  int waits = 0;
  const auto late = FileLock::acquire(file, LockMode::shared, 20ms, cancel, [&] { ++waits; });
  EXPECT_EQ(late.error().code, Errc::in_use);
  EXPECT_EQ(waits, 1);
  cancel.request();
  EXPECT_EQ(FileLock::acquire(file, LockMode::shared, 1h, cancel, {}).error().code,
            Errc::interrupted);
}

}  // namespace
}  // namespace velo
