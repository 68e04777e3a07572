// How far back moments are kept where no schedule says so: bases that are taken by themselves, and
// what goes of them and of the archive when the retention period is over.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>

#include <fstream>

#include "base/time.h"
#include "support/velo.h"

namespace velo::test {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Moments : public E2eTest {
 protected:
  void SetUp() override { begin({}); }
  void begin(const Where& where) {
    set_up(where);
    if (IsSkipped()) return;
    velo->create_project("demo");
    velo->sql("demo/main").execute("CREATE TABLE t (i int)");
  }
  std::vector<std::string> ids() const {
    return velo->json("snapshot list demo/main").texts("/snapshots", "id");
  }
  std::vector<std::string> purposes() const {
    return velo->json("snapshot list demo/main").texts("/snapshots", "purpose");
  }
  void change(const std::string& sql, Timestamp time, const std::string& id) const {
    SQLite::Database state((velo->home() / "private/state.db").string(), SQLite::OPEN_READWRITE);
    SQLite::Statement statement(state, sql);
    statement.bind(1, to_rfc3339(time));
    statement.bind(2, id);
    ASSERT_EQ(statement.exec(), 1);
  }
  /// Makes a snapshot so old; the moment at which it was then taken.
  Timestamp age(const std::string& id, minutes time) const {
    const Timestamp taken = now() - time;
    change("UPDATE snapshot SET taken_at = ? WHERE incarnation_id = ?", taken, id);
    return taken;
  }
  /// Makes a branch, and the life that it leads, so old.
  void age_branch(const std::string& branch, days time) const {
    const std::string id = velo->json("branch get " + branch).text("/branch/id");
    change("UPDATE branch SET created_at = ? WHERE id = ?", now() - time, id);
    change(
        "UPDATE incarnation SET created_at = ? WHERE id ="
        " (SELECT incarnation_id FROM branch WHERE id = ?)",
        now() - time, id);
  }
  Json info() const { return velo->json("wal info demo/main"); }
  /// Makes everything that is archived of demo/main so old.
  void age_archive(days time) const {
    for (const auto& entry : fs::directory_iterator(info().text("/wal/0/archive"))) {
      fs::last_write_time(entry.path(), fs::file_time_type::clock::now() - time);
    }
  }
  /// As if the last look at what may go had been an hour ago.
  void let_an_hour_pass() const {
    fs::last_write_time(velo->home() / "private/locks/retention",
                        fs::file_time_type::clock::now() - hours(1));
  }
  /// Adds a row, and waits until the segment that has it is archived.
  void add(int number) const {
    Sql sql = velo->sql("demo/main");
    sql.execute("INSERT INTO t VALUES (" + std::to_string(number) + ")");
    const std::string segment = sql.value("SELECT pg_walfile_name(pg_switch_wal())");
    EXPECT_TRUE(wait_until([&] {
      return sql.value("SELECT last_archived_wal >= '" + segment + "' FROM pg_stat_archiver") ==
             "t";
    }));
  }
  std::string take(const std::string& more = {}) const {
    return velo->json("snapshot create demo/main" + more).text("/snapshot/id");
  }
  /// Another base, as a branch creation takes one.
  std::string take_base() const {
    const auto before = ids();
    for (const std::string& id : before) age(id, hours(25));
    velo->ok("branch create demo/for-a-base");
    velo->ok("branch delete demo/for-a-base --force");
    const auto after = ids();
    EXPECT_EQ(after.size(), before.size() + 1);
    return after.back();
  }
  /// A base of 20 days ago and one of 8, with archived WAL from before and after the second.
  void make_history() {
    add(1);
    first = ids().front();
    second = take_base();
    add(2);
    age_branch("demo/main", days(30));
    age(first, days(20));
    begins = age(second, days(8));
    age_archive(days(8));
  }

  /// The fault points of one kind of operation that a command passes; carries it out.
  std::vector<std::string> points_of(const std::string& line, const std::string& kind) const {
    const fs::path trace = velo->home() / "trace";
    velo->run(words(line), {"VELO_FAULT_TRACE=" + trace.string()});
    std::vector<std::string> points;
    std::ifstream file(trace);
    for (std::string point; std::getline(file, point);) {
      if (point.starts_with(kind + "/")) points.push_back(point);
    }
    fs::remove(trace);
    return points;
  }
  /// Without demo/dev, and with one base, of more than a day ago.
  void start_over() const {
    if (velo->run("branch get demo/dev").exit_status == 0) {
      velo->ok("branch delete demo/dev --force");
    }
    const auto known = ids();
    for (const std::string& id : known) {
      if (id != known.front()) velo->ok("snapshot delete " + id);
    }
  }

  std::string first;
  std::string second;
  Timestamp begins;
};

TEST_F(Moments, ABranchCreationTakesABaseOfItsParentOnceADay) {
  EXPECT_THAT(purposes(), ElementsAre("base"));
  velo->ok("branch create demo/a");
  EXPECT_EQ(ids().size(), 1U) << "the project's own is young";
  age(ids().front(), hours(25));
  const Ran ran = velo->ok("branch create demo/b");
  EXPECT_THAT(ran.err, HasSubstr("base to recover demo/main from"));
  EXPECT_THAT(purposes(), ElementsAre("base", "base"));
  velo->ok("branch create demo/c");
  velo->ok("branch reset demo/b --force");
  EXPECT_EQ(ids().size(), 2U);
  for (const std::string& id : ids()) age(id, hours(25));
  velo->ok("branch create demo/d --snapshot " + ids().front());
  EXPECT_EQ(ids().size(), 2U) << "demo/main itself was not cloned";
  velo->ok("branch reset demo/b --force");
  EXPECT_EQ(ids().size(), 3U);
  EXPECT_EQ(velo->json("operations").text("/operations/0/kind"), "snapshot.create");
}

TEST_F(Moments, OfSeveralCreationsAtOnceOneTakesTheBase) {
  age(ids().front(), hours(25));
  std::vector<std::future<Ran>> running;
  for (int i = 0; i < 4; ++i)
    running.push_back(velo->start("branch create demo/b" + std::to_string(i)));
  for (auto& one : running) {
    const Ran ran = one.get();
    EXPECT_EQ(ran.exit_status, 0) << ran.all();
  }
  EXPECT_EQ(ids().size(), 2U);
}

TEST_F(Moments, NoBaseIsTakenWhereNobodyWantsOne) {
  age(ids().front(), hours(25));
  velo->ok("snapshot schedule demo/main --every 7d");
  velo->ok("branch create demo/a");
  EXPECT_EQ(ids().size(), 1U) << "a schedule says how often";
  velo->ok("snapshot schedule demo/main --off");
  velo->ok("config set archive off");
  velo->ok("branch create demo/b");
  EXPECT_EQ(ids().size(), 1U);
  velo->ok("config set archive on");
  velo->ok("branch create demo/c --no-archive");
  EXPECT_EQ(ids().size(), 2U) << "it is the parent's";
  velo->ok("branch create demo/d --parent demo/c");
  EXPECT_EQ(velo->json("snapshot list demo/c").size("/snapshots"), 0U);
}

TEST_F(Moments, ABranchsFirstOwnBaseComesWhenThatOfItsParentIsOld) {
  velo->ok("branch create demo/dev");
  velo->ok("branch create demo/a --parent demo/dev");
  EXPECT_EQ(velo->json("snapshot list demo/dev").size("/snapshots"), 0U);
  age(ids().front(), hours(25));
  velo->ok("branch create demo/b --parent demo/dev");
  EXPECT_EQ(velo->json("snapshot list demo/dev").size("/snapshots"), 1U);
}

TEST_F(Moments, ABaseThatCannotBeTakenHarmsNoCreation) {
  velo->ok("config set grace 0");
  age(ids().front(), hours(25));
  const auto volumes = velo->place().volume_names();
  velo->use_binary("velo-faults");
  for (const std::string& point : points_of("branch create demo/dev", "snapshot.create")) {
    if (point.find("/finish/") != std::string::npos || point.ends_with("/committed")) continue;
    SCOPED_TRACE(point);
    start_over();
    const Ran ran = velo->run(words("branch create demo/dev"), {"VELO_FAULT=" + point + "=error"});
    EXPECT_EQ(ran.exit_status, 0) << ran.all();
    EXPECT_THAT(ran.err, HasSubstr("no new base"));
    EXPECT_THAT(ran.err, HasSubstr("velo snapshot create demo/main"));
    EXPECT_EQ(velo->value("demo/dev", "SELECT count(*) FROM t"), "0");
    EXPECT_EQ(ids().size(), 1U);
  }
  start_over();
  EXPECT_EQ(velo->place().volume_names(), volumes);
}

TEST_F(Moments, ACreationThatDiesWhileItTakesABaseIsDone) {
  velo->ok("config set grace 0");
  age(ids().front(), hours(25));
  const auto volumes = velo->place().volume_names();
  velo->use_binary("velo-faults");
  int killed = 0;
  for (const std::string& point : points_of("branch create demo/dev", "snapshot.create")) {
    SCOPED_TRACE(point);
    ++killed;
    start_over();
    const Ran ran = velo->run(words("branch create demo/dev"), {"VELO_FAULT=" + point + "=kill"});
    EXPECT_EQ(ran.exit_status, 128 + SIGKILL);
    EXPECT_EQ(velo->value("demo/dev", "SELECT count(*) FROM t"), "0");
    start_over();  // the next command undoes, or has nothing to
    EXPECT_EQ(velo->place().volume_names(), volumes);
  }
  EXPECT_GE(killed, 4);
}

TEST_F(Moments, WhatGoesIsGoneAfterwardsWhereverThatIsCutOff) {
  make_history();
  velo->use_binary("velo-faults");
  const auto points = points_of("snapshot run-schedule", "snapshot.delete");
  EXPECT_GE(points.size(), 3U);
  for (const std::string& point : points) {
    SCOPED_TRACE(point);
    const std::string newest = take_base();
    const auto known = ids();
    for (const std::string& id : known) age(id, id == newest ? days(8) : days(20));
    add(3);
    age_archive(days(8));
    const std::int64_t segments = info().number("/wal/0/segments");
    const Ran ran = velo->run(words("snapshot run-schedule"), {"VELO_FAULT=" + point + "=kill"});
    EXPECT_EQ(ran.exit_status, 128 + SIGKILL) << ran.all();
    velo->ok("snapshot run-schedule");
    EXPECT_LT(info().number("/wal/0/segments"), segments);
    EXPECT_EQ(velo->json("status").size("/unfinished_operations"), 0U);
    EXPECT_EQ(purposes(), (std::vector<std::string>{"base"}));
  }
}

TEST_F(Moments, WhatLiesBeforeTheWindowGoesAndTheWindowStays) {
  make_history();
  const std::int64_t segments = info().number("/wal/0/segments");
  let_an_hour_pass();
  velo->ok("branch create demo/dev");
  EXPECT_EQ(ids().front(), second) << "where the window begins";
  EXPECT_LT(info().number("/wal/0/segments"), segments);
  EXPECT_THAT(info().texts("/wal/0/windows"), ElementsAre("from " + to_local(begins) + " on"));
  velo->ok("branch create demo/then --pitr now");
  EXPECT_EQ(velo->value("demo/then", "SELECT string_agg(i::text, ',' ORDER BY i) FROM t"), "1,2");
  const Ran refused = velo->fails(3, "branch create demo/x --pitr " + to_rfc3339(now() - days(15)));
  EXPECT_THAT(refused.err, HasSubstr("can be had from " + to_local(begins) + " on"));
  EXPECT_THAT(velo->run("doctor").all(), Not(HasSubstr("lacks")));
}

TEST_F(Moments, ALookIsTakenOnceAnHourAndByRunScheduleAtOnce) {
  make_history();
  velo->ok("branch create demo/dev");
  EXPECT_EQ(ids().front(), first) << "the hour is not over";
  const Json dry = velo->json("snapshot run-schedule --dry-run");
  EXPECT_EQ(dry.text("/branches/0/removed/0/snapshot/id"), first);
  EXPECT_EQ(ids().front(), first) << "a dry run changes nothing";
  const Json run = velo->json("snapshot run-schedule");
  EXPECT_EQ(run.size("/branches"), 1U);
  EXPECT_EQ(run.text("/branches/0/branch"), "demo/main");
  EXPECT_EQ(run.text("/branches/0/removed/0/snapshot/id"), first);
  EXPECT_GE(run.number("/branches/0/wal_removed"), 1);
  EXPECT_EQ(ids().front(), second);
  EXPECT_EQ(velo->json("snapshot run-schedule").size("/branches"), 0U) << "nothing is left to go";
}

TEST_F(Moments, WhatAPersonTookStaysWithTheWalBehindIt) {
  const std::string asked = take(" --label golden");
  make_history();
  first = asked;
  age(asked, days(40));
  const std::int64_t segments = info().number("/wal/0/segments");
  velo->ok("snapshot run-schedule");
  EXPECT_EQ(ids().front(), asked);
  EXPECT_EQ(ids().size(), 2U) << "the project's own base went";
  EXPECT_GE(info().number("/wal/0/segments"), segments - 1);
  age_archive(days(20));
  EXPECT_THAT(velo->run("doctor").all(), HasSubstr("velo snapshot delete " + asked.substr(0, 8)));
  velo->ok("branch create demo/dev --snapshot golden");
}

TEST_F(Moments, ASchedulesBranchAndOneWithoutLimitAreLeftAlone) {
  make_history();
  velo->ok("config set retention off");
  EXPECT_EQ(velo->json("snapshot run-schedule").size("/branches"), 0U);
  velo->ok("config set retention 7d");
  velo->ok("snapshot schedule demo/main --every 30d --keep 90d:1d");
  velo->ok("snapshot run-schedule");
  EXPECT_EQ(ids().front(), first);
}

TEST_F(Moments, DoctorTellsOfAnArchiveThatGrowsForLackOfABase) {
  add(1);
  age(ids().front(), days(20));
  age_archive(days(20));
  velo->ok("snapshot run-schedule");
  EXPECT_EQ(ids().size(), 1U) << "there is no newer one";
  const std::string told = velo->run("doctor").all();
  EXPECT_THAT(told, HasSubstr("demo/main: its archive reaches back to"));
  EXPECT_THAT(told, HasSubstr("velo snapshot schedule demo/main --every 1d"));
  EXPECT_THAT(told, HasSubstr("velo snapshot create demo/main"));
  take();
  EXPECT_THAT(velo->run("doctor").all(), Not(HasSubstr("its archive reaches back to")));
}

class MomentsOnCopies : public Moments {
 protected:
  void SetUp() override { begin({.driver = "copy", .major = 0}); }
};

TEST_F(MomentsOnCopies, NoBaseIsTakenWhereItIsAFullCopy) {
  age(ids().front(), hours(25));
  velo->ok("branch create demo/dev");
  EXPECT_EQ(ids().size(), 1U);
}

}  // namespace
}  // namespace velo::test
