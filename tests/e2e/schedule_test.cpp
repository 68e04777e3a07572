// Snapshots by schedule: taken when due, thinned out by the policy, with the WAL that they leave.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>

#include "base/time.h"
#include "support/velo.h"

namespace velo::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Schedules : public E2eTest {
 protected:
  void SetUp() override {
    E2eTest::SetUp();
    if (IsSkipped()) return;
    velo->ok("config set archive off");  // no base besides
    velo->create_project("demo");
  }
  std::vector<std::string> ids() const {
    return velo->json("snapshot list demo/main").texts("/snapshots", "id");
  }
  /// Makes a snapshot so old.
  void age(const std::string& id, std::chrono::minutes minutes) const {
    const SQLite::Database state((velo->home() / "private/state.db").string(),
                                 SQLite::OPEN_READWRITE);
    SQLite::Statement statement(const_cast<SQLite::Database&>(state),
                                "UPDATE snapshot SET taken_at = ? WHERE incarnation_id = ?");
    statement.bind(1, to_rfc3339(now() - minutes));
    statement.bind(2, id);
    ASSERT_EQ(statement.exec(), 1);
  }
  std::string take() const {
    return velo->json("snapshot run-schedule").text("/branches/0/taken/id");
  }
};

TEST_F(Schedules, TakesOneInEachPeriodAndRemovesWhatHasNoPlace) {
  const std::string asked = velo->json("snapshot create demo/main").text("/snapshot/id");
  velo->ok("snapshot schedule demo/main --every 1d --keep 3d:1d");
  const std::string first = take();
  EXPECT_FALSE(first.empty());
  const Json again = velo->json("snapshot run-schedule");
  EXPECT_THAT(again.text("/branches/0/not_taken"), HasSubstr("not due before"));
  EXPECT_EQ(velo->json("snapshot get " + first).text("/snapshot/purpose"), "schedule");

  age(asked, std::chrono::hours(24 * 9));
  age(first, std::chrono::hours(24 * 5));
  const Json dry = velo->json("snapshot run-schedule --dry-run");
  EXPECT_THAT(dry.text("/branches/0/not_taken"), HasSubstr("dry run"));
  EXPECT_THAT(ids(), ElementsAre(asked, first)) << "a dry run changes nothing";
  const Json run = velo->json("snapshot run-schedule");
  const std::string second = run.text("/branches/0/taken/id");
  EXPECT_EQ(run.text("/branches/0/removed/0/snapshot/id"), first);
  EXPECT_THAT(run.text("/branches/0/removed/0/why"), HasSubstr("older than 3d"));
  EXPECT_THAT(ids(), ElementsAre(asked, second)) << "what a person took is no schedule's";
}

TEST_F(Schedules, AStoppedBranchIsLeftOutAndOneThatFailsHoldsUpNoOther) {
  velo->ok("branch create demo/dev");
  velo->ok("snapshot schedule demo/main --every 1d");
  velo->ok("snapshot schedule demo/dev --every 1d");
  velo->ok("snapshot run-schedule");
  for (const std::string& id : ids()) age(id, std::chrono::hours(48));
  velo->ok("branch stop demo/main");
  const Json stopped = velo->json("snapshot run-schedule");
  EXPECT_EQ(stopped.text("/branches/0/branch"), "demo/dev");
  EXPECT_EQ(stopped.text("/branches/1/not_taken"), "it is stopped");

  velo->ok("snapshot schedule demo/dev --off");
  velo->ok("branch create demo/gone");
  velo->ok("snapshot schedule demo/gone --every 1d");
  velo->ok("branch start demo/main");
  fs::rename(velo->data_directory("demo/gone"), velo->data_directory("demo/gone").string() + "-x");
  const Ran ran = velo->run("snapshot run-schedule");
  fs::rename(velo->data_directory("demo/gone").string() + "-x", velo->data_directory("demo/gone"));
  EXPECT_EQ(ran.exit_status, 1) << ran.all();
  EXPECT_THAT(ran.err, HasSubstr("error:"));
  EXPECT_THAT(ran.out, HasSubstr("demo/main: took "));
}

TEST_F(Schedules, AreShownChangedAndEnded) {
  EXPECT_THAT(velo->ok("snapshot schedule").out, HasSubstr("There are no schedules"));
  velo->ok("snapshot schedule demo/main --every 1h");
  Json shown = velo->json("snapshot schedule demo/main");
  EXPECT_EQ(shown.text("/schedules/0/keep"), "24h:1h,30d:1d");
  EXPECT_EQ(shown.number("/schedules/0/every_seconds"), 3600);
  velo->ok("snapshot schedule demo/main --keep 2h:1h");
  shown = velo->json("snapshot schedule");
  EXPECT_EQ(shown.text("/schedules/0/keep"), "2h:1h");
  EXPECT_EQ(shown.number("/schedules/0/every_seconds"), 3600);
  EXPECT_THAT(velo->ok("snapshot schedule").out, HasSubstr("demo/main"));
  velo->ok("snapshot schedule demo/main --off");
  EXPECT_EQ(velo->json("snapshot schedule").size("/schedules"), 0U);

  velo->fails(3, "snapshot schedule demo/main --off");
  velo->fails(2, "snapshot schedule demo/main --keep 2h:1h");
  velo->fails(2, "snapshot schedule demo/main --every 10s");
  velo->fails(2, "snapshot schedule demo/main --every 1h --keep 1h");
  velo->fails(2, "snapshot schedule demo/main --every 1h --off");
  velo->fails(2, "snapshot schedule --every 1h");
  velo->fails(3, "snapshot schedule demo/nothing --every 1h");
  EXPECT_EQ(velo->json("snapshot schedule").size("/schedules"), 0U);
}

TEST_F(Schedules, DoctorTellsWhenNobodyRunsThem) {
  velo->ok("snapshot schedule demo/main --every 1d");
  EXPECT_THAT(velo->run("doctor").all(), HasSubstr("demo/main: its schedule"));
  velo->ok("snapshot run-schedule");
  EXPECT_THAT(velo->run("doctor").all(), testing::Not(HasSubstr("demo/main: its schedule")));
}

}  // namespace
}  // namespace velo::test
