// Pools that are full, nearly full or read-only.
#include <unistd.h>

#include "support/small_pool.h"
#include "support/velo.h"

namespace velo::test {
namespace {

class Pool : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting a file system needs root; lane e2e is root's";
    pool = std::make_unique<SmallPool>(GetParam());
    velo = std::make_unique<Velo>();
    velo->ok({"project", "create", "demo", "--pool", pool->place().string()});
    velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  }
  void TearDown() override { pool.reset(); }

  std::vector<std::string> volumes() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(pool->place() / "velo")) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  std::unique_ptr<SmallPool> pool;
  std::unique_ptr<Velo> velo;
};

TEST_P(Pool, BelowTheGuardCreatesAreRefusedAndServersGoOn) {
  velo->ok("branch create demo/dev");
  velo->ok("config set guard 30%");  // so that the servers themselves still have room
  pool->fill_up_to(120U << 20U);
  const Ran refused = velo->fails(1, "branch create demo/new");
  EXPECT_NE(refused.err.find(pool->place().string()), std::string::npos) << refused.all();
  EXPECT_EQ(Json::parse(velo->run("branch create demo/new --json").out).text("/error/code"),
            "no_space");
  velo->fails(1, "project create other --pool " + pool->place().string());
  EXPECT_EQ(volumes().size(), 3U) << "main, its base and dev";
  velo->sql("demo/main").execute("INSERT INTO t VALUES (2)");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
  pool->empty();
  velo->ok("branch create demo/new");
}

TEST_P(Pool, FullMeansAClearErrorAndNothingLeft) {
  velo->ok("config set guard 0%");
  velo->ok("branch stop demo/main");
  pool->fill_up_to(0);
  const Ran full = velo->run("branch create demo/new --json");
  EXPECT_EQ(full.exit_status, 1) << full.all();
  velo->fails(3, "branch get demo/new");
  velo->fails(1, "project create other --pool " + pool->place().string());
  pool->empty();
  velo->ok("branch create demo/next");
  EXPECT_EQ(volumes().size(), 3U) << "main, its base and next";
  EXPECT_EQ(velo->value("demo/next", "SELECT x FROM t"), "1");
}

TEST_P(Pool, ReadOnlyIsSaidAndSurvived) {
  velo->ok("branch create demo/dev");
  velo->ok("branch stop demo/dev");
  velo->ok("branch stop demo/main");
  pool->remount("ro");
  EXPECT_NE(velo->ok("status").out.find("READ-ONLY"), std::string::npos);
  const Ran refused = velo->fails(1, "branch create demo/new");
  EXPECT_NE(refused.err.find("read-only"), std::string::npos) << refused.all();
  velo->fails(1, "branch reset demo/dev");
  velo->fails(1, "branch start demo/dev");
  pool->remount("rw");
  velo->ok("branch start demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
  velo->ok("branch create demo/new");
}

TEST_P(Pool, AMissingPoolIsNoLoss) {
  velo->ok("branch stop demo/main");
  const fs::path hidden = pool->place() / "hidden";
  fs::rename(pool->place() / "velo", hidden);
  EXPECT_EQ(velo->state("demo/main"), "missing");
  velo->ok("status");
  EXPECT_NE(velo->fails(1, "branch start demo/main").err, "");
  velo->run("branch create demo/new");
  fs::remove_all(pool->place() / "velo");
  fs::rename(hidden, pool->place() / "velo");
  velo->ok("branch start demo/main");
  EXPECT_EQ(velo->value("demo/main", "SELECT x FROM t"), "1");
}

INSTANTIATE_TEST_SUITE_P(FileSystems, Pool, testing::Values("btrfs", "ext4"),
                         [](const auto& type) { return type.param; });

}  // namespace
}  // namespace velo::test
