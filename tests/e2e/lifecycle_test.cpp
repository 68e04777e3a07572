// The rules of a branch's life.

#include <csignal>
#include <fstream>

#include "support/velo.h"

namespace velo::test {
namespace {

class Lifecycle : public E2eTest {
 protected:
  void SetUp() override {
    E2eTest::SetUp();
    if (!velo) return;
    velo->create_project("demo");
    velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  }
};

TEST_F(Lifecycle, MainCannotBeDeletedOrReset) {
  EXPECT_NE(velo->fails(2, "branch delete demo/main --force").err.find("main"), std::string::npos);
  velo->fails(2, "branch reset demo/main --force");
  EXPECT_EQ(velo->state("demo/main"), "running");
}

TEST_F(Lifecycle, DeletingAParentIsRefusedWithTheChildrensNames) {
  velo->ok("branch create demo/a");
  velo->ok("branch create demo/b --parent demo/a");
  velo->ok("branch create demo/c --parent demo/a");
  const Ran refused = velo->fails(4, "branch delete demo/a");
  EXPECT_NE(refused.err.find("demo/b"), std::string::npos) << refused.all();
  EXPECT_NE(refused.err.find("demo/c"), std::string::npos) << refused.all();
  EXPECT_EQ(velo->state("demo/a"), "running");
  velo->ok("branch delete demo/a --force");
  EXPECT_EQ(velo->json("branch list demo").texts("/branches", "full_name"),
            (std::vector<std::string>{"demo/main"}));
  EXPECT_EQ(servers_below(velo->volumes()).size(), 1U);
}

TEST_F(Lifecycle, AStoppedBranchStaysStopped) {
  velo->ok("branch create demo/a");
  velo->ok("branch create demo/b");
  velo->ok("branch stop demo/a");
  for (const char* command : {"status", "ls", "branch list", "project list", "branch get demo/a",
                              "branch reset demo/b --force", "branch create demo/c", "up"}) {
    velo->ok(command);
    EXPECT_EQ(velo->state("demo/a"), "stopped") << "after " << command;
  }
}

TEST_F(Lifecycle, AStoppedParentCanBeBranched) {
  velo->ok("branch stop demo/main");
  velo->ok("branch create demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
  EXPECT_EQ(velo->state("demo/main"), "stopped");
}

TEST_F(Lifecycle, AStoppedBranchCanBeResetAndDeleted) {
  velo->ok("branch create demo/dev");
  velo->sql("demo/dev").execute("UPDATE t SET x = 2");
  velo->ok("branch stop demo/dev");
  velo->ok("branch reset demo/dev");
  EXPECT_EQ(velo->state("demo/dev"), "stopped");
  velo->ok("branch start demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
  velo->ok("branch stop demo/dev");
  velo->ok("branch delete demo/dev");
  velo->fails(3, "branch start demo/dev");
}

TEST_F(Lifecycle, NoStartMakesAStoppedBranch) {
  velo->ok("branch create demo/dev --no-start");
  EXPECT_EQ(velo->state("demo/dev"), "stopped");
  EXPECT_EQ(servers_below(velo->volumes()).size(), 1U);
  velo->ok("branch start demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
}

TEST_F(Lifecycle, ABranchThatWasNeverStartedCanBeBranched) {
  velo->ok("branch create demo/a --no-start");
  velo->ok("branch create demo/b --parent demo/a");
  EXPECT_EQ(velo->value("demo/b", "SELECT x FROM t"), "1");
}

TEST_F(Lifecycle, StartAndStopOfWhatIsSoAlreadyIsSuccess) {
  const int pid = velo->pid("demo/main");
  velo->ok("branch start demo/main");
  EXPECT_EQ(velo->pid("demo/main"), pid);
  velo->ok("branch stop demo/main");
  velo->ok("branch stop demo/main");
  EXPECT_EQ(velo->state("demo/main"), "stopped");
}

TEST_F(Lifecycle, AStalePidFileIsNoObstacle) {
  const fs::path file = velo->data_directory("demo/main") / "postmaster.pid";
  std::ifstream running(file);
  const std::string content{std::istreambuf_iterator<char>(running), {}};
  velo->ok("branch stop demo/main");
  // The pid that it names is alive and is no server: ours, as after a reboot that gave it away.
  std::ofstream(file) << getpid() << content.substr(content.find('\n'));
  EXPECT_EQ(velo->state("demo/main"), "stopped");
  velo->ok("branch create demo/dev");
  velo->ok("branch start demo/main");
  EXPECT_EQ(velo->value("demo/main", "SELECT x FROM t"), "1");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
}

TEST_F(Lifecycle, ADeletedNameCanBeUsedAgain) {
  velo->ok("branch create demo/dev");
  const int port = velo->port("demo/dev");
  velo->sql("demo/dev").execute("UPDATE t SET x = 2");
  velo->ok("branch delete demo/dev");
  velo->ok("branch create demo/dev --port " + std::to_string(port));
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
  velo->ok("project delete demo --force");
  velo->create_project("demo");
  EXPECT_EQ(velo->json("branch list demo").size("/branches"), 1U);
}

TEST_F(Lifecycle, BranchesOfBranchesFollowTheirOwnParent) {
  velo->ok("branch create demo/a");
  velo->sql("demo/a").execute("UPDATE t SET x = 2");
  velo->ok("branch create demo/b --parent demo/a");
  velo->sql("demo/a").execute("UPDATE t SET x = 5");
  velo->ok("branch reset demo/b --force");
  EXPECT_EQ(velo->value("demo/b", "SELECT x FROM t"), "5");
}

TEST_F(Lifecycle, GraceZeroKeepsNothing) {
  velo->ok("config set grace 0");
  velo->ok("branch create demo/dev");
  velo->ok("branch reset demo/dev --force");
  velo->ok("branch delete demo/dev");
  EXPECT_EQ(velo->json("status").size("/kept"), 0U);
  velo->fails(3, "branch undelete demo/dev");
  velo->ok("branch restart demo/main");
  EXPECT_EQ(velo->volume_names(), (std::vector<std::string>{"demo-main"}));
}

TEST_F(Lifecycle, AProjectComesBackWithItsBranches) {
  velo->ok("branch create demo/dev");
  velo->sql("demo/dev").execute("UPDATE t SET x = 2");
  velo->ok("project delete demo --force");
  EXPECT_TRUE(servers_below(velo->volumes()).empty());
  velo->ok("project undelete demo");
  EXPECT_EQ(velo->json("branch list demo").texts("/branches", "full_name"),
            (std::vector<std::string>{"demo/main", "demo/dev"}));
  velo->ok("branch start demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "2");
}

}  // namespace
}  // namespace velo::test
