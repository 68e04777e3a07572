// Parents in a state: recovering, down, orphaned, or started by somebody else.
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "base/files.h"
#include "base/process.h"
#include "parents.h"
#include "postgres/cluster.h"
#include "support/light.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;

class State : public ParentTest {
 protected:
  /// A child of the branch's postmaster by what its title says ("startup"); 0 when there is none.
  int child(const std::string& branch, const std::string& title) const {
    const fs::path directory = velo->data_directory(branch);
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      std::error_code ignored;
      if (fs::read_symlink(entry.path() / "cwd", ignored) != directory) continue;
      if (read_file(entry.path() / "cmdline").value_or("").find(title) != std::string::npos) {
        return std::stoi(name);
      }
    }
    return 0;
  }
  /// Whether a clone that replays much promotes.
  bool promotes() const { return atomic() && !in_container(); }
  postgres::ClusterState state_of(const std::string& branch) const {
    const auto control = postgres::read_control_file(velo->data_directory(branch));
    return control ? control->state : postgres::ClusterState::startup;
  }
};
INSTANTIATE_TEST_SUITE_P(Places, State, every_driver(), param_name);

TEST_P(State, AParentInCrashRecoveryIsClonedWithAllThatItHad) {
  velo->create_project("demo",
                       "--pg-conf checkpoint_timeout=1h --pg-conf max_wal_size=4GB"
                       " --pg-conf autovacuum=off");
  Sql main = velo->sql("demo/main");
  // WAL for the recovery to chew on.
  const std::string rows = is_light() ? "200000" : "1500000";
  main.execute("CREATE TABLE t AS SELECT generate_series(1, " + rows + ") AS x");
  main.execute("CREATE INDEX ON t (x)");
  const int backend = std::stoi(main.value("SELECT pg_backend_pid()"));
  ASSERT_EQ(::kill(backend, SIGKILL), 0);
  // Held while it recovers, so that the command meets it there.
  int recovering = 0;
  ASSERT_TRUE(wait_until([&] {
    recovering = child("demo/main", "startup");
    return recovering != 0 && state_of("demo/main") == postgres::ClusterState::in_crash_recovery;
  }));
  ASSERT_EQ(::kill(recovering, SIGSTOP), 0);
  ASSERT_EQ(state_of("demo/main"), postgres::ClusterState::in_crash_recovery);
  Terminal terminal({Velo::binary("velo"), "branch", "create", "demo/dev"}, velo->environment());
  EXPECT_TRUE(terminal.shows(atomic() ? "no checkpoint" : "recovering from a crash"))
      << terminal.screen();
  if (!atomic()) {
    ASSERT_EQ(::kill(recovering, SIGCONT), 0);
  }
  EXPECT_EQ(terminal.wait(), 0) << terminal.screen();
  ::kill(recovering, SIGCONT);
  EXPECT_EQ(velo->value("demo/dev", "SELECT count(*) FROM t"), rows);
  EXPECT_TRUE(wait_until([&] { return Sql(velo->url("demo/main")).connected(); }));
  EXPECT_EQ(velo->value("demo/main", "SELECT count(*) FROM t"), rows);
}

TEST_P(State, AParentThatWasKilledIsClonedAsItStands) {
  velo->create_project("demo");
  Sql main = velo->sql("demo/main");
  main.execute("CREATE TABLE t (x int)");
  main.execute("CHECKPOINT");
  for (int i = 0; i < 20; ++i) main.execute("INSERT INTO t SELECT generate_series(1, 500)");
  velo->kill_server("demo/main");
  EXPECT_TRUE(fs::exists(velo->data_directory("demo/main") / "postmaster.pid"));
  velo->ok("branch create demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT count(*) FROM t"), "10000");
  EXPECT_EQ(velo->state("demo/main"), "down") << "a clone does not start its parent";
  velo->ok("branch start demo/main");
  EXPECT_EQ(velo->value("demo/main", "SELECT count(*) FROM t"), "10000");
}

TEST_P(State, APidFileOfALivingForeignProcessIsStale) {
  velo->create_project("demo");
  velo->kill_server("demo/main");
  const fs::path file = velo->data_directory("demo/main") / "postmaster.pid";
  const std::string text = read_file(file).value();
  std::ofstream(file, std::ios::trunc) << ::getpid() << text.substr(text.find('\n'));
  velo->ok("branch create demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT 1"), "1");
  velo->ok("branch start demo/main");
}

// The postmaster is dead, but one of its backends goes on and may write: files copied one by one
// would be of no single moment.
TEST_P(State, AnOrphanedBackendIsNotCopiedUnder) {
  velo->create_project("demo");
  Sql session = velo->sql("demo/main");
  session.execute("CREATE TABLE t AS SELECT 1 AS x");
  const int backend = std::stoi(session.value("SELECT pg_backend_pid()"));
  const int postmaster = velo->pid("demo/main");
  ASSERT_EQ(::kill(backend, SIGSTOP), 0);  // so that it does not notice
  ASSERT_EQ(::kill(postmaster, SIGKILL), 0);
  EXPECT_TRUE(wait_until([&] { return !is_alive(postmaster); }));
  const Ran created = velo->run("branch create demo/dev");
  if (atomic()) {
    EXPECT_EQ(created.exit_status, 0) << created.all();
  } else {
    EXPECT_EQ(created.exit_status, 4) << created.all();
    EXPECT_NE(created.err.find(std::to_string(backend)), std::string::npos) << created.all();
    EXPECT_EQ(velo->volume_names(), (std::vector<std::string>{"demo-main"}));
  }
  ASSERT_EQ(::kill(backend, SIGCONT), 0);
  if (!atomic()) velo->ok("branch create demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
}

bool leaves_checkpoint_out(const Ran& create) {
  return create.err.find("Checkpoint of demo/main not needed") != std::string::npos;
}

// Drivers whose clone is one moment do without a CHECKPOINT where all WAL is on disk. A commit that
// was acknowledged before it was written must not fall through.
TEST_P(State, ACheckpointIsLeftOutOnlyWhereNothingIsLost) {
  velo->create_project("demo", "--pg-conf autovacuum=off");
  Sql main = velo->sql("demo/main");
  main.execute("CREATE TABLE t AS SELECT 1 AS x");
  main.execute("CHECKPOINT");
  const auto all_is_on_disk = [&] {
    return main.value("SELECT pg_current_wal_insert_lsn() = pg_current_wal_flush_lsn()") == "t";
  };
  EXPECT_TRUE(wait_until(all_is_on_disk));
  const Ran of_idle = velo->ok("branch create demo/idle");
  EXPECT_EQ(leaves_checkpoint_out(of_idle), atomic()) << of_idle.all();
  EXPECT_EQ(velo->value("demo/idle", "SELECT count(*) FROM t"), "1");

  main.execute("ALTER SYSTEM SET wal_writer_delay = '10s'");
  main.execute("SELECT pg_reload_conf()");
  EXPECT_TRUE(wait_until([&] { return main.value("SHOW wal_writer_delay") == "10s"; }));
  main.execute("SET synchronous_commit = off");
  main.execute("INSERT INTO t VALUES (2)");
  const Ran of_waiting = velo->ok("branch create demo/waiting");
  EXPECT_EQ(leaves_checkpoint_out(of_waiting), atomic()) << of_waiting.all();
  EXPECT_EQ(velo->value("demo/waiting", "SELECT count(*) FROM t"), "2");

  main.execute("INSERT INTO t SELECT generate_series(1, 100000)");
  const Ran of_full = velo->ok("branch create demo/full");
  EXPECT_FALSE(leaves_checkpoint_out(of_full)) << of_full.all();
  EXPECT_EQ(velo->value("demo/full", "SELECT count(*) FROM t"), "100002");
}

TEST_P(State, WhichWayABusyParentIsTakenCanBeChosen) {
  velo->create_project("demo", "--pg-conf autovacuum=off");
  Sql main = velo->sql("demo/main");
  main.execute("CREATE TABLE t AS SELECT 1 AS x");
  const Ran by_checkpoint = velo->ok("branch create demo/kept --when-busy checkpoint");
  EXPECT_FALSE(leaves_checkpoint_out(by_checkpoint)) << by_checkpoint.all();

  main.execute("ALTER SYSTEM SET wal_writer_delay = '10s'");
  main.execute("SELECT pg_reload_conf()");
  EXPECT_TRUE(wait_until([&] { return main.value("SHOW wal_writer_delay") == "10s"; }));
  main.execute("SET synchronous_commit = off");
  main.execute("INSERT INTO t SELECT generate_series(1, 100000)");
  main.execute("INSERT INTO t VALUES (2)");
  if (atomic()) {
    const Ran by_replay = velo->ok("branch create demo/replayed --when-busy replay");
    EXPECT_TRUE(leaves_checkpoint_out(by_replay)) << by_replay.all();
    EXPECT_EQ(velo->value("demo/replayed", "SELECT count(*) FROM t"), "100002");
  } else {
    const Ran refused = velo->fails(1, "branch create demo/replayed --when-busy replay");
    EXPECT_NE(refused.err.find("takes a checkpoint"), std::string::npos) << refused.all();
  }
  const Ran unknown = velo->fails(2, "branch create demo/other --when-busy sometimes");
  EXPECT_NE(unknown.err.find("auto, checkpoint or replay"), std::string::npos) << unknown.all();
}

/// A branch that replayed much has promoted instead of writing it all out first: on a timeline of
/// its own it is like any other, also when it crashes before its first checkpoint.
TEST_P(State, ABranchThatPromotedIsLikeAnyOther) {
  if (!promotes()) GTEST_SKIP() << "copies of files take a checkpoint, containers do not promote";
  velo->create_project("demo", "--pg-conf autovacuum=off");
  Sql main = velo->sql("demo/main");
  main.execute("CREATE TABLE t AS SELECT generate_series(1, 100000) AS x");
  velo->ok("branch create demo/dev --when-busy replay");
  const auto timeline = [&](const std::string& branch) {
    return velo->value(branch, "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)");
  };
  EXPECT_EQ(timeline("demo/main"), "00000001");
  EXPECT_EQ(timeline("demo/dev"), "00000002");
  EXPECT_EQ(velo->value("demo/dev", "SELECT count(*) FROM t"), "100000");

  velo->sql("demo/dev").execute("INSERT INTO t VALUES (0)");
  velo->ok("branch create demo/child --parent demo/dev --when-busy replay");
  EXPECT_EQ(velo->value("demo/child", "SELECT count(*) FROM t"), "100001");
  const int pid = velo->pid("demo/dev");
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  ASSERT_TRUE(wait_until([&] { return ::kill(pid, 0) != 0; }));
  velo->ok("branch start demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT count(*) FROM t"), "100001");
  EXPECT_EQ(timeline("demo/dev"), "00000002");
  velo->ok("snapshot create demo/dev --label then");
  velo->ok("branch create demo/later --snapshot demo/dev@then");
  EXPECT_EQ(velo->value("demo/later", "SELECT count(*) FROM t"), "100001");
  velo->ok("branch reset demo/child --force");
  EXPECT_EQ(velo->value("demo/child", "SELECT count(*) FROM t"), "100001");
}

TEST_P(State, AServerThatWasStartedByHandIsFoundAndCloned) {
  velo->create_project("demo");
  velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  velo->ok("branch stop demo/main");
  const fs::path pgdata = velo->data_directory("demo/main");
  const fs::path sockets = beside() / "by hand";
  make_server_directory(sockets);
  run_as_server(
      {tool("pg_ctl").string(), "-D", pgdata.string(), "-w", "-l", (sockets / "log").string(), "-o",
       "-c listen_addresses= -c port=5999 -c unix_socket_directories='" + sockets.string() + "'",
       "start"});
  run_as_server({tool("psql").string(), "-qd",
                 "host='" + sockets.string() + "' port=5999 user=velo_control dbname=postgres",
                 "-c", "INSERT INTO t VALUES (2)"});
  const Ran created = velo->ok("branch create demo/dev");
  EXPECT_EQ(created.err.find("no checkpoint"), std::string::npos) << created.all();
  EXPECT_EQ(velo->value("demo/dev", "SELECT count(*) FROM t"), "2");
  EXPECT_EQ(velo->state("demo/main"), "running");
  EXPECT_NE(velo->ok("doctor").out.find("started by hand, on port 5999"), std::string::npos);
  const Ran started = velo->ok("branch start demo/main");
  EXPECT_NE(started.err.find("started by hand, on port 5999"), std::string::npos) << started.all();
  velo->ok("branch restart demo/main");
  EXPECT_EQ(velo->value("demo/main", "SELECT count(*) FROM t"), "2");
  velo->ok("branch reset demo/dev --force");
}

}  // namespace
}  // namespace velo::test
