// The contract of runtime/runtime.h, on every runtime there is.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include "base/files.h"
#include "postgres/certificate.h"
#include "postgres/cluster.h"
#include "runtime/registry.h"
#include "support/environment.h"

namespace velo::runtime {
namespace {

using namespace std::chrono_literals;
using test::TempDirectory;

int unused_port() {
  const Fd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  EXPECT_EQ(::bind(probe.get(), reinterpret_cast<sockaddr*>(&name), size), 0);
  EXPECT_EQ(::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&name), &size), 0);
  return ntohs(name.sin_port);
}

class RuntimeContract : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "docker") {
      VELO_NEEDS_PLACE(test::docker_daemon(), "VELO_TEST_DOCKER");
      ::setenv("DOCKER_HOST", test::docker_daemon()->c_str(), 1);
    }
    runtime_ = open_runtime(GetParam()).value();
    const auto build = runtime_->choose_build({.major = 0,
                                               .home = "/nonexistent",
                                               .path_variable = "/usr/bin",
                                               .server_user = test::server_user()},
                                              cancel_);
    ASSERT_TRUE(build) << build.error().message;
    spec_.build = *build;
    give(dir_.path());
    for (const char* name : {"fs", "run", "tls"}) {
      ASSERT_TRUE(create_directory(dir_.path() / name, 0700));
      give(dir_.path() / name);
    }
    spec_ = {.build = *build,
             .project = "contract",
             .branch = "main",
             .root = dir_.path() / "fs",
             .pgdata = dir_.path() / "fs/pgdata",
             .run_directory = dir_.path() / "run",
             .log = dir_.path() / "log",
             .address = "127.0.0.1",
             .port = unused_port(),
             .certificate = dir_.path() / "tls/server.crt",
             .certificate_key = dir_.path() / "tls/server.key",
             .overrides = {}};
    write_certificate();
    make_cluster();
  }

  void write_certificate() const {
    const postgres::Certificate certificate = postgres::make_certificate("test").value();
    const ActAs owner(spec_.build.owner);
    ASSERT_TRUE(write_file(spec_.certificate, certificate.certificate_pem, 0600));
    ASSERT_TRUE(write_file(spec_.certificate_key, certificate.key_pem, 0600));
  }

  void make_cluster() {
    const auto made = runtime_->make_cluster(spec_, {}, cancel_);
    ASSERT_TRUE(made) << made.error().message << made.error().detail;
  }

  void TearDown() override {
    if (runtime_) {
      EXPECT_TRUE(runtime_->stop(spec_.pgdata, StopMode::immediate));
    }
  }

  void give(const fs::path& path) const {
    const OsUser& user = spec_.build.owner;
    if (running_as_root()) {
      ASSERT_EQ(::chown(path.c_str(), user.uid, user.gid), 0);
    }
  }

  /// Starts and waits.
  Result<void> start() {
    const auto starting = TRY(runtime_->start(spec_));
    return starting->await_ready(60s, cancel_);
  }

  Seen seen() const {
    const auto server = runtime_->inspect(spec_.pgdata);
    EXPECT_TRUE(server) << server.error().message;
    return server.value_or(Seen{});
  }
  pid_t pid() const { return seen().pid; }

  TempDirectory dir_;
  std::unique_ptr<Runtime> runtime_;
  ServerSpec spec_;
  Cancellation cancel_;
};

TEST_P(RuntimeContract, AServerIsReadyWhenAwaitReadyReturnsAndGoneWhenStopReturns) {
  EXPECT_EQ(pid(), 0);
  const auto started = start();
  ASSERT_TRUE(started) << started.error().message << started.error().detail;
  EXPECT_TRUE(seen().runs);
  EXPECT_TRUE(seen().is_ready);
  EXPECT_GT(pid(), 0);
  ASSERT_TRUE(runtime_->stop(spec_.pgdata, StopMode::fast));
  EXPECT_EQ(pid(), 0);
  EXPECT_EQ(postgres::read_control_file(spec_.pgdata)->state, postgres::ClusterState::shut_down);
  EXPECT_TRUE(runtime_->stop(spec_.pgdata, StopMode::fast)) << "none running is success";
}

TEST_P(RuntimeContract, AnImmediateStopLeavesAClusterThatRecovers) {
  ASSERT_TRUE(start());
  ASSERT_TRUE(runtime_->stop(spec_.pgdata, StopMode::immediate));
  EXPECT_EQ(postgres::read_control_file(spec_.pgdata)->state,
            postgres::ClusterState::in_production);
  EXPECT_TRUE(start());
}

TEST_P(RuntimeContract, AStalePidFileOfALivingForeignProcessIsNoObstacle) {
  ASSERT_TRUE(start());
  ASSERT_TRUE(runtime_->stop(spec_.pgdata, StopMode::fast));
  {
    const ActAs owner(spec_.build.owner);
    const std::string stale = fmt::format("{}\n{}\n1\n{}\n\n127.0.0.1\n1 1\nready\n", ::getpid(),
                                          spec_.pgdata.string(), spec_.port);
    ASSERT_TRUE(write_file(spec_.pgdata / "postmaster.pid", stale, 0600));
  }
  EXPECT_EQ(pid(), 0);
  EXPECT_TRUE(start());
}

TEST_P(RuntimeContract, ATakenPortIsToldBeforeAnythingStarts) {
  const Fd taken(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<uint16_t>(spec_.port));
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(taken.get(), reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  ASSERT_EQ(::listen(taken.get(), 1), 0);
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::in_use);
  EXPECT_NE(started.error().message.find(std::to_string(spec_.port)), std::string::npos);
}

TEST_P(RuntimeContract, AServerThatCannotStartTellsTheEndOfItsLogAndLeavesNone) {
  spec_.overrides.emplace_back("shared_buffers", "nonsense");
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::server);
  EXPECT_NE(started.error().detail.find("shared_buffers"), std::string::npos)
      << started.error().detail;
  EXPECT_EQ(pid(), 0);
}

TEST_P(RuntimeContract, ABuildThatIsGoneIsNamed) {
  spec_.build.bin = "/nonexistent/bin";
  spec_.build.image = "nonexistent/bin:1";
  spec_.build.digest = "sha256:" + std::string(64, '0');
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::not_found);
  EXPECT_NE(started.error().message.find("nonexistent/bin"), std::string::npos);
}

TEST_P(RuntimeContract, ManyClustersAreSeenAtOnceEachAsAlone) {
  ASSERT_TRUE(start());
  const auto all = runtime_->inspect_all({dir_.path() / "none/pgdata", spec_.pgdata}, cancel_);
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->size(), 2U);
  EXPECT_FALSE(all->at(0).runs);
  EXPECT_TRUE(all->at(1).runs);
  EXPECT_TRUE(all->at(1).is_ready);
  EXPECT_EQ(all->at(1).pid, seen().pid);
}

TEST_P(RuntimeContract, WhatItHoldsIsListedWithTheClusterItIsFor) {
  ASSERT_TRUE(start());
  const auto held = runtime_->list(cancel_);
  ASSERT_TRUE(held) << held.error().message;
  const auto own = std::ranges::count(*held, spec_.pgdata, &Held::pgdata);
  if (GetParam() == "native") {
    EXPECT_EQ(held->size(), 0U) << "a process holds nothing beside its files";
    return;
  }
  ASSERT_EQ(own, 1);
  const auto one = std::ranges::find(*held, spec_.pgdata, &Held::pgdata);
  EXPECT_EQ(one->log, spec_.log);
  EXPECT_NE(one->removed_by, "");
}

TEST_P(RuntimeContract, ABuildIsFoundOrToldWithWhatToDo) {
  const auto found = runtime_->find_build(spec_.build, cancel_);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, "");
  Build gone = spec_.build;
  if (!gone.bin.empty()) gone.bin = "/nonexistent/bin";
  if (!gone.image.empty()) {
    gone.image = "nonexistent/bin:1";
    gone.digest = "sha256:" + std::string(64, '0');
  }
  const auto missing = runtime_->find_build(gone, cancel_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_NE(missing.error().hint, "");
}

TEST_P(RuntimeContract, ReloadReachesTheServer) {
  EXPECT_TRUE(runtime_->reload(spec_.pgdata)) << "none running is success";
  ASSERT_TRUE(start());
  EXPECT_TRUE(runtime_->reload(spec_.pgdata));
  EXPECT_NE(pid(), 0);
}

TEST_P(RuntimeContract, ACancelledWaitStopsWhatWasStarted) {
  const auto starting = runtime_->start(spec_);
  ASSERT_TRUE(starting);
  cancel_.request();
  const auto waited = (*starting)->await_ready(60s, cancel_);
  // Whoever is ready at the first look is ready; else the wait is given up and nothing runs.
  if (!waited) {
    EXPECT_EQ(waited.error().code, Errc::interrupted);
    EXPECT_EQ(pid(), 0);
  }
}

TEST_P(RuntimeContract, ServersRunUnprivilegedInTheirOwnSessionWithACleanEnvironment) {
  ::setenv("VELO_SECRET_OF_THE_CALLER", "x", 1);
  ASSERT_TRUE(start());
  const pid_t server = pid();
  EXPECT_NE(::getsid(server), ::getsid(0));
  const std::string environment = read_file(fmt::format("/proc/{}/environ", server)).value_or("");
  EXPECT_EQ(environment.find("VELO_SECRET"), std::string::npos);
  const std::string status = read_file(fmt::format("/proc/{}/status", server)).value_or("");
  EXPECT_NE(status.find(fmt::format("Uid:\t{}", spec_.build.owner.uid)), std::string::npos)
      << status;
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const RuntimeInfo& info : runtimes()) all.emplace_back(info.name);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Every, RuntimeContract, testing::ValuesIn(names()),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace velo::runtime
