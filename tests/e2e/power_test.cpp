// Servers outlive terminals and come back after the machine went down.
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "base/process.h"
#include "support/velo.h"

namespace velo::test {
namespace {

using Power = E2eTest;

TEST_F(Power, UpStartsWhatRanAndOnlyThat) {
  velo->create_project("demo");
  velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  velo->ok("branch create demo/dev");
  velo->ok("branch create demo/off");
  velo->ok("branch stop demo/off");
  for (const char* branch : {"demo/main", "demo/dev"}) velo->kill_server(branch);
  EXPECT_EQ(velo->state("demo/dev"), "down");

  const Json report = velo->json("up");
  EXPECT_EQ(report.size("/started"), 2U);
  EXPECT_EQ(report.size("/failed"), 0U);
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
  EXPECT_EQ(velo->value("demo/main", "SELECT x FROM t"), "1");
  EXPECT_EQ(velo->state("demo/off"), "stopped");
  EXPECT_EQ(velo->json("up").size("/already_running"), 2U);
}

TEST_F(Power, TheBootUnitShutsDownCleanlyAndNothingForgetsThatItRan) {
  const fs::path script = fs::path(VELO_SOURCE_DIR) / "packaging/systemd/stop-servers";
  if (::access(script.c_str(), R_OK) != 0) {
    GTEST_SKIP() << "this user cannot enter the repository's directory";
  }
  velo->create_project("demo");
  velo->ok("branch create demo/dev");
  // A clone's first start recovers; no later one may.
  const auto recoveries = [&] {
    const std::string log = velo->ok("logs demo/dev").out + velo->ok("logs demo/main").out;
    std::size_t count = 0;
    for (std::size_t at = log.find("was interrupted"); at != std::string::npos;
         at = log.find("was interrupted", at + 1)) {
      ++count;
    }
    return count;
  };
  const std::size_t before = recoveries();
  const Sql session = velo->sql("demo/dev");  // a client that stays connected must not hold it up
  const Cancellation never;
  const auto ran = velo::run({.argv = {"/bin/sh", script.string()},
                              .environment = velo->environment(),
                              .user = {},
                              .input = {}},
                             std::chrono::minutes(1), never);
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_EQ(ran->exit_status, 0) << ran->err;
  EXPECT_TRUE(servers_below(velo->volumes()).empty());
  EXPECT_NE(velo->ok("logs demo/dev").out.find("received fast shutdown request"),
            std::string::npos);
  EXPECT_EQ(velo->json("up").size("/started"), 2U);
  EXPECT_EQ(velo->value("demo/dev", "SELECT 1"), "1");
  EXPECT_EQ(recoveries(), before);
}

TEST_F(Power, UpGoesOnWhenOneBranchCannotStart) {
  velo->create_project("demo");
  velo->ok("branch create demo/broken");
  velo->ok("branch create demo/fine");
  const fs::path control = velo->data_directory("demo/broken") / "global/pg_control";
  for (const char* branch : {"demo/main", "demo/broken", "demo/fine"}) velo->kill_server(branch);
  fs::rename(control, control.string() + ".away");
  const Ran up = velo->run("up");
  EXPECT_EQ(up.exit_status, 1) << up.all();
  EXPECT_NE(up.err.find("demo/broken"), std::string::npos) << up.all();
  EXPECT_EQ(velo->state("demo/fine"), "running");
  fs::rename(control.string() + ".away", control);
  velo->ok("branch start demo/broken");
}

TEST_F(Power, ServersSurviveTheTerminalThatStartedThem) {
  velo->create_project("demo");
  velo->ok("branch stop demo/main");
  auto environment = velo->environment({"TERM=xterm"});
  {
    // The shell waits for a line that never comes, so it is there when the terminal goes.
    Terminal terminal({"/bin/sh", "-c",
                       Velo::binary("velo").string() + " branch start demo/main && " +
                           Velo::binary("velo").string() + " branch create demo/dev; " +
                           "echo all-done; read line"},
                      environment);
    ASSERT_TRUE(terminal.shows("all-done")) << terminal.screen();
    terminal.hang_up();
    EXPECT_EQ(terminal.wait(), 128 + SIGHUP);
  }
  EXPECT_EQ(velo->value("demo/main", "SELECT 1"), "1");
  EXPECT_EQ(velo->value("demo/dev", "SELECT 1"), "1");
  EXPECT_EQ(velo->state("demo/dev"), "running");
}

TEST_F(Power, CtrlCUndoesWhatWasBegun) {
  velo->create_project("demo");
  const fs::path gate = velo->home() / "gate";
  std::ofstream(gate) << "";
  auto environment = velo->environment({"TERM=xterm", "VELO_FAULT=branch.create/clone/done=wait",
                                        "VELO_FAULT_GATE=" + gate.string()});
  Terminal terminal({Velo::binary("velo-faults"), "branch", "create", "demo/dev"}, environment);
  ASSERT_TRUE(wait_until([&] { return velo->volume_names().size() == 2; }));
  terminal.type("\x03");
  fs::remove(gate);
  EXPECT_EQ(terminal.wait(), 130) << terminal.screen();
  EXPECT_EQ(velo->volume_names(), (std::vector<std::string>{"demo-main"}));
  velo->fails(3, "branch get demo/dev");
  velo->ok("branch create demo/dev");
}

TEST_F(Power, ReadersDoNotWaitForAnOperation) {
  velo->create_project("demo");
  const fs::path gate = velo->home() / "gate";
  std::ofstream(gate) << "";
  velo->set("VELO_FAULT=branch.create/clone/done=wait");
  velo->set("VELO_FAULT_GATE=" + gate.string());
  velo->use_binary("velo-faults");
  auto creating = velo->start("branch create demo/dev");
  EXPECT_TRUE(wait_until([&] { return velo->volume_names().size() == 2; }));
  const Json status = velo->json("status");
  EXPECT_EQ(status.size("/unfinished_operations"), 1U);
  EXPECT_EQ(status.text("/unfinished_operations/0/state"), "running");
  EXPECT_EQ(velo->json("branch list demo").size("/branches"), 1U) << "half a branch is shown";
  velo->fails(3, "branch get demo/dev");
  fs::remove(gate);
  EXPECT_EQ(creating.get().exit_status, 0);
}

TEST_F(Power, TheJournalTellsWhatACrashLeftAndWhoMendedIt) {
  velo->create_project("demo");
  velo->use_binary("velo-faults");
  const Ran killed =
      velo->run(words("branch create demo/dev"), {"VELO_FAULT=branch.create/clone/done=kill"});
  EXPECT_EQ(killed.exit_status, 128 + SIGKILL);
  velo->use_binary("velo");
  EXPECT_EQ(velo->json("operations").text("/operations/0/state"), "interrupted");
  EXPECT_NE(velo->ok("status").all().find("demo/dev"), std::string::npos);
  EXPECT_EQ(velo->volume_names().size(), 2U) << "reading must mend nothing";
  velo->ok("branch create demo/next");
  const Json operations = velo->json("operations");
  EXPECT_EQ(operations.text("/operations/1/state"), "undone");
  EXPECT_EQ(operations.text("/operations/1/recovery"), "undone");
  EXPECT_NE(operations.text("/operations/1/recovered_by").find("branch create demo/next"),
            std::string::npos);
  EXPECT_EQ(velo->volume_names(), (std::vector<std::string>{"demo-main", "demo-next"}));
}

}  // namespace
}  // namespace velo::test
