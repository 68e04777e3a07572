// A server is nobody's child: Velo may be killed and its user log out, and it goes on as before.
#include <poll.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include "base/process.h"
#include "support/doctor.h"
#include "support/velo.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;

class Alone : public PlacesTest {
 protected:
  void SetUp() override {
    PlacesTest::SetUp();
    if (IsSkipped() || !velo) return;
    velo->create_project("alone");
    velo->sql("alone/main").execute("CREATE TABLE t AS SELECT generate_series(1, 200000) AS x");
  }

  /// All processes of the branch's server; what its archiver just runs is none, and opens what it
  /// archives to.
  std::vector<int> processes_of(const std::string& branch) const {
    const fs::path directory = velo->data_directory(branch);
    std::vector<int> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      std::error_code ignored;
      const fs::path program = fs::read_symlink(entry.path() / "exe", ignored);
      if (program.filename() == "postgres" &&
          fs::read_symlink(entry.path() / "cwd", ignored) == directory) {
        found.push_back(std::stoi(name));
      }
    }
    return found;
  }

  /// That no descriptor of it is one of Velo's: a lock, the catalog, a pipe or a terminal.
  void expect_nothing_of_velos(const std::string& branch) const {
    const std::string home = velo->home().string() + "/";
    const std::string log = (velo->home() / "logs").string() + "/";
    const std::string run = (velo->home() / "run").string() + "/";
    const std::vector<int> pids = processes_of(branch);
    EXPECT_GE(pids.size(), 4U);
    for (const int pid : pids) {
      const fs::path descriptors = "/proc/" + std::to_string(pid) + "/fd";
      std::error_code gone;
      for (const auto& entry : fs::directory_iterator(descriptors, gone)) {
        const std::string target = fs::read_symlink(entry.path(), gone).string();
        const int number = std::stoi(entry.path().filename());
        if (target.starts_with(home)) {
          EXPECT_TRUE(target.starts_with(log) || target.starts_with(run)) << pid << ": " << target;
        }
        EXPECT_FALSE(target.starts_with("/dev/pts")) << pid << ": " << target;
        // What it says goes to its log, in a container to the daemon; pipes of its own come later.
        if (number > 2 || GetParam().runtime == "docker") continue;
        EXPECT_FALSE(target.starts_with("pipe:")) << pid << ": " << target;
      }
    }
  }

  /// A query that makes workers and shares memory with them.
  static void expect_parallel_query(Sql& sql) {
    sql.execute(
        "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET "
        "min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2; SET "
        "parallel_leader_participation = off");
    std::string plan;
    for (const auto& row : sql.rows("EXPLAIN SELECT count(*) FROM t")) plan += row[0] + "\n";
    EXPECT_NE(plan.find("Workers Planned"), std::string::npos) << plan;
    EXPECT_EQ(sql.value("SELECT count(*) FROM t"), "200000");
  }
};

TEST_P(Alone, AKilledVelosLocksAreFreeAndItsServerHoldsNothingOfIt) {
  velo->use_binary("velo-faults");
  int step = 0;
  for (const char* point : {"branch.create/start/done", "branch.create/committed"}) {
    SCOPED_TRACE(point);
    const std::string branch = "alone/b" + std::to_string(++step);
    // On pipes: this would not come back while anything else holds one of them.
    const Ran killed =
        velo->run(words("branch create " + branch), {"VELO_FAULT=" + std::string(point) + "=kill"});
    EXPECT_EQ(killed.exit_status, 128 + SIGKILL) << killed.all();
    EXPECT_EQ(servers_below(velo->volumes()).size(), 2U) << "its server outlives it";
    if (point == std::string("branch.create/committed")) expect_nothing_of_velos(branch);
    const auto start = std::chrono::steady_clock::now();
    const Ran next = velo->run("branch restart alone/main");
    EXPECT_EQ(next.exit_status, 0) << next.all();
    EXPECT_EQ(next.err.find("Waiting"), std::string::npos) << "a lock was held\n" << next.all();
    EXPECT_LT(std::chrono::steady_clock::now() - start, 60s);
    if (velo->run("branch get " + branch).exit_status == 0) velo->ok("branch delete " + branch);
  }
  velo->use_binary("velo");
  EXPECT_EQ(doctor(*velo).troubles(), std::vector<std::string>{});
}

TEST_P(Alone, OnATerminalNothingOfItIsTheServers) {
  Terminal terminal({Velo::binary("velo"), "branch", "create", "alone/dev"},
                    velo->environment({"TERM=xterm"}));
  EXPECT_EQ(terminal.wait(), 0) << terminal.screen();
  expect_nothing_of_velos("alone/dev");
  terminal.hang_up();
  Sql sql = velo->sql("alone/dev");
  expect_parallel_query(sql);
}

INSTANTIATE_TEST_SUITE_P(Places, Alone,
                         testing::Values(Where{.driver = "btrfs"},
                                         Where{
                                             .driver = "btrfs", .major = 17, .runtime = "docker"}),
                         param_name);

// What logind does at the end of a user's last session where RemoveIPC is on, as it is unless
// somebody turned it off: it removes all shared memory of the user's that nobody is attached to,
// and all of /dev/shm that is the user's, in use or not (src/shared/clean-ipc.c of systemd). System
// users are spared, so root's servers are; an ordinary user's are not.
class LoggedOut : public E2eTest {
 protected:
  static void remove_ipc_of(uid_t uid) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator("/dev/shm", ignored)) {
      struct stat status{};
      if (::lstat(entry.path().c_str(), &status) == 0 && status.st_uid == uid) {
        ::unlink(entry.path().c_str());
      }
    }
    std::ifstream table("/proc/sysvipc/shm");
    std::string line;
    std::getline(table, line);
    while (std::getline(table, line)) {
      const std::vector<std::string> columns = words(line);
      // key shmid perms size cpid lpid nattch uid …
      if (columns.size() < 8 || columns[6] != "0" || columns[7] != std::to_string(uid)) continue;
      ::shmctl(std::stoi(columns[1]), IPC_RMID, nullptr);
    }
  }
};

TEST_F(LoggedOut, AServerStillAnswersParallelQueries) {
  const OsUser user = ::geteuid() == 0 ? find_user("nobody").value() : current_user().value();
  const fs::path home = velo->home() / "user";
  const fs::path pool = velo->pool() / "user";
  fs::permissions(velo->pool(), fs::perms(0755));
  for (const fs::path& directory : {home, pool}) {
    fs::create_directory(directory);
    if (::geteuid() == 0) {
      ASSERT_EQ(::chown(directory.c_str(), user.uid, user.gid), 0);
    }
    fs::permissions(directory, fs::perms(0700));
  }
  const Cancellation never;
  const auto as_user = [&](const std::string& line) {
    Command command{
        .argv = {Velo::binary("velo").string()},
        .environment = velo->environment({"HOME=" + home.string(), "VELO_HOME=" + home.string()}),
        .user = ::geteuid() == 0 ? std::optional(user) : std::nullopt,
        .input = {}};
    for (std::string& word : words(line)) command.argv.push_back(std::move(word));
    auto ran = velo::run(command, 2min, never);
    EXPECT_TRUE(ran && ran->exit_status == 0) << line << "\n" << (ran ? ran->err : "");
    std::string out = ran ? ran->out : "";
    while (out.ends_with('\n')) out.pop_back();
    return out;
  };
  as_user("project create own --runtime native --pool " + pool.string());
  Sql sql(as_user("branch url own/main"));
  ASSERT_TRUE(sql.connected()) << sql.error();
  sql.execute(
      "CREATE TABLE t AS SELECT generate_series(1, 200000) AS x;"
      "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size "
      "= "
      "0; SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off");
  remove_ipc_of(user.uid);
  EXPECT_EQ(sql.value("SELECT count(*) FROM t"), "200000") << "the session from before";
  Sql other(as_user("branch url own/main"));
  ASSERT_TRUE(other.connected()) << other.error();
  EXPECT_EQ(other.value("SELECT count(*) FROM t"), "200000");
  // And in the very moment: sessions end all the time (cron's are some).
  std::atomic<bool> stop = false;
  std::thread logouts([&] {
    while (!stop) {
      remove_ipc_of(user.uid);
      ::poll(nullptr, 0, 1);
    }
  });
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(sql.value("SELECT count(*) FROM t"), "200000");
    if (HasFailure()) break;
  }
  stop = true;
  logouts.join();
  as_user("branch restart own/main");
  as_user("branch create own/dev");
  EXPECT_EQ(Sql(as_user("branch url own/dev")).value("SELECT count(*) FROM t"), "200000");
  as_user("config set grace 0");
  as_user("project delete own --force");
}

}  // namespace
}  // namespace velo::test
