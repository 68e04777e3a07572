// Never two servers on one cluster, however they are started, and never a refusal without a way
// out.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "base/files.h"
#include "base/process.h"
#include "support/velo.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;

class OneServer : public PlacesTest {
 protected:
  void SetUp() override {
    PlacesTest::SetUp();
    if (IsSkipped() || !velo) return;
    velo->create_project(project());
    velo->sql(main()).execute("CREATE TABLE t AS SELECT 1 AS x");
  }
  /// Names of containers are the whole daemon's: each test has its own project.
  static std::string project() {
    std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    name = name.substr(0, name.find('/'));
    return name.substr(0, 30);
  }
  static std::string main() { return project() + "/main"; }
  bool in_containers() const { return GetParam().runtime == "docker"; }

  static Command as_server(std::vector<std::string> argv) {
    return {.argv = std::move(argv),
            .environment = clean_environment(),
            .user = running_as_root() ? std::optional(server_user()) : std::nullopt,
            .input = {}};
  }
  static std::string container_of(const std::string& branch) {
    std::string name = "velo-" + branch;
    std::ranges::replace(name, '/', '-');
    return name;
  }
  void expect_one_server(const std::string& branch) {
    const fs::path directory = velo->data_directory(branch);
    int postmasters = 0;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      std::error_code ignored;
      if (fs::read_symlink(entry.path() / "cwd", ignored) != directory) continue;
      // Its children are called "postgres: checkpointer" and such.
      const std::string line = read_file(entry.path() / "cmdline").value_or("");
      if (line.substr(0, line.find('\0')).ends_with("postgres")) ++postmasters;
    }
    EXPECT_EQ(postmasters, 1) << directory;
  }
};

TEST_P(OneServer, OfManyStartsAtOnceEachSucceedsAndOneServerRuns) {
  velo->ok("branch stop " + main());
  for (int round = 0; round < 2; ++round) {
    std::vector<std::future<Ran>> starts;
    for (int i = 0; i < 6; ++i) starts.push_back(velo->start("branch start " + main()));
    for (auto& start : starts) {
      const Ran ran = start.get();
      EXPECT_EQ(ran.exit_status, 0) << ran.all();
    }
    expect_one_server(main());
    EXPECT_EQ(velo->value(main(), "SELECT x FROM t"), "1");
    velo->kill_server(main());
  }
  velo->ok("branch start " + main());
}

// What a reboot leaves: a postmaster.pid whose number belongs to somebody else by now, even to a
// process of the servers' own user. It is never signalled, and never an obstacle.
TEST_P(OneServer, APidFileThatNamesALiveForeignProcessIsNeverBelieved) {
  velo->ok("branch create " + project() + "/dev");
  const std::string dev = project() + "/dev";
  const Fd nowhere = open_file("/dev/null", O_WRONLY).value();
  auto foreign = start_detached(as_server({"/usr/bin/sleep", "600"}), nowhere.get());
  ASSERT_TRUE(foreign);
  const auto leave_pid_file = [&] {
    velo->kill_server(dev);
    const fs::path file = velo->data_directory(dev) / "postmaster.pid";
    // In a container the daemon may have started it again already.
    std::string text = read_file(file).value_or("0\n\n\n\n");
    std::ofstream(file, std::ios::trunc) << foreign->pid() << text.substr(text.find('\n'));
  };
  for (const char* command : {"branch start ", "branch stop ", "branch restart ", "branch reset ",
                              "branch create --parent ", "branch delete "}) {
    SCOPED_TRACE(command);
    if (in_containers()) {
      run_docker({"stop", "-t", "1", container_of(dev)});
    }
    leave_pid_file();
    const std::string name = command + dev;
    velo->ok(std::string(command).find("--parent") == std::string::npos
                 ? name
                 : "branch create " + project() + "/child --parent " + dev);
    EXPECT_FALSE(foreign->wait(0ms).value()) << "the foreign process was ended";
    if (std::string(command).find("--parent") != std::string::npos) {
      velo->ok("branch delete " + project() + "/child");
    }
    if (std::string(command).find("delete") == std::string::npos) velo->ok("branch start " + dev);
  }
  EXPECT_TRUE(foreign->signal(SIGKILL));
  EXPECT_TRUE(foreign->wait(10s).value());
}

// A server that somebody starts by hand in the same moment: whoever comes second gives way.
TEST_P(OneServer, AStartByHandInTheSameMomentLeavesOne) {
  if (in_containers()) GTEST_SKIP() << "servers of containers are not started by hand here";
  const fs::path pgdata = velo->data_directory(main());
  const fs::path tool = "/usr/lib/postgresql/15/bin/pg_ctl";
  if (GetParam().major != 15)
    GTEST_SKIP() << "only Debian's own major has pg_ctl where it is known";
  for (int round = 0; round < 6; ++round) {
    velo->ok("branch stop " + main());
    auto by_velo = velo->start("branch start " + main());
    const Cancellation never;
    const auto by_hand =
        velo::run(as_server({tool, "-D", pgdata.string(), "-w", "-t", "20", "-l", "/dev/null", "-o",
                             "-c listen_addresses= -c unix_socket_directories=/tmp -c port=" +
                                 std::to_string(20000 + ::getpid() % 10000),
                             "start"}),
                  1min, never);
    const Ran velos = by_velo.get();
    ASSERT_TRUE(by_hand);
    EXPECT_TRUE(velos.exit_status == 0 || by_hand->exit_status == 0)
        << velos.all() << by_hand->out << by_hand->err;
    expect_one_server(main());
    EXPECT_EQ(velo->state(main()), "running");
    // And there is a way back to what Velo would have started.
    velo->ok("branch restart " + main());
    EXPECT_EQ(velo->value(main(), "SELECT x FROM t"), "1");
    if (HasFailure()) return;
  }
}

// A backend that outlives its postmaster would keep a removed volume's shared memory, and on btrfs
// the next volume takes over what that is known by.
TEST_P(OneServer, NothingWorksOnAVolumeThatIsRemoved) {
  if (in_containers()) GTEST_SKIP() << "a container's processes end with its first";
  velo->ok("config set grace 0");
  const std::string dev = project() + "/dev";
  for (const char* command : {"branch delete ", "branch reset ", "branch stop "}) {
    SCOPED_TRACE(command);
    if (velo->run("branch get " + dev).exit_status != 0) velo->ok("branch create " + dev);
    velo->ok("branch start " + dev);
    Sql session = velo->sql(dev);
    const int backend = std::stoi(session.value("SELECT pg_backend_pid()"));
    const int postmaster = velo->pid(dev);
    ASSERT_EQ(::kill(backend, SIGSTOP), 0);  // so that it does not notice
    ASSERT_EQ(::kill(postmaster, SIGKILL), 0);
    EXPECT_TRUE(wait_until([&] { return !is_alive(postmaster); }));
    velo->ok(command + dev);
    EXPECT_TRUE(wait_until([&] { return !is_alive(backend); }, 1s)) << "it works on what is gone";
  }
  velo->ok("branch start " + dev);
  EXPECT_EQ(velo->value(dev, "SELECT x FROM t"), "1");
}

class OneVolume : public OneServer {};

// A volume of containers that somebody opens with a server of this machine.
TEST_P(OneVolume, OpenedNativelyAndInAContainerHasOneServerAndAWayOut) {
  velo->ok("branch stop " + main());
  const fs::path pgdata = velo->data_directory(main());
  const fs::path socket = velo->home() / "hand";
  fs::create_directory(socket);
  // As whoever owns the files: in the lane's images not the servers' user of this machine.
  struct stat status{};
  ASSERT_EQ(::stat(pgdata.c_str(), &status), 0);
  const OsUser owner{.uid = status.st_uid, .gid = status.st_gid, .name = "owner", .home = "/"};
  ASSERT_EQ(::chown(socket.c_str(), owner.uid, owner.gid), 0);
  const std::string build = std::string(std::getenv("VELO_TEST_POSTGRES")) + "/17/bin/postgres";
  const Fd log = open_file(velo->home() / "hand.log", O_WRONLY | O_CREAT, 0600).value();
  auto by_hand =
      start_detached({.argv = {build, "-D", pgdata.string(), "-c", "listen_addresses=", "-c",
                               "unix_socket_directories=" + socket.string(), "-c", "ssl=off", "-c",
                               "hba_file=" + (pgdata / "pg_hba.conf").string()},
                      .environment = clean_environment(),
                      .user = owner,
                      .directory = "/",
                      .input = {}},
                     log.get());
  ASSERT_TRUE(by_hand);
  ASSERT_TRUE(wait_until([&] {
    return read_file(pgdata / "postmaster.pid").value_or("").find("ready") != std::string::npos;
  })) << read_file(velo->home() / "hand.log").value_or("");

  const Ran refused = velo->fails(4, "branch start " + main());
  EXPECT_NE(refused.err.find(std::to_string(by_hand->pid())), std::string::npos) << refused.all();
  EXPECT_NE(refused.err.find("kill -INT " + std::to_string(by_hand->pid())), std::string::npos)
      << "the way out\n"
      << refused.all();
  EXPECT_FALSE(by_hand->wait(0ms).value()) << "the server by hand goes on";
  // The way out that it names.
  ASSERT_TRUE(by_hand->signal(SIGINT));
  ASSERT_TRUE(by_hand->wait(30s).value());
  velo->ok("branch start " + main());
  EXPECT_EQ(velo->value(main(), "SELECT x FROM t"), "1");
  expect_one_server(main());
}

class OneVolumeOfProcesses : public OneServer {};

// A volume of processes that somebody opens in a container.
TEST_P(OneVolumeOfProcesses, OpenedInAContainerHasOneServerAndAWayOut) {
  if (!docker_daemon()) GTEST_SKIP() << "no Docker daemon of the tests' own";
  velo->ok("branch stop " + main());
  const fs::path pgdata = velo->data_directory(main());
  struct stat status{};
  ASSERT_EQ(::stat(pgdata.c_str(), &status), 0);
  const std::string name = "velo-test-hand-" + std::to_string(::getpid());
  run_docker({"run",
              "-d",
              "--name",
              name,
              "--network",
              "none",
              "--user",
              std::to_string(status.st_uid) + ":" + std::to_string(status.st_gid),
              "-v",
              pgdata.string() + ":" + pgdata.string(),
              "-e",
              "PGDATA=" + pgdata.string(),
              "--entrypoint",
              "/usr/lib/postgresql/15/bin/postgres",
              "postgres:15-alpine",
              "-D",
              pgdata.string(),
              "-c",
              "listen_addresses=",
              "-c",
              "unix_socket_directories=/tmp",
              "-c",
              "ssl=off",
              "-c",
              "hba_file=" + (pgdata / "pg_hba.conf").string()});
  EXPECT_TRUE(wait_until([&] {
    return read_file(pgdata / "postmaster.pid").value_or("").find("ready") != std::string::npos;
  })) << run_docker({"logs", name});
  const Ran refused = velo->fails(4, "branch start " + main());
  EXPECT_NE(refused.err.find("kill -INT "), std::string::npos) << refused.all();
  EXPECT_EQ(run_docker({"inspect", "--format", "{{.State.Running}}", name}), "true\n");
  run_docker({"stop", name});
  run_docker({"rm", "-v", name});
  velo->ok("branch start " + main());
  EXPECT_EQ(velo->value(main(), "SELECT x FROM t"), "1");
  expect_one_server(main());
}

INSTANTIATE_TEST_SUITE_P(
    Places, OneServer,
    testing::Values(Where{.driver = "btrfs", .major = 15}, Where{.driver = "copy", .major = 15},
                    Where{.driver = "btrfs", .major = 17, .runtime = "docker"}),
    param_name);
INSTANTIATE_TEST_SUITE_P(Places, OneVolume,
                         testing::Values(Where{
                             .driver = "btrfs", .major = 17, .runtime = "docker"}),
                         param_name);
INSTANTIATE_TEST_SUITE_P(docker, OneVolumeOfProcesses,
                         testing::Values(Where{.driver = "btrfs", .major = 15}), param_name);

}  // namespace
}  // namespace velo::test
