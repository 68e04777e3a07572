// Pools that go away under running servers, and come back.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>

#include "base/fd.h"
#include "base/files.h"
#include "support/doctor.h"
#include "support/small_pool.h"
#include "support/velo.h"

namespace velo::test {
namespace {

class PoolAway : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting a file system needs root";
    pool = std::make_unique<SmallPool>(GetParam());
    velo = std::make_unique<Velo>();
    velo->ok("config set archive off");
    velo->ok({"project", "create", "demo", "--pool", pool->place().string()});
    velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
    velo->ok("branch create demo/dev");
    velo->sql("demo/dev").execute("UPDATE t SET x = 2");
  }
  void TearDown() override { pool.reset(); }

  void expect_away() {
    EXPECT_EQ(velo->state("demo/dev"), "missing");
    velo->ok("status");
    for (const char* line : {"branch start demo/dev", "branch create demo/new",
                             "branch reset demo/dev --force", "branch restart demo/dev"}) {
      const Ran refused = velo->fails(1, line);
      EXPECT_NE(refused.err.find(pool->place().string()), std::string::npos) << refused.all();
      EXPECT_NE(refused.err.find("mount it"), std::string::npos) << refused.all();
    }
    const Examination found = doctor(*velo, {"--fix"});
    EXPECT_EQ(found.ran.exit_status, 1);
    expect_nothing_called_lost(found);
    EXPECT_TRUE(fs::is_empty(pool->place())) << "something was made in the empty mount point";
  }

  void expect_back() {
    velo->ok("up");
    EXPECT_EQ(velo->value("demo/main", "SELECT x FROM t"), "1");
    EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "2");
    velo->ok("branch create demo/new");
    velo->ok("branch reset demo/dev --force");
    EXPECT_EQ(doctor(*velo).troubles(), std::vector<std::string>{});
  }

  std::unique_ptr<SmallPool> pool;
  std::unique_ptr<Velo> velo;
};

TEST_P(PoolAway, UnmountedUnderKilledServersAndMountedAgain) {
  for (const char* branch : {"demo/main", "demo/dev"}) velo->kill_server(branch);
  pool->unmount();
  expect_away();
  pool->mount();
  expect_back();
}

// The disk is pulled: every write fails from then on, servers fall over by themselves.
TEST_P(PoolAway, AFileSystemThatFailedUnderRunningServersLosesNothing) {
  if (GetParam() == "btrfs") GTEST_SKIP() << "btrfs cannot be shut down by an ioctl";
  Sql dev = velo->sql("demo/dev");
  dev.execute("CREATE TABLE n (x int)");
  int committed = 0;
  for (; committed < 50; ++committed) dev.execute("INSERT INTO n VALUES (1)");
  {
    // XFS_IOC_GOINGDOWN and EXT4_IOC_SHUTDOWN are one number; 2: without writing the journal first.
    const Fd root = open_file(pool->place(), O_RDONLY | O_DIRECTORY).value();
    std::uint32_t how = 2;
    ASSERT_EQ(::ioctl(root.get(), _IOR('X', 125, std::uint32_t), &how), 0);
  }
  while (dev.try_execute("INSERT INTO n VALUES (1)") && committed < 1000) ++committed;
  EXPECT_LT(committed, 1000) << "it goes on without a disk";
  // In bounded time, whatever they say, and nothing is called lost.
  const auto start = std::chrono::steady_clock::now();
  velo->run("status");
  velo->run("branch list demo");
  velo->fails(1, "branch create demo/new");
  velo->run("branch restart demo/dev");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::minutes(3));
  expect_nothing_called_lost(doctor(*velo));

  for (const char* branch : {"demo-main", "demo-dev"}) {
    const fs::path cluster = pool->place() / "velo" / branch / "fs/pgdata";
    for (const Server& server : servers_below(pool->place())) ::kill(server.pid, SIGKILL);
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      std::error_code ignored;
      if (fs::read_symlink(entry.path() / "cwd", ignored) == cluster) {
        ::kill(std::stoi(name), SIGKILL);
      }
    }
  }
  EXPECT_TRUE(wait_until([&] {
    pool->try_unmount();
    return !pool->is_mounted();
  }));
  expect_away();
  pool->mount();
  velo->ok("up");
  EXPECT_GE(std::stoi(velo->value("demo/dev", "SELECT count(*) FROM n")), committed);
  expect_back();
}

// Away while an operation is in the middle of it.
TEST_P(PoolAway, AnOperationThatItVanishedUnderIsUndoneWhenItIsBack) {
  velo->use_binary("velo-faults");
  const Ran killed =
      velo->run(words("branch create demo/half"), {"VELO_FAULT=branch.create/start/done=kill"});
  EXPECT_EQ(killed.exit_status, 128 + SIGKILL);
  velo->use_binary("velo");
  end_servers_below(pool->place());
  pool->unmount();
  velo->fails(1, "branch create demo/new");
  EXPECT_EQ(velo->json("status").size("/unfinished_operations"), 1U) << "it waits for its pool";
  EXPECT_TRUE(fs::is_empty(pool->place()));
  pool->mount();
  velo->ok("branch start demo/main");
  EXPECT_EQ(velo->json("status").size("/unfinished_operations"), 0U);
  velo->fails(3, "branch get demo/half");
  EXPECT_FALSE(fs::exists(pool->place() / "velo/demo-half"));
  expect_back();
}

INSTANTIATE_TEST_SUITE_P(FileSystems, PoolAway, testing::Values("btrfs", "xfs", "ext4"),
                         [](const auto& type) { return type.param; });

}  // namespace
}  // namespace velo::test
