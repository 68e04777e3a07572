// Pools that are full, nearly full or read-only.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

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
    velo->ok("config set archive off");  // the base of main's moments would be one volume more
    velo->ok({"project", "create", "demo", "--pool", pool->place().string()});
    velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  }
  void TearDown() override { pool.reset(); }

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
  EXPECT_EQ(pool->volumes().size(), 2U);
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
  EXPECT_EQ(pool->volumes().size(), 2U);
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
  const Ran other = velo->fails(1, "project create other --pool " + pool->place().string());
  EXPECT_NE(other.err.find("mounted read-only"), std::string::npos) << other.all();
  EXPECT_NE(other.err.find("findmnt -T"), std::string::npos) << other.all();
  pool->remount("rw");
  velo->ok("branch start demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
  velo->ok("branch create demo/new");
}

TEST_P(Pool, AMissingPoolIsNoLoss) {
  velo->ok("config set grace 0");
  velo->ok("branch create demo/dev");
  velo->ok("snapshot create demo/main --label kept");
  velo->ok("branch stop demo/dev");
  velo->ok("branch stop demo/main");
  const std::vector<std::string> before = pool->volumes();
  const fs::path hidden = pool->place() / "hidden";
  fs::rename(pool->place() / "velo", hidden);
  EXPECT_EQ(velo->state("demo/main"), "missing");
  velo->ok("status");
  for (const std::string& command :
       {std::string("branch start demo/main"), std::string("branch create demo/new"),
        std::string("branch reset demo/dev --force"), std::string("branch delete demo/dev"),
        std::string("project delete demo --force"), std::string("snapshot delete demo/main@kept"),
        "project create other --pool " + pool->place().string()}) {
    const Ran refused = velo->fails(1, command);
    EXPECT_NE(refused.err.find(pool->place().string()), std::string::npos) << refused.all();
    EXPECT_NE(refused.err.find("mount it"), std::string::npos) << refused.all();
  }
  EXPECT_FALSE(fs::exists(pool->place() / "velo")) << "a second pool in the place of the first";
  EXPECT_EQ(velo->json("status").size("/unfinished_operations"), 0U);

  fs::rename(hidden, pool->place() / "velo");
  EXPECT_EQ(pool->volumes(), before);
  for (const char* branch : {"demo/main", "demo/dev"}) {
    velo->ok(fmt::format("branch start {}", branch));
    EXPECT_EQ(velo->value(branch, "SELECT x FROM t"), "1");
  }
  velo->ok("branch delete demo/dev");
  velo->ok("snapshot delete demo/main@kept");
  EXPECT_EQ(pool->volumes(), (std::vector<std::string>{"demo-main"}));
}

TEST_P(Pool, WhatIsKeptInAMissingPoolStaysKept) {
  velo->ok("branch create demo/dev");
  velo->ok("branch delete demo/dev");
  const std::vector<std::string> before = pool->volumes();
  const fs::path hidden = pool->place() / "hidden";
  fs::rename(pool->place() / "velo", hidden);
  const Ran unreaped = velo->ok("config set grace 0");
  EXPECT_NE(unreaped.err.find("mount it"), std::string::npos) << unreaped.all();
  EXPECT_EQ(velo->json("status").size("/kept"), 1U);
  velo->fails(1, "branch undelete demo/dev");
  velo->fails(1, "branch delete demo/dev --now");
  EXPECT_EQ(velo->json("status").size("/kept"), 1U);

  fs::rename(hidden, pool->place() / "velo");
  EXPECT_EQ(pool->volumes(), before);
  velo->ok("branch restart demo/main");  // a changing command: reaps
  EXPECT_EQ(velo->json("status").size("/kept"), 0U);
  EXPECT_EQ(pool->volumes(), (std::vector<std::string>{"demo-main"}));
}

// What the guard says of a full pool is what helps.
TEST_P(Pool, AFullPoolNamesWhatIsKeptAndTheCommandFreesIt) {
  velo->ok("branch create demo/old");
  velo->sql("demo/old")
      .execute(
          "CREATE TABLE much AS SELECT sha512(i::text::bytea) AS noise FROM generate_series(1, "
          "200000) "
          "i; CHECKPOINT");
  velo->ok("branch delete demo/old");
  velo->ok("config set guard 30%");
  pool->fill_up_to(120U << 20U);
  const Ran refused = velo->fails(1, "branch create demo/new");
  EXPECT_NE(
      refused.err.find("MB are kept of what was deleted or reset: velo branch delete demo/old "
                       "--now frees them"),
      std::string::npos)
      << refused.all();
  velo->ok("branch delete demo/old --now");
  EXPECT_EQ(pool->volumes(), (std::vector<std::string>{"demo-main"}));
  const Ran again = velo->fails(1, "branch create demo/new");
  EXPECT_EQ(again.err.find("are kept"), std::string::npos) << again.all();
}

INSTANTIATE_TEST_SUITE_P(FileSystems, Pool, testing::Values("btrfs", "ext4"),
                         [](const auto& type) { return type.param; });

// The copy itself fits, the WAL that its making and its start need does not.
class PoolOfCopies : public Pool {};

TEST_P(PoolOfCopies, AFullCopyNeedsRoomForItsWalToo) {
  velo->ok("config set guard 0%");
  const std::int64_t bytes =
      velo->json("branch get demo/main").number("/branch/sizes/referenced_bytes");
  pool->fill_up_to(static_cast<std::uint64_t>(bytes) + (20U << 20U));
  const Ran refused = velo->fails(1, "branch create demo/new");
  EXPECT_NE(refused.err.find("are needed"), std::string::npos) << refused.all();
  pool->empty();
  pool->fill_up_to(static_cast<std::uint64_t>(bytes) + (56U << 20U));
  velo->ok("branch create demo/new");
  for (const char* branch : {"demo/main", "demo/new"}) {
    velo->sql(branch).execute("INSERT INTO t VALUES (2); CHECKPOINT");
  }
}

INSTANTIATE_TEST_SUITE_P(FileSystems, PoolOfCopies, testing::Values("ext4"),
                         [](const auto& type) { return type.param; });

}  // namespace
}  // namespace velo::test
