// File systems that are full, or whose quota is, in the middle of something; and their way back.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "base/files.h"
#include "base/process.h"
#include "support/doctor.h"
#include "support/small_pool.h"
#include "support/velo.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;

/// A command that waits at a fault point until it is let go on.
class Held {
 public:
  Held(Velo& velo, const std::string& line, const std::string& point)
      : gate_(velo.home().parent_path() / "gate") {
    std::ofstream(gate_) << "";
    velo.use_binary("velo-faults");
    const fs::path trace = velo.home().parent_path() / "trace";
    fs::remove(trace);
    running_ = std::async(std::launch::async, [&velo, line, point, trace, this] {
      return velo.run(words(line),
                      {"VELO_FAULT=" + point + "=wait", "VELO_FAULT_GATE=" + gate_.string(),
                       "VELO_FAULT_TRACE=" + trace.string()});
    });
    EXPECT_TRUE(wait_until([&] {
      return velo::read_file(trace).value_or("").find(point + "\n") != std::string::npos;
    }));
    velo.use_binary("velo");
  }
  Ran go_on() {
    fs::remove(gate_);
    return running_.get();
  }

 private:
  fs::path gate_;
  std::future<Ran> running_;
};

bool says_full(const Ran& ran) {
  return std::ranges::any_of(
      std::vector<std::string>{"No space left", "no_space", "database or disk is full",
                               "Disk quota exceeded", "are needed",
                               "free: servers and the catalog cannot write there"},
      [&](const std::string& words) { return ran.all().find(words) != std::string::npos; });
}

class FullPool : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting a file system needs root";
    pool = std::make_unique<SmallPool>(GetParam());
    velo = std::make_unique<Velo>();
    velo->ok("config set archive off");
    velo->ok("config set grace 0");
    velo->ok("config set guard 0");
    velo->ok({"project", "create", "demo", "--pool", pool->place().string(), "--pg-conf",
              "checkpoint_timeout=1h", "--pg-conf", "autovacuum=off"});
    velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  }
  void TearDown() override { pool.reset(); }

  void fill() {
    pool->fill_up_to(0);
    // The last corners, in pieces as small as they come.
    for (int i = 0; i < 200; ++i) {
      const fs::path piece = pool->place() / ("corner" + std::to_string(i));
      std::ofstream out(piece);
      out << std::string(2000, 'x');
      out.close();
      if (!out) break;
    }
  }
  void make_room() {
    pool->empty();
    for (const auto& entry : fs::directory_iterator(pool->place())) {
      if (entry.path().filename().string().starts_with("corner")) fs::remove(entry.path());
    }
    ::sync();
  }

  /// A command that met a full pool: done, or undone and said; main has all that it had.
  void expect_survived(const Ran& ran, const std::string& made) {
    if (ran.exit_status != 0) {
      EXPECT_EQ(ran.exit_status, 1) << ran.all();
      EXPECT_TRUE(says_full(ran)) << ran.all();
    }
    make_room();
    velo->ok("branch restart demo/main");
    EXPECT_EQ(velo->json("status").size("/unfinished_operations"), 0U);
    EXPECT_EQ(velo->run(made).exit_status, ran.exit_status == 0 ? 0 : 3) << ran.all();
    if (ran.exit_status != 0) {
      EXPECT_EQ(pool->volumes(), std::vector<std::string>{"demo-main"});
    }
    EXPECT_EQ(velo->value("demo/main", "SELECT x FROM t"), "1");
  }

  std::unique_ptr<SmallPool> pool;
  std::unique_ptr<Velo> velo;
};

TEST_P(FullPool, DuringACloneItIsSaidAndUndone) {
  // Files enough that not all of them fit.
  velo->sql("demo/main")
      .execute("CREATE TABLE much AS SELECT i, repeat('x', 500) FROM generate_series(1, 60000) i");
  Held create(*velo, "branch create demo/new", "branch.create/checkpoint/done");
  fill();
  expect_survived(create.go_on(), "branch get demo/new");
  velo->run("branch delete demo/new");
  velo->ok("branch create demo/next");
  EXPECT_EQ(velo->value("demo/next", "SELECT count(*) FROM much"), "60000");
}

TEST_P(FullPool, DuringAClonesReplayItIsSaidAndUndone) {
  // Much to replay, over blocks that the clone shares with its parent.
  Sql main = velo->sql("demo/main");
  main.execute("CREATE TABLE much AS SELECT i, repeat('x', 500) FROM generate_series(1, 60000) i");
  main.execute("CHECKPOINT");
  velo->kill_server("demo/main");
  velo->ok("branch start demo/main");
  velo->sql("demo/main").execute("UPDATE much SET i = -i");
  velo->kill_server("demo/main");
  Held create(*velo, "branch create demo/new", "branch.create/prepare/done");
  fill();
  expect_survived(create.go_on(), "branch get demo/new");
  EXPECT_EQ(velo->value("demo/main", "SELECT count(*) FROM much WHERE i < 0"), "60000");
}

TEST_P(FullPool, DuringACrashRecoveryNothingThatWasCommittedIsLost) {
  Sql main = velo->sql("demo/main");
  main.execute("CREATE TABLE much AS SELECT i, repeat('x', 500) FROM generate_series(1, 60000) i");
  velo->kill_server("demo/main");
  fill();
  const auto start = std::chrono::steady_clock::now();
  const Ran started = velo->run("branch start demo/main");
  EXPECT_LT(std::chrono::steady_clock::now() - start, 90s);
  if (started.exit_status != 0) {
    EXPECT_EQ(started.exit_status, 1) << started.all();
    EXPECT_TRUE(says_full(started)) << started.all();
    EXPECT_NE(velo->state("demo/main"), "running");
  }
  make_room();
  velo->ok("branch restart demo/main");
  EXPECT_EQ(velo->value("demo/main", "SELECT count(*) FROM much"), "60000");
}

TEST_P(FullPool, DuringInitdbItIsSaidAndUndone) {
  Held create(*velo, "project create other --pool " + pool->place().string(),
              "project.create/volume/done");
  fill();
  const Ran ran = create.go_on();
  EXPECT_EQ(ran.exit_status, 1) << "initdb writes 40 MB\n" << ran.all();
  expect_survived(ran, "project get other");
  velo->ok("project create other --pool " + pool->place().string());
}

INSTANTIATE_TEST_SUITE_P(FileSystems, FullPool, testing::Values("btrfs", "xfs", "ext4"),
                         [](const auto& type) { return type.param; });

/// VELO_HOME on a file system of its own, the volumes elsewhere.
class FullHome : public E2eTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting a file system needs root";
    E2eTest::SetUp();
    disk = std::make_unique<SmallPool>("ext4");
    const fs::path home = disk->place() / "home";
    fs::create_directory(home);
    fs::permissions(disk->place(), fs::perms(0755));
    fs::permissions(home, fs::perms(0711));
    velo->set("VELO_HOME=" + home.string());
    velo->ok("config set grace 0");
    velo->create_project("demo");
    velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
    velo->ok("branch create demo/dev");
    velo->sql("demo/dev").execute("UPDATE t SET x = 2");
  }
  void TearDown() override {
    if (velo) end_servers_below(velo->volumes());  // they hold their logs open
    velo.reset();
    disk.reset();
  }

  void fill() const {
    disk->fill_up_to(0);
    for (int i = 0; i < 2000; ++i) {
      std::ofstream out(disk->place() / "ballast", std::ios::app);
      out << std::string(500, 'x');
      out.close();
      if (!out) break;
    }
  }

  void expect_well() {
    velo->ok("branch restart demo/dev");
    EXPECT_EQ(velo->json("status").size("/unfinished_operations"), 0U);
    EXPECT_EQ(velo->value("demo/main", "SELECT x FROM t"), "1");
    EXPECT_EQ(doctor(*velo).troubles(), std::vector<std::string>{});
  }

  std::unique_ptr<SmallPool> disk;
};

TEST_F(FullHome, ChangesAreRefusedReadingGoesOnAndServersToo) {
  fill();
  for (const char* line : {"branch create demo/new", "branch reset demo/dev --force",
                           "branch restart demo/dev", "snapshot create demo/dev"}) {
    const Ran refused = velo->fails(1, line);
    EXPECT_TRUE(says_full(refused)) << refused.all();
    EXPECT_NE(refused.err.find("VELO_HOME"), std::string::npos) << "where there is no room\n"
                                                                << refused.all();
  }
  velo->ok("status");
  velo->ok("branch list demo");
  velo->sql("demo/dev").execute("INSERT INTO t VALUES (3)");
  EXPECT_EQ(velo->value("demo/dev", "SELECT count(*) FROM t"), "2");
  EXPECT_EQ(doctor(*velo).line("storage.home").level, "error");
  disk->empty();
  expect_well();
  EXPECT_EQ(velo->value("demo/dev", "SELECT count(*) FROM t"), "2");
  velo->ok("branch create demo/new");
}

TEST_F(FullHome, InTheMiddleOfAnOperationItIsUndoneOnceThereIsRoom) {
  struct Case {
    std::string line;
    std::string kind;
  };
  for (const auto& [line, kind] : {Case{"branch create demo/new", "branch.create"},
                                   Case{"branch reset demo/dev --force", "branch.reset"}}) {
    for (const char* point : {"/planned", "/clone/done", "/start/done", "/commit"}) {
      SCOPED_TRACE(kind + point);
      Held held(*velo, line, kind + point);
      fill();
      const Ran ran = held.go_on();
      disk->empty();
      if (ran.exit_status != 0) {
        EXPECT_EQ(ran.exit_status, 1) << ran.all();
        EXPECT_TRUE(says_full(ran)) << ran.all();
      }
      velo->ok("branch restart demo/main");  // mends
      velo->ok("up");                        // what found no room to start again, and was said
      EXPECT_EQ(velo->json("status").size("/unfinished_operations"), 0U);
      if (kind == "branch.create") {
        EXPECT_EQ(velo->run("branch get demo/new").exit_status, ran.exit_status == 0 ? 0 : 3);
        if (ran.exit_status == 0) velo->ok("branch delete demo/new");
      } else {
        EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), ran.exit_status == 0 ? "1" : "2");
        velo->sql("demo/dev").execute("UPDATE t SET x = 2");
      }
      if (HasFailure()) return;
    }
  }
  expect_well();
}

// WAL that cannot be archived stays with its server, and is archived once there is room.
TEST_F(FullHome, WhatCannotBeArchivedIsKeptAndArchivedLater) {
  fill();
  Sql main = velo->sql("demo/main");
  main.execute("CREATE TABLE more AS SELECT generate_series(1, 1000) AS x");
  main.execute("SELECT pg_switch_wal()");
  EXPECT_TRUE(wait_until(
      [&] { return main.value("SELECT failed_count > 0 FROM pg_stat_archiver") == "t"; }));
  EXPECT_TRUE(doctor(*velo).ran.exit_status == 1);
  disk->empty();
  EXPECT_TRUE(wait_until(
      [&] {
        return main.value("SELECT last_archived_time > last_failed_time FROM pg_stat_archiver") ==
               "t";
      },
      90s));
  velo->ok("branch create demo/then --pitr now");
  EXPECT_EQ(velo->value("demo/then", "SELECT count(*) FROM more"), "1000");
}

/// A quota is a full pool to whom it is for: EDQUOT where ENOSPC would be.
class Quota : public testing::Test {
 protected:
  /// How much may be written below the root of a subvolume.
  static void limit(const SmallPool& pool, const std::string& bytes, const std::string& root) {
    run_tool({"/usr/bin/btrfs", "quota", "enable", pool.place().string()});
    run_tool({"/usr/bin/btrfs", "quota", "rescan", "-w", pool.place().string()});
    run_tool({"/usr/bin/btrfs", "qgroup", "limit", bytes, root});
  }
  static void lift(const SmallPool& pool) {
    run_tool({"/usr/bin/btrfs", "quota", "disable", pool.place().string()});
  }
  static void expect_said_and_undone(const Velo& velo, const std::function<void()>& lift) {
    const Ran full = velo.fails(1, "branch create demo/new");
    EXPECT_TRUE(says_full(full)) << full.all();
    lift();
    velo.ok("branch restart demo/main");
    velo.fails(3, "branch get demo/new");
    velo.ok("branch create demo/new");
    EXPECT_EQ(velo.value("demo/new", "SELECT count(*) FROM much"), "60000");
  }
  static void make_project(const Velo& velo, const SmallPool& pool) {
    velo.ok("config set archive off");
    velo.ok("config set guard 0");
    velo.ok({"project", "create", "demo", "--pool", pool.place().string()});
    velo.sql("demo/main")
        .execute(
            "CREATE TABLE much AS SELECT i, repeat('x', 500) FROM generate_series(1, 60000) i;"
            "CHECKPOINT");
  }
};

TEST_F(Quota, OfThePoolIsSaidAndUndone) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting a file system needs root";
  SmallPool pool("btrfs");
  const Velo velo;
  make_project(velo, pool);
  limit(pool, "16k", pool.place().string());
  expect_said_and_undone(velo, [&] { lift(pool); });
}

TEST_F(Quota, OfASubvolumeOnBtrfsIsSaidByItsServerAndNothingIsLost) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting a file system needs root";
  SmallPool pool("btrfs");
  const Velo velo;
  make_project(velo, pool);
  velo.ok("branch create demo/dev");
  const std::string root = (velo.data_directory("demo/dev").parent_path()).string();
  limit(pool, "170M", root);
  Sql sql = velo.sql("demo/dev");
  sql.execute("CREATE TABLE written (n int)");
  int committed = 0;
  while (committed < 2000 &&
         sql.try_execute("INSERT INTO written SELECT " + std::to_string(committed) +
                         " FROM generate_series(1, 20000)")) {
    ++committed;
  }
  EXPECT_LT(committed, 2000) << "the quota was never met";
  const auto start = std::chrono::steady_clock::now();
  const Ran restarted = velo.run("branch restart demo/dev");
  EXPECT_LT(std::chrono::steady_clock::now() - start, 120s);
  if (restarted.exit_status != 0) {
    EXPECT_TRUE(says_full(restarted)) << restarted.all();
  }
  EXPECT_EQ(velo.value("demo/main", "SELECT count(*) FROM much"), "60000") << "it has no quota";
  lift(pool);
  velo.ok("branch restart demo/dev");
  EXPECT_EQ(velo.value("demo/dev", "SELECT count(DISTINCT n) FROM written"),
            std::to_string(committed));
}

}  // namespace
}  // namespace velo::test
