// Defects 1 to 7: wrong data, or data lost.
#include <gmock/gmock.h>

#include <set>

#include "defects.h"

namespace velo::test {
namespace {

using testing::HasSubstr;

TEST_P(Defect, Number1ASecondRecoveryReadsNothingOfTheFirst) {
  make_project();
  velo->sql("demo/main").execute("SELECT pg_switch_wal()");
  const std::string moment = to_rfc3339(moment_between());
  add("demo/main", 2);
  velo->ok("branch create demo/r1 --pitr " + moment);
  EXPECT_EQ(rows("demo/r1"), "1");
  // It writes, and archives, on a timeline of its own.
  velo->sql("demo/r1").execute("INSERT INTO t VALUES (100); SELECT pg_switch_wal()");
  add("demo/r1", 101);
  velo->ok("branch create demo/r2 --pitr " + moment);
  EXPECT_EQ(rows("demo/r2"), "1");
  velo->ok("branch create demo/r3 --pitr now");
  EXPECT_EQ(rows("demo/r3"), "1,2");
  EXPECT_EQ(rows("demo/main"), "1,2");
}

TEST_P(Defect, Number2AfterResetsArchivingGoesOnAndStopsDoNotWait) {
  make_project();
  velo->ok("branch create demo/dev");
  for (int i = 0; i < 2; ++i) {
    velo->ok("branch reset demo/dev --force");
    velo->sql("demo/dev").execute("INSERT INTO t VALUES (2); SELECT pg_switch_wal()");
    Sql sql = velo->sql("demo/dev");
    EXPECT_TRUE(wait_until([&] {
      return sql.value("SELECT archived_count > 0 AND failed_count = 0 FROM pg_stat_archiver") ==
             "t";
    }));
  }
  const fs::path status = velo->data_directory("demo/dev") / "pg_wal/archive_status";
  velo->ok("branch stop demo/dev");
  // A server that cannot archive waits for its archiver, and gives up, with segments left to do.
  for (const auto& entry : fs::directory_iterator(status)) {
    EXPECT_NE(entry.path().extension(), ".ready") << entry.path();
  }
}

TEST_P(Defect, Number3ARecoveredBranchIsReadyWhenItIsCalledSo) {
  make_project();
  const std::string moment = to_rfc3339(moment_between());
  // Something to replay.
  velo->sql("demo/main").execute("INSERT INTO t SELECT generate_series(2, 50000)");
  const std::string later = to_rfc3339(moment_between());
  for (const auto& [when, count] :
       std::map<std::string, std::string>{{moment, "1"}, {later, "50000"}}) {
    velo->ok("branch create demo/then --pitr " + when);
    Sql sql(velo->url("demo/then"));  // once, at once
    ASSERT_TRUE(sql.connected()) << sql.error();
    EXPECT_EQ(sql.value("SELECT pg_is_in_recovery()"), "f");
    EXPECT_EQ(sql.value("SELECT count(*) FROM t"), count);
    EXPECT_TRUE(sql.try_execute("INSERT INTO t VALUES (0)"));
    velo->ok("branch delete demo/then --now");
  }
}

TEST_P(Defect, Number4MomentsCountToTheMicrosecondAndInAnyZone) {
  make_project();
  std::vector<Timestamp> moments;
  for (int i = 2; i < 6; ++i) {  // several within one second
    moments.push_back(moment_between());
    add("demo/main", i);
  }
  velo->set("TZ=America/New_York");
  velo->ok("branch create demo/utc --pitr " + to_rfc3339(moments[1]));
  EXPECT_EQ(rows("demo/utc"), "1,2");
  // The same moment as a clock five hours and a half ahead shows it.
  std::string elsewhere = to_rfc3339(moments[2] + std::chrono::minutes(330));
  elsewhere.replace(elsewhere.size() - 1, 1, "+05:30");
  velo->ok("branch create demo/elsewhere --pitr " + elsewhere);
  EXPECT_EQ(rows("demo/elsewhere"), "1,2,3");
}

TEST_P(Defect, Number5ProjectAndBranchNamesThatJoinAlikeAreApart) {
  velo->create_project("a");
  velo->create_project("a-b");
  velo->sql("a/main").execute("CREATE TABLE who AS SELECT 'a' AS name");
  velo->sql("a-b/main").execute("CREATE TABLE who AS SELECT 'a-b' AS name");
  velo->ok("branch create a/b-c");
  velo->ok("branch create a-b/c");
  velo->ok("branch create a/b-main");
  EXPECT_EQ(velo->value("a/b-c", "SELECT name FROM who"), "a");
  EXPECT_EQ(velo->value("a-b/c", "SELECT name FROM who"), "a-b");
  EXPECT_EQ(velo->value("a/b-main", "SELECT name FROM who"), "a");
  velo->ok("branch delete a/b-c");
  velo->ok("branch delete a/b-main --now");
  EXPECT_EQ(velo->value("a-b/c", "SELECT name FROM who"), "a-b");
  EXPECT_EQ(velo->value("a-b/main", "SELECT name FROM who"), "a-b");
}

TEST_P(Defect, Number6ParallelCreatesAreAllRecorded) {
  make_project();
  std::vector<std::future<Ran>> running;
  for (int i = 0; i < 8; ++i) {
    running.push_back(velo->start("branch create demo/p" + std::to_string(i)));
  }
  for (auto& ran : running) {
    const Ran done = ran.get();
    EXPECT_EQ(done.exit_status, 0) << done.all();
  }
  const Json list = velo->json("branch list demo");
  EXPECT_EQ(list.size("/branches"), 9U);
  std::set<std::int64_t> ports;
  for (std::size_t i = 0; i < list.size("/branches"); ++i) {
    const std::string branch = "/branches/" + std::to_string(i);
    EXPECT_EQ(list.text(branch + "/state"), "running");
    ports.insert(list.number(branch + "/port"));
    EXPECT_EQ(rows(list.text(branch + "/full_name")), "1");
  }
  EXPECT_EQ(ports.size(), 9U);
  EXPECT_EQ(servers_below(velo->volumes()).size(), 9U);
}

TEST_P(Defect, Number6ParallelCommandsOnTheSameNameHaveOneWinner) {
  velo->create_project("demo");
  std::vector<std::future<Ran>> running;
  for (int i = 0; i < 4; ++i) running.push_back(velo->start("branch create demo/same"));
  int winners = 0;
  for (auto& ran : running) {
    const Ran done = ran.get();
    if (done.exit_status == 0) ++winners;
    if (done.exit_status != 0) {
      EXPECT_EQ(done.exit_status, 4) << done.all();
    }
  }
  EXPECT_EQ(winners, 1);
  EXPECT_EQ(velo->volume_names().size(), 2U);
}

TEST_P(Defect, Number7ResetLeavesChildrenAndGrandchildrenTheirData) {
  make_project();
  velo->ok("branch create demo/a");
  velo->sql("demo/a").execute("UPDATE t SET i = 2");
  velo->ok("branch create demo/b --parent demo/a");
  velo->sql("demo/b").execute("UPDATE t SET i = 3");
  velo->ok("branch create demo/c --parent demo/b");
  velo->ok("config set grace 0");
  velo->ok("branch reset demo/a --force");
  EXPECT_EQ(rows("demo/a"), "1");
  EXPECT_EQ(rows("demo/b"), "3");
  EXPECT_EQ(rows("demo/c"), "3");
  velo->ok("branch reset demo/a --force");
  velo->ok("branch reset demo/b --force");
  EXPECT_EQ(rows("demo/b"), "1");
  EXPECT_EQ(rows("demo/c"), "3");
  EXPECT_EQ(velo->json("branch get demo/c").text("/branch/parent"), "demo/b");
  velo->ok("branch restart demo/main");  // reaps
  EXPECT_EQ(velo->volume_names().size(), 4U);
}

}  // namespace

// Containers and processes, and every way to make a volume; which major makes no difference here.
INSTANTIATE_TEST_SUITE_P(
    Places, Defect,
    testing::Values(Where{.driver = "btrfs", .major = 0}, Where{.driver = "reflink", .major = 0},
                    Where{.driver = "copy", .major = 0}, Where{.driver = "zfs", .major = 0},
                    Where{.driver = "btrfs", .major = 17, .runtime = "docker"}),
    param_name);

}  // namespace velo::test
