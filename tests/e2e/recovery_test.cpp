// Branches as of an earlier moment: what was committed before it is there, what came after is not.
#include <gmock/gmock.h>

#include <chrono>
#include <random>
#include <thread>

#include "base/time.h"
#include "support/moment.h"
#include "support/velo.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class Recovery : public PlacesTest {
 protected:
  void SetUp() override {
    PlacesTest::SetUp();
    if (IsSkipped()) return;
    velo->create_project("demo");
    velo->sql("demo/main").execute("CREATE TABLE t (i int)");
  }
  void add(const std::string& branch, int number) const {
    velo->sql(branch).execute("INSERT INTO t VALUES (" + std::to_string(number) + ")");
  }
  std::string rows(const std::string& branch) const {
    return velo->value(branch, "SELECT string_agg(i::text, ',' ORDER BY i) FROM t");
  }
  void expect_as_of(const std::string& moment, const std::string& wanted,
                    const std::string& more = "") {
    const std::string name = "demo/r" + std::to_string(++made_);
    velo->ok("branch create " + name + " --pitr " + moment + more);
    EXPECT_EQ(rows(name), wanted) << moment;
    EXPECT_EQ(velo->value(name, "SELECT pg_is_in_recovery()"), "f") << "defect 3";
    add(name, 1000);
    velo->ok("branch delete " + name + " --force");
  }
  void expect_exact_moments() {
    add("demo/main", 1);
    const std::string first = moment_between();
    add("demo/main", 2);
    velo->sql("demo/main").execute("SELECT pg_switch_wal()");
    const std::string second = moment_between();
    add("demo/main", 3);
    const std::string third = moment_between();
    expect_as_of(first, "1");
    // Nothing was committed since, and nothing of it was archived: defect 13.
    expect_as_of(third, "1,2,3");
    expect_as_of(second, "1,2");
    EXPECT_EQ(rows("demo/main"), "1,2,3");
    // Defect 1: the second recovery read what the first had archived.
    expect_as_of(second, "1,2");
  }

 private:
  int made_ = 0;
};

TEST_P(Recovery, HoldsWhatWasCommittedBeforeTheMomentAndNothingAfter) {
  expect_exact_moments();
}

class RecoveryOfMajors : public Recovery {};

TEST_P(RecoveryOfMajors, HoldsWhatWasCommittedBeforeTheMomentAndNothingAfter) {
  expect_exact_moments();
}

// Defect 19: the recovery wrote its own settings over the user's.
TEST_P(Recovery, SettingsAreThoseThatItsBaseHad) {
  velo->sql("demo/main").execute("ALTER SYSTEM SET work_mem = '7MB'");
  velo->ok("snapshot create demo/main");
  add("demo/main", 1);
  velo->ok("branch create demo/then --pitr " + moment_between());
  EXPECT_EQ(rows("demo/then"), "1");
  EXPECT_EQ(velo->value("demo/then", "SHOW work_mem"), "7MB");
  velo->ok("branch restart demo/then");
  EXPECT_EQ(velo->value("demo/then", "SHOW work_mem"), "7MB");
  EXPECT_EQ(velo->value("demo/then", "SHOW recovery_target_time"), "");
}

/// Its base is its parent's, and the fork lies between two timelines.
TEST_P(Recovery, OfABranchThatPromoted) {
  const bool atomic = velo->where().driver == "btrfs" || velo->where().driver == "zfs";
  if (!atomic || velo->where().runtime != "native") {
    GTEST_SKIP() << "copies of files take a checkpoint, containers do not promote";
  }
  velo->ok("snapshot create demo/main");
  velo->sql("demo/main")
      .execute(
          "CREATE TABLE much AS SELECT generate_series(1, 100000) AS x; INSERT INTO t VALUES (1)");
  velo->ok("branch create demo/dev --when-busy replay");
  add("demo/main", 2);
  add("demo/dev", 3);
  const std::string moment = moment_between();
  add("demo/dev", 4);
  velo->ok("branch create demo/then --parent demo/dev --pitr " + moment);
  EXPECT_EQ(rows("demo/then"), "1,3");
  EXPECT_EQ(velo->value("demo/then", "SELECT count(*) FROM much"), "100000");
  velo->ok("snapshot create demo/dev");
  add("demo/dev", 5);
  const std::string later = moment_between();
  add("demo/dev", 6);
  velo->ok("branch create demo/after --parent demo/dev --pitr " + later);
  EXPECT_EQ(rows("demo/after"), "1,3,4,5");
  velo->ok("doctor");
}

TEST_P(Recovery, OfAStoppedBranchReachesItsEnd) {
  add("demo/main", 1);
  const std::string first = moment_between();
  add("demo/main", 2);
  const std::string second = moment_between();
  velo->ok("branch stop demo/main");
  expect_as_of(first, "1");
  expect_as_of(second, "1,2");
}

TEST_P(Recovery, InPlaceKeepsTheUrlAndWhatWasThere) {
  add("demo/main", 1);
  const std::string moment = moment_between();
  add("demo/main", 2);
  const std::string url = velo->url("demo/main");
  velo->ok("branch restore demo/main --pitr " + moment);
  EXPECT_EQ(rows("demo/main"), "1");
  EXPECT_EQ(velo->url("demo/main"), url);
  add("demo/main", 3);
  const std::string later = moment_between();
  add("demo/main", 4);
  // A moment of the second life, out of the base of the first: across the timelines' border.
  expect_as_of(later, "1,3");
  // A moment of the first life: what was replaced is still there.
  expect_as_of(moment, "1");
}

TEST_P(Recovery, ABranchsOwnMomentsComeFromItsOwnWal) {
  add("demo/main", 1);
  velo->ok("branch create demo/dev");
  add("demo/dev", 10);
  const std::string moment = moment_between();
  add("demo/dev", 11);
  // The parent writes on in the segment of the same name, and archives it.
  add("demo/main", 2);
  velo->sql("demo/main").execute("SELECT pg_switch_wal()");
  add("demo/main", 3);
  expect_as_of(moment, "1,10", " --parent demo/dev");
  velo->ok("branch create demo/grandchild --parent demo/dev");
  add("demo/grandchild", 20);
  const std::string last = moment_between();
  add("demo/grandchild", 21);
  velo->sql("demo/dev").execute("INSERT INTO t VALUES (12); SELECT pg_switch_wal()");
  expect_as_of(last, "1,10,11,20", " --parent demo/grandchild");
}

TEST_P(Recovery, AMomentBeforeABranchIsItsParents) {
  add("demo/main", 1);
  const std::string moment = moment_between();
  add("demo/main", 2);
  velo->ok("branch create demo/dev");
  expect_as_of(moment, "1", " --parent demo/dev");
}

TEST_P(Recovery, ABaseThatHoldsMoreThanTheForkIsNotBegunWith) {
  add("demo/main", 1);
  const std::string fork = moment_between();
  add("demo/main", 2);
  velo->ok("snapshot create demo/main");
  velo->ok("branch create demo/dev --pitr " + fork);
  add("demo/dev", 10);
  const std::string moment = moment_between();
  add("demo/dev", 11);
  expect_as_of(moment, "1,10", " --parent demo/dev");
}

TEST_P(Recovery, ABranchOfASnapshotHasItsMomentsWhenThatIsGone) {
  add("demo/main", 1);
  velo->ok("snapshot create demo/main --label early");
  add("demo/main", 2);
  velo->ok("snapshot create demo/main --label late");
  velo->ok("branch create demo/dev --snapshot early");
  add("demo/dev", 10);
  const std::string moment = moment_between();
  add("demo/dev", 11);
  expect_as_of(moment, "1,10", " --parent demo/dev");
  velo->ok("snapshot delete demo/main@early");
  expect_as_of(moment, "1,10", " --parent demo/dev");
}

TEST_P(Recovery, ToAPositionAndToARestorePoint) {
  add("demo/main", 1);
  const std::string lsn = velo->value("demo/main", "SELECT pg_current_wal_lsn()");
  add("demo/main", 2);
  velo->sql("demo/main").execute("SELECT pg_create_restore_point('here')");
  add("demo/main", 3);
  velo->ok("branch create demo/at --lsn " + lsn);
  EXPECT_EQ(rows("demo/at"), "1");
  velo->ok("branch create demo/point --restore-point here");
  EXPECT_EQ(rows("demo/point"), "1,2");
}

TEST_P(Recovery, WhatCannotBeHadSaysWhatCanAndLeavesNothing) {
  add("demo/main", 1);
  const auto volumes = velo->volume_names();
  EXPECT_THAT(velo->fails(2, "branch create demo/x --pitr 2099-01-01T00:00:00Z").err,
              HasSubstr("has not come yet"));
  EXPECT_THAT(velo->fails(3, "branch create demo/x --pitr 2020-01-01T00:00:00Z").err,
              HasSubstr("can be had from"));
  EXPECT_THAT(velo->fails(3, "branch create demo/x --lsn FF/0").err, HasSubstr("does not reach"));
  EXPECT_THAT(velo->fails(3, "branch create demo/x --restore-point nix").err,
              HasSubstr("does not reach"));
  velo->fails(2, "branch create demo/x --pitr tomorrow");
  velo->fails(2, "branch create demo/x --lsn 12");
  velo->fails(2, "branch create demo/x --pitr now --lsn 0/1");
  velo->fails(2, "branch create demo/x --pitr now --no-start");
  EXPECT_EQ(velo->volume_names(), volumes);
  EXPECT_TRUE(servers_below(velo->pool()).size() == 1U || velo->where().runtime == "docker");
}

// Twenty moments chosen at random while commits go on, each checked against what its writer saw:
// half of them out of the project's first base, half out of one that was taken under this load.
TEST_P(Recovery, UnderLoadEveryMomentIsExact) {
  struct Commit {
    int number;
    Timestamp sent;
    Timestamp acknowledged;
  };
  std::vector<Commit> commits;
  std::atomic<bool> done = false;
  std::thread writer([&] {
    Sql sql(velo->url("demo/main"));
    for (int i = 1; !done; ++i) {
      const Timestamp sent = now();
      if (!sql.try_execute("INSERT INTO t VALUES (" + std::to_string(i) + ")")) break;
      commits.push_back({i, sent, now()});
    }
  });
  std::vector<Timestamp> moments;
  std::mt19937 random(GTEST_FLAG_GET(random_seed) + 20U);
  const int wanted = GetParam().runtime == "docker" ? 5 : 20;  // there each takes ten seconds
  std::string base;
  for (int i = 0; i < wanted; ++i) {
    if (i == wanted / 2) {
      base = velo->json("snapshot create demo/main").text("/snapshot/taken_at");
    }
    let_pass(std::chrono::milliseconds(5 + random() % 60));
    moments.push_back(now());
  }
  let_pass(10ms);
  std::vector<std::string> answers;
  for (std::size_t i = 0; i < moments.size(); ++i) {
    const std::string name = "demo/m" + std::to_string(i);
    const Ran ran = velo->ok("branch create " + name + " --pitr " + to_rfc3339(moments[i]));
    if (i >= moments.size() / 2) {
      EXPECT_TRUE(
          ran.err.contains("begins with the snapshot of " + to_local(parse_rfc3339(base).value())))
          << ran.all();
    }
    answers.push_back(velo->value(name, "SELECT coalesce(max(i), 0) || ' ' || count(*) FROM t"));
    velo->ok("branch delete " + name + " --force");
  }
  done = true;
  writer.join();
  for (std::size_t i = 0; i < moments.size(); ++i) {
    int least = 0;
    int most = 0;
    for (const Commit& commit : commits) {
      if (commit.acknowledged < moments[i]) least = commit.number;
      if (commit.sent <= moments[i]) most = commit.number;
    }
    const int last = std::stoi(answers[i]);
    EXPECT_GE(last, least) << "a commit acknowledged before " << to_rfc3339(moments[i])
                           << " is lost";
    EXPECT_LE(last, most) << "a commit sent after " << to_rfc3339(moments[i]) << " is there";
    EXPECT_EQ(answers[i], std::to_string(last) + " " + std::to_string(last));
  }
}

INSTANTIATE_TEST_SUITE_P(Places, Recovery,
                         testing::Values(Where{.driver = "btrfs", .major = 0},
                                         Where{.driver = "reflink", .major = 18},
                                         Where{.driver = "copy", .major = 13},
                                         Where{.driver = "btrfs", .major = 17, .runtime = "docker"},
                                         Where{.driver = "zfs", .major = 0}),
                         param_name);
INSTANTIATE_TEST_SUITE_P(Others, RecoveryOfMajors,
                         testing::Values(Where{.driver = "btrfs", .major = 14},
                                         Where{.driver = "btrfs", .major = 16},
                                         Where{.driver = "btrfs", .major = 17}),
                         param_name);

}  // namespace
}  // namespace velo::test
