// What can go wrong with a daemon and its containers, and what a person is told of it.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <csignal>

#include "base/fd.h"
#include "base/process.h"
#include "docker_test.h"
#include "proxy.h"
#include "support/small_pool.h"

namespace velo::test {
namespace {

class DockerFaults : public DockerTest {};

using Names = std::vector<std::string>;

TEST_F(DockerFaults, AContainerThatWasStoppedRenamedOrRemovedByHandIsToldAndComesBack) {
  velo->create_project("byhand");
  velo->sql("byhand/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  const std::string name = container_of("byhand/main");

  run_docker({"stop", name});
  EXPECT_EQ(velo->state("byhand/main"), "down");
  EXPECT_NE(velo->ok("status").out.find(name + " was stopped"), std::string::npos);
  velo->ok("branch start byhand/main");
  EXPECT_EQ(velo->value("byhand/main", "SELECT x FROM t"), "1");

  run_docker({"rename", name, name + "-renamed"});
  EXPECT_EQ(velo->state("byhand/main"), "running");
  EXPECT_NE(velo->ok("status").out.find("was renamed to " + name + "-renamed"), std::string::npos);
  velo->ok("branch restart byhand/main");
  EXPECT_EQ(containers(), Names{name});

  run_docker({"rm", "-f", name});
  EXPECT_EQ(velo->state("byhand/main"), "down");
  EXPECT_NE(velo->ok("status").out.find("its container is gone"), std::string::npos);
  velo->ok("branch start byhand/main");
  EXPECT_EQ(velo->value("byhand/main", "SELECT x FROM t"), "1");
}

TEST_F(DockerFaults, ABranchThatWasStoppedByHandCanBeResetAndDeleted) {
  velo->create_project("stopped");
  velo->ok("branch create stopped/dev");
  const std::string name = container_of("stopped/dev");
  for (const char* how : {"stop", "kill"}) {
    SCOPED_TRACE(how);
    run_docker({how, name});
    velo->ok("branch reset stopped/dev");
    EXPECT_EQ(velo->state("stopped/dev"), "running");
  }
  velo->ok("branch stop stopped/dev");
  velo->ok("branch reset stopped/dev");
  EXPECT_EQ(velo->state("stopped/dev"), "stopped");
  velo->ok("branch start stopped/dev");
  run_docker({"stop", name});
  velo->ok("branch delete stopped/dev");
  EXPECT_EQ(containers(), Names{container_of("stopped/main")});
}

// Whatever of it dies, the container ends with its server, and Docker or the next command starts
// both.
TEST_F(DockerFaults, AServerThatIsKilledComesBackWithAllThatWasCommitted) {
  velo->create_project("killed");
  velo->sql("killed/main").execute("CREATE TABLE n (x int)");
  const auto kill_postmaster = [&] {
    const int postmaster = velo->pid("killed/main");
    ASSERT_GT(postmaster, 1);
    ::kill(postmaster, SIGKILL);
    EXPECT_TRUE(wait_until([&] { return !is_alive(postmaster); }));
  };
  int committed = 0;
  for (int i = 0; i < 2; ++i) {
    Sql sql = velo->sql("killed/main");
    for (int j = 0; j < 20; ++j, ++committed) sql.execute("INSERT INTO n VALUES (1)");
    kill_postmaster();
    velo->ok("branch start killed/main");
    EXPECT_EQ(velo->value("killed/main", "SELECT count(*) FROM n"), std::to_string(committed));
  }
  kill_postmaster();
  velo->ok("branch create killed/dev");
  EXPECT_EQ(velo->value("killed/dev", "SELECT count(*) FROM n"), std::to_string(committed));
  EXPECT_EQ(containers().size(), 2U);
}

TEST_F(DockerFaults, ATakenPortIsNamedAndNothingIsLeftBehind) {
  velo->create_project("taken");
  velo->ok("branch stop taken/main");
  const int port = velo->port("taken/main");
  {
    const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(static_cast<uint16_t>(port));
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    ASSERT_EQ(::listen(socket.get(), 1), 0);
    const Ran ran = velo->fails(4, "branch start taken/main");
    EXPECT_NE(ran.err.find(std::to_string(port)), std::string::npos) << ran.all();
    EXPECT_EQ(containers(), Names{});
  }
  velo->ok("branch start taken/main");
}

TEST_F(DockerFaults, WhatAnEntrypointSaysAtItsEndReachesTheUser) {
  const std::string image =
      image_with("velo-test-broken:1",
                 R"(ENTRYPOINT ["/bin/sh", "-c", "echo the licence has run out >&2; exit 3"])");
  auto words = velo->project_words("broken");
  words.insert(words.end(), {"--image", image});
  words.erase(std::ranges::find(words, "--pg-version"),
              std::ranges::find(words, "--pg-version") + 2);
  const Ran ran = velo->fails(1, words);
  EXPECT_NE(ran.err.find("the licence has run out"), std::string::npos) << ran.all();
  EXPECT_EQ(containers(), Names{});
  EXPECT_EQ(velo->volume_names(), Names{});
  EXPECT_EQ(velo->json("project list").size("/projects"), 0U);
}

TEST_F(DockerFaults, AnImageThatCannotBePulledIsNamedAndNothingIsLeftBehind) {
  auto words = velo->project_words("none");
  words.insert(words.end(), {"--image", "localhost:1/velo-test/none:1"});
  const Ran ran = velo->run(words);
  EXPECT_NE(ran.exit_status, 0);
  EXPECT_NE(ran.err.find("the image localhost:1/velo-test/none:1 could not be pulled"),
            std::string::npos)
      << ran.all();
  EXPECT_EQ(velo->volume_names(), Names{});
  EXPECT_EQ(velo->json("project list").size("/projects"), 0U);
}

TEST_F(DockerFaults, ADaemonThatGoesAwayMidCreateLeavesNothingOnceItIsBack) {
  velo->create_project("away");
  const std::string daemon = docker_daemon().value().substr(std::string("unix://").size());
  Proxy proxy(velo->home() / "proxy", daemon);
  velo->set("DOCKER_HOST=" + proxy.endpoint());
  for (const char* request : {"/containers/create", "/start HTTP"}) {
    SCOPED_TRACE(request);
    proxy.cut_at(request);
    const Ran ran = velo->fails(1, "branch create away/dev");
    EXPECT_TRUE(proxy.is_cut());
    EXPECT_NE(ran.err.find("does not answer"), std::string::npos) << ran.all();
    // Reading goes on without it, and says why it knows no better.
    EXPECT_NE(velo->ok("status").out.find("does not answer"), std::string::npos);
    proxy.mend();
    velo->ok("branch create away/next --no-start");  // a changing command: it mends
    velo->ok("branch delete away/next");
    EXPECT_EQ(containers(), Names{container_of("away/main")});
    EXPECT_EQ(velo->json("status").size("/unfinished_operations"), 0U);
    velo->fails(3, "branch get away/dev");
  }
  velo->ok("branch create away/dev");
}

TEST_F(DockerFaults, AnUnmountedPoolIsNeverInitialised) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  SmallPool pool("btrfs");
  velo->ok({"project", "create", "naked", "--runtime", "docker", "--pool", pool.place().string()});
  velo->sql("naked/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  const std::string name = container_of("naked/main");
  run_docker({"stop", name});
  pool.unmount();
  // Docker starts it as it would after a reboot: it must not run.
  const Cancellation never;
  const auto started =
      velo::run({.argv = {"/usr/bin/docker", "start", name},
                 .environment = {"PATH=/usr/bin:/bin", "DOCKER_HOST=" + docker_daemon().value()},
                 .user = {},
                 .input = {}},
                std::chrono::minutes(1), never);
  ASSERT_TRUE(started);
  EXPECT_NE(started->exit_status, 0);
  EXPECT_EQ(inspect(name, "{{.State.Running}}"), "false");
  EXPECT_TRUE(fs::is_empty(pool.place())) << "nothing was made under the mount point";
  EXPECT_EQ(velo->state("naked/main"), "missing");
  run_docker({"rm", "-f", "-v", name});
}

TEST_F(DockerFaults, ADaemonThatIsDownIsNoReasonToChangeTheRuntime) {
  velo->create_project("stays");
  velo->set("DOCKER_HOST=unix:///nonexistent/docker.sock");
  const Ran ran = velo->fails(1, "branch create stays/dev");
  EXPECT_NE(ran.err.find("/nonexistent/docker.sock does not answer"), std::string::npos)
      << ran.all();
  EXPECT_EQ(velo->json("branch get stays/main").text("/branch/runtime"), "docker");
  EXPECT_EQ(velo->volume_names(), Names{"stays-main"});
}

}  // namespace
}  // namespace velo::test
