// What the earlier Velo made, taken over and given back: its form on disk, its containers and its
// state.json, with directories of a btrfs pool where it had ZFS datasets (`velo state import
// --pool`).
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>

#include "docker_test.h"
#include "support/doctor.h"

namespace velo::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string btrfs_tool = "/usr/bin/btrfs";
const std::string password = "the-earlier-password";

int unused_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ::close(fd);
  return ntohs(address.sin_port);
}

/// The earlier Velo's project `imp`: main, which runs, and dev, which does not.
class Import : public DockerTest {
 protected:
  void SetUp() override {
    DockerTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    base = velo->pool() / "velo/databases";
    fs::create_directories(base);
    run_tool({btrfs_tool, "subvolume", "create", dataset("main").string()});
    fs::permissions(dataset("main"), fs::perms(0755));
    run("main", ports[0]);
    earlier("main").execute("CREATE TABLE t AS SELECT 1 AS x");
    earlier("main").execute("CHECKPOINT");
    run_tool(
        {btrfs_tool, "subvolume", "snapshot", dataset("main").string(), dataset("dev").string()});
    fs::remove(dataset("dev") / "pgdata/postmaster.pid");
    run("dev", ports[1]);
    earlier("dev").execute("UPDATE t SET x = 2");
    run_docker({"stop", "velo-imp-dev"});
    std::ofstream(file()) << state();
  }

  void TearDown() override {
    std::istringstream names(
        run_docker({"ps", "--all", "--filter", "name=^/velo-imp-", "--format", "{{.Names}}"}));
    for (std::string name; names >> name;) run_docker({"rm", "-f", "-v", name});
    if (!velo) return;
    velo->run("project delete imp --force --now");
    for (const char* name : {"main", "dev"}) {
      if (fs::exists(dataset(name))) run_tool({btrfs_tool, "subvolume", "delete", dataset(name)});
    }
    DockerTest::TearDown();
  }

  fs::path dataset(const std::string& branch) const { return base / ("imp-" + branch); }
  fs::path file() const { return velo->home() / "earlier-state.json"; }

  void run(const std::string& branch, int port) const {
    run_docker({"run", "--detach", "--name", "velo-imp-" + branch, "--restart", "unless-stopped",
                "--publish", std::to_string(port) + ":5432", "--env",
                "POSTGRES_PASSWORD=" + password, "--env", "POSTGRES_USER=boss", "--env",
                "POSTGRES_DB=postgres", "--env", "PGDATA=/var/lib/postgresql/data/pgdata",
                "--volume", dataset(branch).string() + ":/var/lib/postgresql/data",
                "postgres:17-alpine",
                // Which the official image's postgresql.conf says.
                "postgres", "-c", "listen_addresses=*"});
    ASSERT_TRUE(wait_until([&] { return Sql(url_of(port)).connected(); })) << branch;
  }
  static std::string url_of(int port) {
    return fmt::format("postgresql://boss:{}@127.0.0.1:{}/postgres?connect_timeout=5", password,
                       port);
  }
  Sql earlier(const std::string& branch) const {
    return Sql(url_of(branch == "main" ? ports[0] : ports[1]));
  }

  std::string state() const {
    const auto branch = [&](const char* id, const char* name, const char* parent, int port,
                            const char* status) {
      return fmt::format(
          R"({{"id": "{0}", "name": "imp/{1}", "projectName": "imp", "parentBranchId": {2},
              "isPrimary": {3}, "snapshotName": null, "zfsDataset": "imp-{1}", "port": {4},
              "createdAt": "2025-10-07T14:30:00.000Z", "status": "{5}"}})",
          id, name, parent, std::string_view(name) == "main", port, status);
    };
    return fmt::format(
        R"({{"version": "1.0.0", "initializedAt": "2025-10-07T14:00:00.000Z", "zfsPool": "tank",
            "zfsDatasetBase": "velo/databases", "snapshots": [], "projects": [{{"id": "p",
            "name": "imp", "dockerImage": "postgres:17-alpine", "sslCertDir": "/none",
            "createdAt": "2025-10-07T14:30:00.000Z",
            "credentials": {{"username": "boss", "password": "{}", "database": "postgres"}},
            "branches": [{}, {}]}}]}})",
        password, branch("m", "main", "null", ports[0], "running"),
        branch("d", "dev", "\"m\"", ports[1], "stopped"));
  }
  std::string line(const std::string& more = "") const {
    return fmt::format("state import {} --pool {}{}", file().string(), velo->pool().string(), more);
  }
  static std::string words_of(const fs::path& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  void expect_as_it_was(const std::string& main_x) {
    EXPECT_EQ(inspect("velo-imp-main", "{{.State.Running}} {{.HostConfig.RestartPolicy.Name}}"),
              "true unless-stopped");
    EXPECT_EQ(inspect("velo-imp-dev", "{{.State.Running}} {{.HostConfig.RestartPolicy.Name}}"),
              "false unless-stopped");
    ASSERT_TRUE(wait_until([&] { return earlier("main").connected(); }));
    EXPECT_EQ(earlier("main").value("SELECT x FROM t"), main_x);
    EXPECT_EQ(velo->run("project get imp").exit_status, 3);
    for (const char* name : {"main", "dev"}) {
      EXPECT_TRUE(fs::exists(dataset(name) / "pgdata/PG_VERSION"));
      EXPECT_FALSE(fs::exists(dataset(name) / "pgdata/velo.conf"));
      EXPECT_FALSE(fs::exists(velo->volumes() / (std::string("imp-") + name)));
    }
    EXPECT_THAT(doctor(*velo).troubles(), IsEmpty());
  }

  fs::path base;
  std::array<int, 2> ports{unused_port(), unused_port()};
};

TEST_F(Import, TakesOverAndGivesBack) {
  const std::string hba = words_of(dataset("main") / "pgdata/pg_hba.conf");
  const std::string conf = words_of(dataset("main") / "pgdata/postgresql.conf");
  const std::string before = words_of(file());
  const Json dry = velo->json(line(" --dry-run"));
  EXPECT_EQ(dry.texts("/branches", "name"), (std::vector<std::string>{"imp/main", "imp/dev"}));
  expect_as_it_was("1");

  const Ran ran = velo->ok(line());
  EXPECT_EQ(ran.all().find(password), std::string::npos);
  EXPECT_EQ(velo->port("imp/main"), ports[0]);
  EXPECT_EQ(velo->value("imp/main", "SELECT x FROM t"), "1");
  EXPECT_EQ(velo->value("imp/main", "SELECT current_user || ' ' || current_database()"),
            "boss postgres");
  EXPECT_EQ(velo->state("imp/dev"), "stopped");
  EXPECT_EQ(velo->json("branch get imp/dev").text("/branch/parent"), "imp/main");
  EXPECT_FALSE(earlier("main").connected()) << "the password of all branches";
  EXPECT_THAT(doctor(*velo).troubles(), IsEmpty());
  velo->ok("branch start imp/dev");
  EXPECT_EQ(velo->value("imp/dev", "SELECT x FROM t"), "2");
  velo->ok("branch create imp/new");
  EXPECT_EQ(velo->value("imp/new", "SELECT x FROM t"), "1");
  velo->sql("imp/main").execute("UPDATE t SET x = 9");
  EXPECT_THAT(velo->fails(4, line()).err, HasSubstr("already"));

  EXPECT_THAT(velo->fails(4, line(" --undo")).err, HasSubstr("velo branch delete imp/new --now"));
  velo->ok("branch delete imp/new --now");
  velo->ok("branch stop imp/dev");
  velo->ok(line(" --undo"));
  expect_as_it_was("9");
  EXPECT_EQ(words_of(dataset("main") / "pgdata/pg_hba.conf"), hba);
  EXPECT_EQ(words_of(dataset("main") / "pgdata/postgresql.conf"), conf);
  EXPECT_EQ(words_of(file()), before);
  velo->ok(line());  // and once more
  EXPECT_EQ(velo->value("imp/main", "SELECT x FROM t"), "9");
}

TEST_F(Import, KilledAnywhereItIsUndoneByTheNextCommand) {
  velo->use_binary("velo-faults");
  const fs::path trace = velo->home() / "trace";
  ASSERT_EQ(velo->run(words(line()), {"VELO_FAULT_TRACE=" + trace.string()}).exit_status, 0);
  velo->ok(line(" --undo"));
  std::vector<std::string> points;
  std::istringstream lines(words_of(trace));
  for (std::string point; std::getline(lines, point);) {
    if (point.starts_with("state.import/") && std::ranges::count(points, point) == 0) {
      points.push_back(point);
    }
  }
  ASSERT_THAT(points, Contains("state.import/commit"));
  for (const std::string& point : points) {
    SCOPED_TRACE(point);
    EXPECT_EQ(velo->run(words(line()), {"VELO_FAULT=" + point + "=kill"}).exit_status, 137);
    velo->ok("config set guard 1");
    velo->run("doctor --fix");
    if (velo->run("project get imp").exit_status == 0) {
      EXPECT_EQ(velo->value("imp/main", "SELECT x FROM t"), "1");
      velo->ok(line(" --undo"));
    }
    expect_as_it_was("1");
  }
}

}  // namespace
}  // namespace velo::test
