// Branches whose daemon is restarted under them. It is every test's daemon: nothing else runs
// meanwhile (RUN_SERIAL in tests/CMakeLists.txt).
#include <fcntl.h>
#include <csignal>

#include <fstream>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "docker_test.h"

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
  void stop() {
    const int daemon = pid();
    const std::string line = read_file("/proc/" + std::to_string(daemon) + "/cmdline").value();
    for (const std::string_view word : split(line, '\0')) {
      if (!word.empty()) command_.emplace_back(word);
    }
    command_.front() = "/usr/sbin/dockerd";
    ::kill(daemon, SIGTERM);
    EXPECT_TRUE(wait_until([&] { return !is_alive(daemon); }, 60s));
  }
  void start() {
    const Fd nowhere = open_file("/dev/null", O_WRONLY).value();
    ASSERT_TRUE(start_detached({.argv = command_,
                                .environment = clean_environment(),
                                .user = {},
                                .directory = "/",
                                .input = {}},
                               nowhere.get()));
    EXPECT_TRUE(wait_until(
        [&] { return velo->run("branch get up/main").out.find("running") != std::string::npos; },
        60s));
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

}  // namespace
}  // namespace velo::test
