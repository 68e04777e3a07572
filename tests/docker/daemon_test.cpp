// Branches whose daemon is restarted under them. It is every test's daemon: nothing else runs
// meanwhile (RUN_SERIAL in tests/CMakeLists.txt).
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "docker_test.h"
#include "support/doctor.h"
#include "support/small_pool.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;

class DockerDaemon : public DockerTest {
 protected:
  static fs::path place() {
    return fs::path(docker_daemon().value().substr(std::string("unix://").size())).parent_path();
  }
  static int pid() {
    int number = 0;
    std::ifstream(place() / "pid") >> number;
    return number;
  }
  /// Ends it, gently as the machine does, and keeps how it was called.
  void stop() { end_by(SIGTERM); }
  void end_by(int number) {
    const int daemon = pid();
    const std::string line = read_file("/proc/" + std::to_string(daemon) + "/cmdline").value();
    command_.clear();
    for (const std::string_view word : split(line, '\0')) {
      if (!word.empty()) command_.emplace_back(word);
    }
    command_.front() = "/usr/sbin/dockerd";
    int containerd = 0;  // goes with it, a moment later
    std::ifstream(place() / "run/containerd/containerd.pid") >> containerd;
    ::kill(daemon, number);
    EXPECT_TRUE(wait_until([&] { return !is_alive(daemon) && !is_alive(containerd); }, 60s));
  }
  void start() {
    start_again();
    EXPECT_TRUE(wait_until(
        [&] { return velo->run("branch get up/main").out.find("running") != std::string::npos; },
        60s));
  }
  void start_again() {
    // One that was killed leaves them, and by now the numbers in them may be somebody else's.
    fs::remove(place() / "pid");
    fs::remove(place() / "run/containerd/containerd.pid");
    const fs::path log = place().string() + ".again.log";
    const Fd output = open_file(log, O_WRONLY | O_CREAT | O_TRUNC).value();
    ASSERT_TRUE(start_detached({.argv = command_,
                                .environment = clean_environment(),
                                .user = {},
                                .directory = "/",
                                .input = {}},
                               output.get()));
    EXPECT_TRUE(wait_until([&] { return daemon_answers(); }, 60s)) << read_file(log).value_or("");
  }
  static bool daemon_answers() {
    const Cancellation never;
    const auto ran =
        velo::run({.argv = {"/usr/bin/docker", "version"},
                   .environment = {"PATH=/usr/bin:/bin", "DOCKER_HOST=" + docker_daemon().value()},
                   .user = {},
                   .input = {}},
                  30s, never);
    return ran && ran->exit_status == 0;
  }

 private:
  std::vector<std::string> command_;
};

TEST_F(DockerDaemon, RestartedUnderRunningBranchesItBringsThemBack) {
  if (!fs::exists(place() / "pid")) GTEST_SKIP() << "the daemon is not the lane's";
  velo->create_project("up");
  velo->sql("up/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  velo->ok("branch create up/dev");
  velo->ok("branch create up/stopped");
  velo->ok("branch stop up/stopped");
  const std::string url = velo->url("up/dev");  // the port in it stays

  stop();
  EXPECT_NE(velo->ok("status").out.find("does not answer"), std::string::npos);
  EXPECT_EQ(velo->state("up/main"), "down");
  velo->fails(1, "branch create up/more");

  start();
  EXPECT_TRUE(wait_until([&] { return velo->state("up/dev") == "running"; }, 60s));
  EXPECT_TRUE(wait_until([&] { return Sql(url).connected(); }, 60s));
  EXPECT_EQ(velo->value("up/dev", "SELECT x FROM t"), "1");
  EXPECT_EQ(velo->state("up/stopped"), "stopped");
  velo->ok("branch create up/more");
  velo->ok("up");
}

TEST_F(DockerDaemon, KilledUnderRunningBranchesItComesBackAndNothingIsLost) {
  if (!fs::exists(place() / "pid")) GTEST_SKIP() << "the daemon is not the lane's";
  velo->create_project("up");
  velo->ok("branch create up/dev");
  Sql sql = velo->sql("up/dev");
  sql.execute("CREATE TABLE n (x int)");
  int committed = 0;
  for (; committed < 50; ++committed) sql.execute("INSERT INTO n VALUES (1)");

  end_by(SIGKILL);
  // Reading says so, and changes are refused, at once.
  EXPECT_NE(velo->ok("status").out.find("does not answer"), std::string::npos);
  for (const char* line : {"branch create up/more", "branch stop up/dev", "branch start up/dev",
                           "branch reset up/dev --force"}) {
    const Ran refused = velo->fails(1, line);
    EXPECT_NE(refused.err.find("does not answer"), std::string::npos) << refused.all();
  }
  // What that left waits for the daemon; it is told of once in each command, not with each attempt.
  const std::size_t unfinished = velo->json("status").size("/unfinished_operations");
  const Ran again = velo->run("branch start up/dev");
  EXPECT_NE(again.exit_status, 0) << again.all();
  std::size_t told = 0;
  const std::string words = "could not be mended yet";
  for (std::size_t at = again.err.find(words); at != std::string::npos;
       at = again.err.find(words, at + 1)) {
    ++told;
  }
  EXPECT_EQ(told, unfinished) << again.all();
  // The server needs no daemon to serve.
  while (committed < 60 && sql.try_execute("INSERT INTO n VALUES (1)")) ++committed;

  start_again();
  velo->ok("up");
  EXPECT_EQ(velo->state("up/dev"), "running");
  EXPECT_TRUE(wait_until([&] { return Sql(velo->url("up/dev")).connected(); }, 60s));
  EXPECT_EQ(velo->value("up/dev", "SELECT count(*) FROM n"), std::to_string(committed));
  EXPECT_EQ(velo->json("status").size("/unfinished_operations"), 0U);
  velo->ok("branch create up/more");
  velo->ok("branch restart up/dev");
  EXPECT_EQ(velo->value("up/dev", "SELECT count(*) FROM n"), std::to_string(committed));
}

TEST_F(DockerDaemon, StartedBeforeThePoolIsMountedItMakesNothingAndUpMendsIt) {
  if (!fs::exists(place() / "pid")) GTEST_SKIP() << "the daemon is not the lane's";
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  SmallPool pool("btrfs");
  velo->ok({"project", "create", "up", "--runtime", "docker", "--pool", pool.place().string()});
  velo->sql("up/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  stop();
  pool.unmount();
  start_again();
  EXPECT_EQ(velo->state("up/main"), "missing");
  const Ran refused = velo->run("up");
  EXPECT_EQ(refused.exit_status, 1) << refused.all();
  EXPECT_NE(refused.all().find("mount it"), std::string::npos) << refused.all();
  EXPECT_TRUE(fs::is_empty(pool.place())) << "nothing was made under the mount point";
  expect_nothing_called_lost(doctor(*velo));

  pool.mount();
  velo->ok("up");
  EXPECT_EQ(velo->value("up/main", "SELECT x FROM t"), "1");
  EXPECT_EQ(doctor(*velo).troubles(), std::vector<std::string>{});
  velo->ok("config set grace 0");
  velo->ok("project delete up --force");
}

}  // namespace
}  // namespace velo::test
