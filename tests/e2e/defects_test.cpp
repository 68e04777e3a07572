// Defects of the earlier Velo, by their number in its list: each test would have caught one. (5, 7
// and 10 are in lifecycle_test.cpp, 9 in the kill lane, 19 in settings_test.cpp, 20 in
// security_test.cpp.)
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <set>

#include "base/fd.h"
#include "support/velo.h"

namespace velo::test {
namespace {

using Defect = E2eTest;

TEST_F(Defect, Number6ParallelCreatesAreAllRecorded) {
  velo->create_project("demo");
  velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  std::vector<std::future<Ran>> running;
  for (int i = 0; i < 8; ++i) {
    running.push_back(velo->start("branch create demo/p" + std::to_string(i)));
  }
  for (auto& ran : running) {
    const Ran done = ran.get();
    EXPECT_EQ(done.exit_status, 0) << done.all();
  }
  const Json list = velo->json("branch list demo");
  EXPECT_EQ(list.size("/branches"), 9U);
  std::set<std::int64_t> ports;
  for (std::size_t i = 0; i < list.size("/branches"); ++i) {
    const std::string branch = "/branches/" + std::to_string(i);
    EXPECT_EQ(list.text(branch + "/state"), "running");
    ports.insert(list.number(branch + "/port"));
    EXPECT_EQ(velo->value(list.text(branch + "/full_name"), "SELECT x FROM t"), "1");
  }
  EXPECT_EQ(ports.size(), 9U);
  EXPECT_EQ(servers_below(velo->volumes()).size(), 9U);
}

TEST_F(Defect, Number6ParallelCommandsOnTheSameNameHaveOneWinner) {
  velo->create_project("demo");
  std::vector<std::future<Ran>> running;
  for (int i = 0; i < 4; ++i) running.push_back(velo->start("branch create demo/same"));
  int winners = 0;
  for (auto& ran : running) {
    const Ran done = ran.get();
    if (done.exit_status == 0) ++winners;
    if (done.exit_status != 0) {
      EXPECT_EQ(done.exit_status, 4) << done.all();
    }
  }
  EXPECT_EQ(winners, 1);
  EXPECT_EQ(velo->volume_names().size(), 2U);
}

TEST_F(Defect, Number8AStoppedBranchCanBeDeletedAndReset) {
  velo->create_project("demo");
  velo->ok("branch create demo/dev");
  velo->ok("branch stop demo/dev");
  velo->ok("branch reset demo/dev");
  velo->ok("branch delete demo/dev");
}

TEST_F(Defect, Number12TheTruthIsTheMachineNotTheRecord) {
  velo->create_project("demo");
  velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  velo->ok("branch create demo/dev");
  velo->kill_server("demo/dev");
  EXPECT_EQ(velo->state("demo/dev"), "down");
  EXPECT_NE(velo->ok("status").out.find("down"), std::string::npos);
  velo->ok("branch start demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");

  velo->kill_server("demo/dev");
  velo->ok("branch reset demo/dev --force");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
  EXPECT_EQ(velo->state("demo/dev"), "running");

  velo->kill_server("demo/dev");
  velo->ok("branch create demo/child --parent demo/dev");
  EXPECT_EQ(velo->value("demo/child", "SELECT x FROM t"), "1");
  velo->kill_server("demo/child");
  velo->ok("branch delete demo/child");
  velo->ok("branch restart demo/dev");
  EXPECT_EQ(velo->state("demo/dev"), "running");
}

// Where a postmaster is killed but one of its backends goes on, a second server on the same files
// would destroy them.
TEST_F(Defect, Number12NoSecondServerBesideAnOrphanedBackend) {
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

TEST_F(Defect, Number14ReadyMeansReady) {
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
TEST_F(Defect, Number15NothingIsLookedUpOnTheNetwork) {
  if (!leave_the_network()) GTEST_SKIP() << "this user may not make a network namespace";
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

TEST_F(Defect, Number16CreatesAndResetsLeaveNoSnapshots) {
  velo->ok("config set grace 0");
  velo->create_project("demo");
  const auto before = velo->volume_names();
  velo->ok("branch create demo/dev");
  for (int i = 0; i < 3; ++i) velo->ok("branch reset demo/dev --force");
  EXPECT_EQ(velo->volume_names().size(), before.size() + 1);
  EXPECT_EQ(velo->json("snapshot list").size("/snapshots"), 1U) << "the project's own base";
  velo->ok("branch delete demo/dev");
  EXPECT_EQ(velo->volume_names(), before);
}

TEST_F(Defect, Number21AliasesExist) {
  velo->ok("proj ls");
  for (const std::string& word : std::vector<std::string>{"create", "delete"}) {
    velo->ok("project " + word + " --help");
  }
  std::vector<std::string> create = velo->project_words("demo");
  create[0] = "proj";
  velo->ok(create);
  for (const char* line :
       {"br create demo/dev", "br ls", "br ls demo", "branch ls", "br get demo/dev",
        "br pass demo/dev", "branch pass demo/dev", "br reset demo/dev --force", "br stop demo/dev",
        "br start demo/dev", "br restart demo/dev", "br url demo/dev", "ls", "br rm demo/dev",
        "br undelete demo/dev", "branch rm demo/dev --force", "project ls", "proj get demo",
        "proj rm demo --force"}) {
    velo->ok(line);
  }
}

TEST_F(Defect, Number21StorageErrorsSayWhatHappened) {
  velo->create_project("demo");
  // The volumes' directory moved away, as a person's slip of the hand would leave it; on ZFS, where
  // they hold it in place, a quota that leaves no room.
  const bool on_zfs = velo->place().is_dataset();
  const std::string base = velo->pool().string() + "/velo/databases";
  if (on_zfs) {
    run_tool({"/usr/sbin/zpool", "sync"});  // "used" comes late
    const std::string used = run_zfs({"get", "-H", "-p", "-o", "value", "used", base});
    run_zfs({"set", "quota=" + std::to_string(std::stoll(used) + (16 << 20)), base});
    velo->ok("config set guard 50%");
  } else {
    fs::rename(velo->volumes(), velo->pool() / "elsewhere");
  }
  const Ran ran = velo->run("branch create demo/dev");
  if (on_zfs) {
    run_zfs({"set", "quota=none", base});
    velo->ok("config unset guard");
  } else {
    fs::rename(velo->pool() / "elsewhere", velo->volumes());
  }
  EXPECT_EQ(ran.exit_status, 1) << ran.all();
  EXPECT_NE(ran.err.find(velo->pool().string()), std::string::npos) << ran.all();
  velo->ok("branch create demo/dev");
}

}  // namespace
}  // namespace velo::test
