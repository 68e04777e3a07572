// What is deleted is kept, comes back whole, or goes for good when somebody says so.

#include <fmt/format.h>

#include "support/velo.h"

namespace velo::test {
namespace {

using Names = std::vector<std::string>;

class Keep : public E2eTest {
 protected:
  void SetUp() override {
    E2eTest::SetUp();
    if (!velo) return;
    velo->create_project("demo");
    velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  }

  /// demo/dev with x = 2, and below it demo/child with x = 3.
  void make_family() const {
    velo->ok("branch create demo/dev");
    velo->sql("demo/dev").execute("UPDATE t SET x = 2");
    velo->ok("branch create demo/child --parent demo/dev");
    velo->sql("demo/child").execute("UPDATE t SET x = 3");
  }
  Names branches() const { return velo->json("branch list").texts("/branches", "full_name"); }
  Names kept() const { return velo->json("status").texts("/kept", "branch"); }
};

TEST_F(Keep, AFamilyThatWasDeletedTogetherComesBackTogether) {
  make_family();
  velo->ok("branch create demo/early --parent demo/dev --no-start");
  velo->ok("branch delete demo/early");
  velo->ok("branch delete demo/dev --force");
  const std::string status = velo->ok("status").out;
  EXPECT_NE(status.find("velo branch undelete demo/dev"), std::string::npos) << status;
  EXPECT_EQ(status.find("velo branch undelete demo/child"), std::string::npos) << status;

  const Ran back = velo->ok("branch undelete demo/dev");
  EXPECT_NE(back.err.find("demo/dev with demo/child"), std::string::npos) << back.all();
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "2");
  EXPECT_EQ(velo->value("demo/child", "SELECT x FROM t"), "3");
  EXPECT_EQ(velo->json("branch get demo/child").text("/branch/parent"), "demo/dev");
  EXPECT_EQ(kept(), (Names{"demo/early"})) << "it was deleted on its own";
  velo->ok("branch undelete demo/early");
}

TEST_F(Keep, AFamilyDoesNotComeBackOverANameThatIsTaken) {
  make_family();
  velo->ok("branch delete demo/dev --force");
  velo->ok("branch create demo/child --no-start");
  const Ran refused = velo->fails(4, "branch undelete demo/dev");
  EXPECT_NE(refused.err.find("demo/child"), std::string::npos) << refused.all();
  EXPECT_EQ(branches(), (Names{"demo/main", "demo/child"}));
  velo->ok("branch delete demo/child --now");
  velo->ok("branch undelete demo/dev");
  EXPECT_EQ(velo->value("demo/child", "SELECT x FROM t"), "3");
}

TEST_F(Keep, WhatHasNoVolumeDoesNotComeBackAndCanBeForgotten) {
  make_family();
  velo->ok("branch delete demo/dev --force");
  fs::rename(velo->volumes() / "demo-child", velo->pool() / "hidden");
  const Ran refused = velo->fails(1, "branch undelete demo/dev");
  EXPECT_NE(refused.err.find("demo/child"), std::string::npos) << refused.all();
  EXPECT_EQ(branches(), (Names{"demo/main"})) << "half of the family";
  EXPECT_EQ(velo->json("status").size("/unfinished_operations"), 0U);
  EXPECT_EQ(velo->ok("branch restart demo/main").err.find("Warning"), std::string::npos);

  velo->ok("project delete demo");
  const fs::path main = velo->volumes() / "demo-main";
  fs::rename(main, velo->pool() / "hidden main");
  velo->fails(1, "project undelete demo");
  fs::rename(velo->pool() / "hidden main", main);
  velo->ok("project undelete demo");
  velo->ok("branch delete demo/dev --now");
  EXPECT_EQ(kept(), Names{});
  fs::remove_all(velo->pool() / "hidden");
}

// A server that does not start is told of once, and stands in nobody's way.
TEST_F(Keep, ABranchThatComesBackAndDoesNotStartCanBeDeletedAgain) {
  velo->ok("branch create demo/dev");
  const fs::path settings = velo->data_directory("demo/dev") / "postgresql.conf";
  velo->ok("branch delete demo/dev");
  fs::rename(settings, settings.string() + ".away");
  const Ran back = velo->ok("branch undelete demo/dev");
  EXPECT_NE(back.err.find("demo/dev does not start"), std::string::npos) << back.all();
  EXPECT_EQ(velo->state("demo/dev"), "down");
  EXPECT_EQ(velo->json("status").size("/unfinished_operations"), 0U);
  EXPECT_EQ(velo->ok("branch restart demo/main").err.find("Warning"), std::string::npos);
  velo->ok("branch delete demo/dev");
  fs::rename(settings.string() + ".away", settings);
  velo->ok("branch undelete demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
}

TEST_F(Keep, NowKeepsNothing) {
  make_family();
  const Ran refused = velo->fails(4, "branch delete demo/dev --now");
  EXPECT_NE(refused.err.find("velo branch delete demo/dev --now --force"), std::string::npos)
      << refused.all();
  const Ran gone = velo->ok("branch delete demo/dev --now --force");
  EXPECT_EQ(gone.out.find("Kept"), std::string::npos) << gone.all();
  EXPECT_EQ(kept(), Names{});
  EXPECT_EQ(velo->volume_names(), (Names{"demo-main"}));
  velo->fails(3, "branch undelete demo/dev");
}

TEST_F(Keep, NowFreesWhatWasDeletedBefore) {
  make_family();
  velo->ok("branch reset demo/dev --force");  // an earlier life of it is kept as well
  velo->ok("branch delete demo/dev --force");
  velo->fails(2, "branch delete demo/main --now");
  const Ran again = velo->fails(3, "branch delete demo/dev");
  EXPECT_NE(again.err.find("velo branch delete demo/dev --now"), std::string::npos) << again.all();
  velo->ok("branch delete demo/dev --now");  // what undelete would bring back, the child too
  EXPECT_EQ(velo->volume_names(), (Names{"demo-main"}));
  EXPECT_EQ(kept(), Names{});

  velo->ok("project delete demo");
  velo->fails(3, "project delete demo");
  velo->ok("project delete demo --now");
  EXPECT_EQ(velo->volume_names(), Names{});
  velo->fails(3, "project undelete demo");
}

// Nothing that is kept may be left without a way back.
TEST_F(Keep, WhatIsKeptBelowABranchGoesWithItOnlyByForce) {
  make_family();
  velo->ok("branch delete demo/child");
  const Ran refused = velo->fails(4, "branch delete demo/dev --now");
  EXPECT_NE(refused.err.find("demo/child"), std::string::npos) << refused.all();
  velo->ok("branch delete demo/dev");
  velo->fails(4, "branch delete demo/dev --now");
  velo->ok("branch delete demo/dev --now --force");
  EXPECT_EQ(velo->volume_names(), (Names{"demo-main"}));
}

TEST_F(Keep, AProjectThatGoesAtOnceTakesItsKeptBranchesAlong) {
  make_family();
  velo->ok("branch delete demo/child");
  velo->fails(4, "project delete demo --now");
  velo->ok("project delete demo --now --force");
  EXPECT_EQ(kept(), Names{});
  EXPECT_EQ(velo->volume_names(), Names{});
  EXPECT_TRUE(fs::is_empty(velo->home() / "tls"));
  const std::string status = velo->ok("status").out;
  EXPECT_EQ(status.find("undelete"), std::string::npos) << status;
}

TEST_F(Keep, AShorterGracePeriodHoldsForWhatIsKeptAlready) {
  make_family();
  velo->ok("snapshot create demo/child --label mine");
  velo->ok("branch delete demo/child");
  velo->ok("branch reset demo/dev --force");
  EXPECT_EQ(kept().size(), 2U);
  velo->ok("config set grace 12h");
  EXPECT_EQ(kept().size(), 2U);
  velo->ok("config set grace 48h");
  velo->ok("config set grace 0");
  EXPECT_EQ(kept(), Names{});
  EXPECT_EQ(velo->volume_names(), (Names{"demo-dev.2", "demo-main"}));
}

TEST_F(Keep, StepsOfSeveralBranchesSayWhichOneTheyAreOf) {
  make_family();
  const Ran deleted = velo->ok("branch delete demo/dev --force");
  const Ran back = velo->ok("branch undelete demo/dev");
  for (const char* branch : {"demo/dev", "demo/child"}) {
    EXPECT_NE(deleted.err.find(fmt::format("Stop PostgreSQL of {} ", branch)), std::string::npos)
        << deleted.all();
    EXPECT_NE(back.err.find(fmt::format("Start PostgreSQL of {} ", branch)), std::string::npos)
        << back.all();
  }
  const Ran gone = velo->ok("project delete demo --force --now");
  for (const char* volume : {"demo-main", "demo-dev", "demo-child"}) {
    EXPECT_NE(gone.err.find(fmt::format("Delete volume {} ", volume)), std::string::npos)
        << gone.all();
  }
}

TEST_F(Keep, AResetSaysHowItIsTakenBack) {
  velo->ok("branch create demo/dev");
  EXPECT_NE(velo->ok("branch reset demo/dev").out.find("velo branch undelete demo/dev"),
            std::string::npos);
  velo->ok("config set grace 0");
  EXPECT_NE(velo->ok("branch reset demo/dev").out.find("there is no way back"), std::string::npos);
}

}  // namespace
}  // namespace velo::test
