// Servers that hang, when they start and when they stop: every wait ends, by itself or by Ctrl-C,
// says why, and there is a way back.
#include <algorithm>
#include <csignal>
#include <fstream>
#include <functional>
#include <sstream>

#include "base/files.h"
#include "support/doctor.h"
#include "support/velo.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;

class Hanging : public PlacesTest {
 protected:
  void SetUp() override {
    PlacesTest::SetUp();
    if (IsSkipped() || !velo) return;
    velo->create_project("hang");
    velo->sql("hang/main").execute("CREATE TABLE t AS SELECT 1 AS x");
    velo->ok("branch create hang/dev");
    velo->use_binary("velo-faults");
  }
  /// The same waits, in seconds instead of minutes.
  Ran hurried(const std::string& line, int hurry = 20) const {
    return velo->run(words(line), {"VELO_FAULT_HURRY=" + std::to_string(hurry)});
  }
  bool in_containers() const { return GetParam().runtime == "docker"; }

  std::vector<int> processes_of(const std::string& branch) const {
    const fs::path directory = velo->data_directory(branch);
    std::vector<int> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      std::error_code ignored;
      if (fs::read_symlink(entry.path() / "cwd", ignored) == directory) {
        found.push_back(std::stoi(name));
      }
    }
    return found;
  }
  void signal_all(const std::string& branch, int number) const {
    for (const int pid : processes_of(branch)) ::kill(pid, number);
  }

  /// Other tests' containers on this daemon may be called the same.
  std::string container_of(const std::string& branch) const {
    const std::string pgdata = velo->data_directory(branch).string();
    std::istringstream list(run_docker({"ps", "--format", "{{.ID}} {{.Label \"velo.volume\"}}"}));
    std::string id;
    for (std::string volume; list >> id >> volume;) {
      if (pgdata.starts_with(volume + "/")) return id;
    }
    ADD_FAILURE() << branch << " has no container";
    return {};
  }

  /// A start of hang/dev will wait for a program that does not end.
  void let_its_recovery_hang() const {
    velo->ok("branch stop hang/dev");
    const fs::path pgdata = velo->data_directory("hang/dev");
    std::ofstream(pgdata / "postgresql.auto.conf", std::ios::app)
        << "restore_command = 'tail -f /dev/null'\n";
    std::ofstream(pgdata / "recovery.signal") << "";
  }
  void mend() const { fs::remove(velo->data_directory("hang/dev") / "recovery.signal"); }

  static void expect_within(std::chrono::seconds limit, const std::function<void()>& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    EXPECT_LT(std::chrono::steady_clock::now() - start, limit);
  }
};

TEST_P(Hanging, AStartThatNeverEndsIsGivenUpAndSaysSo) {
  let_its_recovery_hang();
  expect_within(60s, [&] {
    const Ran given_up = hurried("branch start hang/dev", 200);
    EXPECT_EQ(given_up.exit_status, 1) << given_up.all();
    EXPECT_NE(given_up.err.find("was not ready after"), std::string::npos) << given_up.all();
    EXPECT_NE(given_up.err.find("velo logs hang/dev"), std::string::npos) << given_up.all();
  });
  EXPECT_TRUE(wait_until([&] { return processes_of("hang/dev").empty(); })) << "left behind";
  EXPECT_EQ(velo->json("status").size("/unfinished_operations"), 0U);
  // A reset needs nothing of what it had.
  velo->ok("branch reset hang/dev --force");
  velo->ok("branch start hang/dev");
  EXPECT_EQ(velo->value("hang/dev", "SELECT x FROM t"), "1");

  let_its_recovery_hang();
  EXPECT_EQ(hurried("branch start hang/dev", 200).exit_status, 1);
  mend();
  velo->ok("branch start hang/dev");
  EXPECT_EQ(velo->value("hang/dev", "SELECT x FROM t"), "1");
}

TEST_P(Hanging, AStartThatHangsEndsByCtrlC) {
  velo->use_binary("velo");
  let_its_recovery_hang();
  Terminal terminal({Velo::binary("velo"), "branch", "start", "hang/dev"},
                    velo->environment({"TERM=xterm"}));
  ASSERT_TRUE(
      wait_until([&] { return !terminal.has_ended() && !processes_of("hang/dev").empty(); }));
  expect_within(20s, [&] {
    terminal.signal(SIGINT);
    EXPECT_EQ(terminal.wait(), 130) << terminal.screen();
  });
  EXPECT_TRUE(wait_until([&] { return processes_of("hang/dev").empty(); })) << "left behind";
  mend();
  velo->ok("branch start hang/dev");
  EXPECT_EQ(velo->value("hang/dev", "SELECT x FROM t"), "1");
}

TEST_P(Hanging, AServerThatDoesNotStopIsEnded) {
  for (const char* command : {"branch stop hang/dev", "branch restart hang/dev",
                              "branch reset hang/dev --force", "branch delete hang/dev"}) {
    SCOPED_TRACE(command);
    if (in_containers()) {
      run_docker({"pause", container_of("hang/dev")});
    } else {
      signal_all("hang/dev", SIGSTOP);
    }
    const std::vector<int> hung = processes_of("hang/dev");
    expect_within(60s, [&] {
      const Ran ended = hurried(command);
      EXPECT_EQ(ended.exit_status, 0) << ended.all();
    });
    for (const int pid : hung) {
      EXPECT_TRUE(wait_until([&] { return !is_alive(pid); }, 10s)) << pid << " goes on";
    }
    EXPECT_EQ(velo->json("status").size("/unfinished_operations"), 0U);
    if (std::string(command).find("delete") != std::string::npos) break;
    velo->ok("branch start hang/dev");
    EXPECT_EQ(velo->value("hang/dev", "SELECT x FROM t"), "1");
  }
  EXPECT_EQ(doctor(*velo).troubles(), std::vector<std::string>{});
}

// One backend that does not react, as one that waits for a dead disk.
TEST_P(Hanging, ABackendThatDoesNotEndHoldsUpNoStop) {
  Sql session = velo->sql("hang/dev");
  const std::vector<int> before = processes_of("hang/dev");
  Sql other = velo->sql("hang/dev");
  std::vector<int> fresh;
  for (const int pid : processes_of("hang/dev")) {
    if (std::ranges::count(before, pid) == 0) fresh.push_back(pid);
  }
  ASSERT_FALSE(fresh.empty());
  for (const int pid : fresh) ::kill(pid, SIGSTOP);
  expect_within(60s, [&] {
    const Ran stopped = hurried("branch stop hang/dev");
    EXPECT_EQ(stopped.exit_status, 0) << stopped.all();
  });
  EXPECT_TRUE(wait_until([&] { return processes_of("hang/dev").empty(); }));
  velo->ok("branch start hang/dev");
  EXPECT_EQ(velo->value("hang/dev", "SELECT x FROM t"), "1");
}

TEST_P(Hanging, AParentThatHangsIsClonedOrRefusedInBoundedTime) {
  const bool atomic = GetParam().driver == "btrfs" || GetParam().driver == "zfs";
  const std::string container = in_containers() ? container_of("hang/main") : "";
  if (in_containers()) {
    run_docker({"pause", container});
  } else {
    signal_all("hang/main", SIGSTOP);
  }
  expect_within(90s, [&] {
    const Ran created = velo->run("branch create hang/new");
    EXPECT_EQ(created.exit_status, atomic ? 0 : 1) << created.all();
    EXPECT_NE(created.err.find("did not answer within"), std::string::npos) << created.all();
  });
  expect_within(60s, [&] { velo->ok("status"); });
  if (in_containers()) {
    run_docker({"unpause", container});
  } else {
    signal_all("hang/main", SIGCONT);
  }
  if (atomic) {
    EXPECT_EQ(velo->value("hang/new", "SELECT x FROM t"), "1");
  } else {
    velo->ok("branch create hang/new");
  }
  EXPECT_EQ(velo->value("hang/main", "SELECT x FROM t"), "1");
}

// It hangs once the control connection stands: in the middle of its checkpoint. Ctrl-C still works.
TEST_P(Hanging, AParentThatHangsInItsCheckpointIsLeftByCtrlC) {
  if (in_containers()) GTEST_SKIP() << "the same server, which is not the runtime's affair";
  velo->sql("hang/main").execute("CREATE TABLE much AS SELECT generate_series(1, 100000) AS x");
  int checkpointer = 0;
  for (const int pid : processes_of("hang/main")) {
    const std::string title = read_file("/proc/" + std::to_string(pid) + "/cmdline").value_or("");
    if (title.find("checkpointer") != std::string::npos) checkpointer = pid;
  }
  ASSERT_NE(checkpointer, 0);
  ::kill(checkpointer, SIGSTOP);
  Terminal terminal({Velo::binary("velo"), "branch", "create", "hang/new"},
                    velo->environment({"TERM=xterm"}));
  EXPECT_TRUE(terminal.shows("Checkpoint"));
  ::kill(velo->pid("hang/main"), SIGSTOP);
  expect_within(30s, [&] {
    terminal.signal(SIGINT);
    EXPECT_EQ(terminal.wait(), 130) << terminal.screen();
  });
  signal_all("hang/main", SIGCONT);
  velo->fails(3, "branch get hang/new");
  velo->ok("branch create hang/new");
  EXPECT_EQ(velo->value("hang/new", "SELECT count(*) FROM much"), "100000");
}

INSTANTIATE_TEST_SUITE_P(Places, Hanging,
                         testing::Values(Where{.driver = "btrfs"}, Where{.driver = "copy"},
                                         Where{
                                             .driver = "btrfs", .major = 17, .runtime = "docker"}),
                         param_name);

}  // namespace
}  // namespace velo::test
