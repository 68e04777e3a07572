// Defects 8 to 15: branches that were stuck or broken.
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "base/fd.h"
#include "defects.h"

namespace velo::test {
namespace {

TEST_P(Defect, Number8AStoppedBranchCanBeDeletedAndReset) {
  velo->create_project("demo");
  velo->ok("branch create demo/dev");
  velo->ok("branch stop demo/dev");
  velo->ok("branch reset demo/dev");
  velo->ok("branch delete demo/dev");
}

TEST_P(Defect, Number9WhatAKilledCreateLeftIsNoObstacle) {
  make_project();
  velo->ok("config set grace 0");
  const auto before = velo->volume_names();
  for (const char* point : {"branch.create/clone/done", "branch.create/start/done"}) {
    velo->use_binary("velo-faults");
    const Ran killed =
        velo->run(words("branch create demo/dev"), {"VELO_FAULT=" + std::string(point) + "=kill"});
    velo->use_binary("velo");
    EXPECT_EQ(killed.exit_status, 128 + SIGKILL) << point << "\n" << killed.all();
    velo->ok("branch create demo/dev");  // the same once more
    EXPECT_EQ(rows("demo/dev"), "1");
    EXPECT_EQ(velo->volume_names().size(), before.size() + 1);
    EXPECT_EQ(servers_below(velo->volumes()).size(), 2U);
    velo->ok("branch delete demo/dev");
    EXPECT_EQ(velo->volume_names(), before);
  }
}

TEST_P(Defect, Number10BranchesXAndXTempAreNothingToEachOther) {
  make_project();
  velo->ok("branch create demo/x");
  velo->ok("branch create demo/x-temp");
  velo->ok("branch create demo/x-2");
  for (int i = 0; i < 2; ++i) {
    velo->ok("branch reset demo/x --force");
    velo->ok("branch reset demo/x-temp --force");
  }
  for (const char* branch : {"demo/x", "demo/x-temp", "demo/x-2"}) EXPECT_EQ(rows(branch), "1");
}

// That a daemon which is restarted publishes the same ports: docker/daemon_test.cpp.
TEST_P(Defect, Number11PortsStayWhateverEndsAServer) {
  make_project();
  velo->ok("branch create demo/dev");
  const std::string main = velo->url("demo/main");
  const std::string dev = velo->url("demo/dev");
  for (const char* branch : {"demo/main", "demo/dev"}) end_behind_velos_back(branch);
  velo->ok("up");
  for (const std::string& url : {main, dev}) {
    Sql sql(url);
    ASSERT_TRUE(sql.connected()) << sql.error();
  }
  EXPECT_EQ(velo->url("demo/dev"), dev);
  const std::string port = ":" + std::to_string(velo->port("demo/dev")) + "/";
  EXPECT_NE(dev.find(port), std::string::npos);
  EXPECT_NE(velo->ok("branch list demo").out.find(std::to_string(velo->port("demo/dev"))),
            std::string::npos);
}

TEST_P(Defect, Number12TheTruthIsTheMachineNotTheRecord) {
  make_project();
  velo->ok("branch create demo/dev");
  end_behind_velos_back("demo/dev");
  EXPECT_EQ(velo->state("demo/dev"), "down");
  EXPECT_NE(velo->ok("status").out.find("down"), std::string::npos);
  velo->ok("branch start demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT i FROM t"), "1");

  end_behind_velos_back("demo/dev");
  velo->ok("branch reset demo/dev --force");
  EXPECT_EQ(velo->value("demo/dev", "SELECT i FROM t"), "1");
  EXPECT_EQ(velo->state("demo/dev"), "running");

  end_behind_velos_back("demo/dev");
  velo->ok("branch create demo/child --parent demo/dev");
  EXPECT_EQ(velo->value("demo/child", "SELECT i FROM t"), "1");
  end_behind_velos_back("demo/child");
  velo->ok("branch delete demo/child");
  velo->ok("branch restart demo/dev");
  EXPECT_EQ(velo->state("demo/dev"), "running");
}

// Where a postmaster is killed but one of its backends goes on, a second server on the same files
// would destroy them.
TEST_P(Defect, Number12NoSecondServerBesideAnOrphanedBackend) {
  if (in_containers()) GTEST_SKIP() << "a container ends all of its processes";
  velo->create_project("demo");
  Sql session = velo->sql("demo/main");
  const int backend = std::stoi(session.value("SELECT pg_backend_pid()"));
  const int postmaster = velo->pid("demo/main");
  ASSERT_EQ(::kill(backend, SIGSTOP), 0);  // so that it does not notice
  ASSERT_EQ(::kill(postmaster, SIGKILL), 0);
  EXPECT_TRUE(wait_until([&] { return !is_alive(postmaster); }));
  const Ran refused = velo->fails(4, "branch start demo/main");
  EXPECT_NE(refused.err.find(std::to_string(backend)), std::string::npos) << refused.all();
  ASSERT_EQ(::kill(backend, SIGCONT), 0);
  velo->ok("branch start demo/main");
  EXPECT_EQ(velo->value("demo/main", "SELECT 1"), "1");
}

TEST_P(Defect, Number13AMomentThatIsNotArchivedYetIsServedOrExplained) {
  make_project();
  const std::string moment = to_rfc3339(moment_between());
  add("demo/main", 2);
  // Nothing of this segment is archived, and nobody switches it.
  velo->ok("branch create demo/then --pitr " + moment);
  EXPECT_EQ(rows("demo/then"), "1");
  velo->ok("branch create demo/now --pitr now");
  EXPECT_EQ(rows("demo/now"), "1,2");
  const Ran future = velo->fails(2, "branch create demo/x --pitr 2099-01-01T00:00:00Z");
  EXPECT_NE(future.err.find("has not come yet"), std::string::npos) << future.all();
}

TEST_P(Defect, Number14ReadyMeansReady) {
  velo->create_project("demo");
  Sql main(velo->url("demo/main"));
  ASSERT_TRUE(main.connected()) << main.error();
  const std::string started = main.value("SELECT pg_postmaster_start_time()");
  velo->ok("branch create demo/dev");
  EXPECT_EQ(main.value("SELECT pg_postmaster_start_time()"), started) << "that was another server";
  const std::string url = velo->url("demo/dev");
  for (const char* command :
       {"branch restart demo/dev", "branch reset demo/dev --force", "branch restart demo/dev"}) {
    velo->ok(command);
    Sql sql(url);  // once, at once
    ASSERT_TRUE(sql.connected()) << command << ": " << sql.error();
    EXPECT_EQ(sql.value("SELECT pg_is_in_recovery()"), "f");
    EXPECT_TRUE(sql.try_execute("CREATE TABLE IF NOT EXISTS at_once (x int)"));
  }
}

/// A column of a table in /proc/net/snmp: "Ip: Forwarding … OutNoRoutes …", then the numbers.
std::int64_t network_counter(const std::string& protocol, const std::string& column) {
  std::ifstream file("/proc/thread-self/net/snmp");
  std::string names;
  std::string numbers;
  while (std::getline(file, names) && std::getline(file, numbers)) {
    if (!names.starts_with(protocol + ":")) continue;
    const auto columns = words(names);
    const auto found = std::ranges::find(columns, column);
    if (found == columns.end()) break;
    return std::stoll(words(numbers).at(static_cast<std::size_t>(found - columns.begin())));
  }
  ADD_FAILURE() << "no " << column << " in " << protocol;
  return -1;
}

/// Moves this (single-threaded) process into a network of its own that has nothing but loopback.
bool leave_the_network() {
  const uid_t user = ::geteuid();
  const gid_t group = ::getegid();
  if (::unshare(user == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
  if (user != 0) {
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << user << " " << user << " 1";
    std::ofstream("/proc/self/gid_map") << group << " " << group << " 1";
  }
  const Fd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq loopback{};
  std::string("lo").copy(static_cast<char*>(loopback.ifr_name), IFNAMSIZ - 1);
  loopback.ifr_flags = IFF_UP | IFF_RUNNING;
  return ::ioctl(any.get(), SIOCSIFFLAGS, &loopback) == 0;
}

// The kernel counts each attempt to reach an address without a route, and each datagram (a look-up
// of a name is one, wherever the resolver is).
TEST_P(Defect, Number15NothingIsLookedUpOnTheNetwork) {
  if (!leave_the_network()) {
    if (places_are_required()) FAIL() << "no network namespace can be made";
    GTEST_SKIP() << "this user may not make a network namespace";
  }
  velo->create_project("demo");
  for (const char* command :
       {"branch create demo/dev", "branch reset demo/dev --force", "branch stop demo/dev",
        "branch start demo/dev", "branch password demo/dev", "status", "branch delete demo/dev",
        "project delete demo --force"}) {
    velo->ok(command);
  }
  EXPECT_EQ(network_counter("Ip", "OutNoRoutes"), 0);
  EXPECT_EQ(network_counter("Udp", "OutDatagrams"), 0);
}

}  // namespace
}  // namespace velo::test
