// The contract of runtime/runtime.h, on every runtime there is.
#include <csignal>

#include "postgres/cluster.h"
#include "runtime/postmasters.h"
#include "runtime_fixture.h"

namespace velo::runtime {
namespace {

class RuntimeContract : public RuntimeFixture, public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override { set_up(GetParam()); }
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

// As the next command does it when whoever started it was killed just then.
TEST_P(RuntimeContract, AServerThatHasOnlyJustBeenStartedIsStoppedToo) {
  ASSERT_TRUE(runtime_->start(spec_));
  ASSERT_TRUE(runtime_->stop(spec_.pgdata, StopMode::fast));
  EXPECT_FALSE(postmasters_in({spec_.pgdata}).front()) << "it has not written postmaster.pid yet";
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

TEST_P(RuntimeContract, ManyClustersAreLookedAtAsOne) {
  ASSERT_TRUE(start());
  const fs::path none = dir_.path() / "fs/none";
  const auto all = runtime_->inspect_all({none, spec_.pgdata}, cancel_);
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->size(), 2U);
  EXPECT_FALSE(all->at(0).runs);
  const Seen one = seen();
  EXPECT_TRUE(all->at(1).runs);
  EXPECT_TRUE(all->at(1).is_ready);
  EXPECT_EQ(all->at(1).pid, one.pid);
  EXPECT_EQ(all->at(1).remark, one.remark);
  EXPECT_LE(std::chrono::abs(all->at(1).started_at - one.started_at), 2s);
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
