// Parents that replicate: a branch must not take part in it, hold it up, or wait for it.
#include <fstream>

#include "parents.h"

namespace velo::test {
namespace {

class Replicating : public ParentTest {};
INSTANTIATE_TEST_SUITE_P(Places, Replicating, every_driver(), param_name);

TEST_P(Replicating, SynchronousStandbysOfTheParentDoNotHangABranch) {
  velo->create_project("demo");
  Sql sql = velo->sql("demo/main");
  sql.execute("CREATE TABLE t (x int)");
  sql.execute("SET synchronous_commit = local");
  sql.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
  sql.execute("SELECT pg_reload_conf()");
  ASSERT_TRUE(wait_until([&] { return sql.value("SHOW synchronous_standby_names") == "nobody"; }));
  velo->ok("branch create demo/dev");
  Sql dev = velo->sql("demo/dev");
  EXPECT_EQ(dev.value("SHOW synchronous_standby_names"), "");
  // A commit that waits for a standby cannot be timed out, only cancelled: with the server's end.
  dev.execute("INSERT INTO t VALUES (1)");
  velo->ok("branch reset demo/dev --force");
  velo->ok("branch restart demo/main");
  EXPECT_EQ(velo->value("demo/main", "SHOW synchronous_standby_names"), "nobody");
}

/// A publisher with a table, and demo/main subscribed to it.
class Subscribed : public ParentTest {
 protected:
  void SetUp() override {
    ParentTest::SetUp();
    if (!velo) return;
    velo->create_project("pub", "--pg-conf wal_level=logical");
    velo->create_project("demo");
    publisher.emplace(velo->sql("pub/main"));
    publisher->execute("CREATE TABLE t (x int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE t");
    Sql main = velo->sql("demo/main");
    main.execute("CREATE TABLE t (x int PRIMARY KEY)");
    main.execute("CREATE SUBSCRIPTION s CONNECTION '" + velo->url("pub/main") + "' PUBLICATION p");
    publisher->execute("INSERT INTO t VALUES (1)");
    ASSERT_TRUE(arrives("demo/main", 1));
  }
  bool arrives(const std::string& branch, int rows) const {
    return wait_until(
        [&] { return velo->value(branch, "SELECT count(*) FROM t") == std::to_string(rows); });
  }
  std::optional<Sql> publisher;
};
INSTANTIATE_TEST_SUITE_P(Places, Subscribed, every_driver(), param_name);

TEST_P(Subscribed, ABranchIsCutFromThePublisher) {
  const Ran created = velo->ok("branch create demo/dev");
  EXPECT_NE(created.err.find("1 subscription in database"), std::string::npos) << created.all();
  Sql dev = velo->sql("demo/dev");
  EXPECT_EQ(dev.value("SELECT subenabled FROM pg_subscription"), "f");
  EXPECT_EQ(dev.value("SELECT coalesce(subslotname, 'none') FROM pg_subscription"), "none");
  EXPECT_EQ(dev.value("SELECT count(*) FROM t"), "1");

  publisher->execute("INSERT INTO t VALUES (2)");
  EXPECT_TRUE(arrives("demo/main", 2)) << "the parent goes on";
  EXPECT_EQ(dev.value("SELECT count(*) FROM t"), "1");
  EXPECT_EQ(publisher->value("SELECT count(*) FROM pg_stat_replication"), "1");
  EXPECT_EQ(dev.value("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE "
                      "'logical replication%worker'"),
            "0");

  dev.execute("SET statement_timeout = '20s'");  // one that reached the publisher would wait there
  dev.execute("DROP SUBSCRIPTION s");
  velo->ok("branch reset demo/dev --force");
  EXPECT_EQ(velo->value("demo/dev", "SELECT subenabled FROM pg_subscription"), "f");
  velo->ok("branch delete demo/dev");
  EXPECT_EQ(publisher->value("SELECT count(*) FROM pg_replication_slots"), "1");
  publisher->execute("INSERT INTO t VALUES (3)");
  EXPECT_TRUE(arrives("demo/main", 3));
}

TEST_P(Replicating, ASubscriptionThatIsBeingMadeCountsToo) {
  velo->create_project("demo");
  Sql main = velo->sql("demo/main");
  main.execute("BEGIN");
  main.execute("LOCK TABLE pg_subscription IN ROW EXCLUSIVE MODE");  // as CREATE SUBSCRIPTION does
  velo->ok("branch create demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SHOW max_logical_replication_workers"), "0")
      << "its workers could have run before they were disabled";
  main.execute("COMMIT");
  velo->ok("branch create demo/later");
  EXPECT_NE(velo->value("demo/later", "SHOW max_logical_replication_workers"), "0");
}

TEST_P(Replicating, SlotsStayTheParents) {
  velo->create_project("demo", "--pg-conf wal_level=logical");
  Sql main = velo->sql("demo/main");
  main.execute("CREATE TABLE t (x int PRIMARY KEY); CREATE PUBLICATION p FOR TABLE t");
  main.execute("SELECT pg_create_logical_replication_slot('logical', 'pgoutput')");
  main.execute("SELECT pg_create_physical_replication_slot('physical', true)");
  const std::string slots =
      "SELECT string_agg(slot_name || ' ' || restart_lsn, ', ' ORDER BY slot_name)"
      " FROM pg_replication_slots";
  const std::string before = main.value(slots);
  velo->ok("branch create demo/dev");
  Sql dev = velo->sql("demo/dev");
  EXPECT_EQ(dev.value("SELECT count(*) FROM pg_replication_slots"), "0") << "they would hold WAL";
  EXPECT_EQ(dev.value("SELECT count(*) FROM pg_publication"), "1");
  dev.execute("DROP PUBLICATION p");
  EXPECT_EQ(main.value(slots), before);
  velo->ok("branch stop demo/main");
  velo->ok("branch create demo/cold");
  EXPECT_EQ(velo->value("demo/cold", "SELECT count(*) FROM pg_replication_slots"), "0");
  velo->ok("branch start demo/main");
  EXPECT_EQ(velo->value("demo/main", slots), before);
}

TEST_P(Replicating, PreparedTransactionsAreKeptAndReported) {
  velo->create_project("demo", "--pg-conf max_prepared_transactions=5");
  Sql main = velo->sql("demo/main");
  main.execute("CREATE TABLE t (x int)");
  for (const char* id : {"first", "second"}) {
    main.execute("BEGIN; INSERT INTO t VALUES (1)");
    main.execute("PREPARE TRANSACTION '" + std::string(id) + "'");
    if (std::string(id) == "first") main.execute("CHECKPOINT");  // in pg_twophase, not in the WAL
  }
  const Ran created = velo->ok("branch create demo/dev");
  EXPECT_NE(created.err.find("first, second"), std::string::npos) << created.all();
  Sql dev = velo->sql("demo/dev");
  dev.execute("COMMIT PREPARED 'first'");
  dev.execute("ROLLBACK PREPARED 'second'");
  EXPECT_EQ(dev.value("SELECT count(*) FROM t"), "1");
  EXPECT_EQ(main.value("SELECT count(*) FROM pg_prepared_xacts"), "2");
  main.execute("COMMIT PREPARED 'second'");
  EXPECT_EQ(main.value("SELECT count(*) FROM t"), "1");
}

TEST_P(Replicating, UnloggedTablesAreEmptyAndThatIsSaid) {
  velo->create_project("demo");
  const Ran without = velo->ok("branch create demo/without");
  EXPECT_EQ(without.err.find("unlogged"), std::string::npos) << without.all();
  velo->sql("demo/main")
      .execute(
          "CREATE UNLOGGED TABLE u (x int PRIMARY KEY);"
          "INSERT INTO u SELECT generate_series(1, 1000)");
  const Ran created = velo->ok("branch create demo/dev");
  EXPECT_NE(created.err.find("unlogged tables are empty"), std::string::npos) << created.all();
  Sql dev = velo->sql("demo/dev");
  EXPECT_EQ(dev.value("SELECT count(*) FROM u"), "0");
  dev.execute("INSERT INTO u SELECT generate_series(1, 10)");
  EXPECT_EQ(velo->value("demo/main", "SELECT count(*) FROM u"), "1000");
  // A parent that was shut down keeps them, and so does its branch.
  velo->ok("branch stop demo/main");
  const Ran cold = velo->ok("branch create demo/cold");
  EXPECT_EQ(cold.err.find("unlogged"), std::string::npos) << cold.all();
  EXPECT_EQ(velo->value("demo/cold", "SELECT count(*) FROM u"), "1000");
}

/// demo/replica, whose cluster a person made a hot standby of demo/main.
class Standby : public ParentTest {
 protected:
  void SetUp() override {
    ParentTest::SetUp();
    if (!velo) return;
    velo->create_project("demo");
    velo->sql("demo/main").execute("CREATE TABLE t AS SELECT generate_series(1, 1000) AS x");
    velo->ok("branch create demo/replica");
    velo->ok("branch stop demo/replica");
    const fs::path pgdata = velo->data_directory("demo/replica");
    for (const auto& entry : fs::directory_iterator(pgdata)) fs::remove_all(entry.path());
    run_as_server({tool("pg_basebackup").string(), "-d", velo->url("demo/main"), "-D",
                   pgdata.string(), "-c", "fast", "-R"});
    velo->ok("branch start demo/replica");
    ASSERT_EQ(in_replica("SELECT pg_is_in_recovery()"), "t");
  }
  /// Its roles are the primary's, and so are their passwords.
  std::string in_replica(const std::string& statement) const {
    std::string url = velo->url("demo/main");
    const std::string port = std::to_string(velo->port("demo/main"));
    url.replace(url.rfind(port), port.size(), std::to_string(velo->port("demo/replica")));
    return Sql(url).value(statement);
  }
  bool replicates(int rows) const {
    return wait_until([&] { return in_replica("SELECT count(*) FROM t") == std::to_string(rows); });
  }
};
INSTANTIATE_TEST_SUITE_P(Places, Standby, every_driver(), param_name);

TEST_P(Standby, ABranchOfOneIsAPrimaryWithAllThatItHad) {
  velo->sql("demo/main").execute("INSERT INTO t SELECT generate_series(1001, 1500)");
  ASSERT_TRUE(replicates(1500));
  velo->ok("branch create demo/dev --parent demo/replica");
  Sql dev = velo->sql("demo/dev");
  EXPECT_EQ(dev.value("SELECT pg_is_in_recovery()"), "f");
  EXPECT_EQ(dev.value("SELECT count(*) FROM t"), "1500");
  EXPECT_EQ(dev.value("SHOW primary_conninfo"), "");
  dev.execute("DELETE FROM t");
  dev.execute("VACUUM t");

  EXPECT_EQ(in_replica("SELECT pg_is_in_recovery()"), "t");
  velo->sql("demo/main").execute("INSERT INTO t VALUES (1501)");
  EXPECT_TRUE(replicates(1501)) << "the standby goes on";
  EXPECT_EQ(velo->value("demo/main", "SELECT count(*) FROM pg_stat_replication"), "1");

  velo->ok("branch reset demo/dev --force");
  EXPECT_EQ(velo->value("demo/dev", "SELECT count(*) FROM t"), "1501");
  velo->ok("branch stop demo/replica");
  velo->ok("branch create demo/cold --parent demo/replica");
  EXPECT_EQ(velo->value("demo/cold", "SELECT count(*) FROM t"), "1501");
}

TEST_P(Standby, ThatAdmitsNobodyStartsAndTellsWhyItCannotBeCloned) {
  std::ofstream(velo->data_directory("demo/replica") / "postgresql.auto.conf", std::ios::app)
      << "hot_standby = off\n";
  velo->ok("branch restart demo/replica");
  EXPECT_EQ(velo->state("demo/replica"), "running");
  const Ran created = velo->run("branch create demo/dev --parent demo/replica");
  if (atomic()) {
    EXPECT_EQ(created.exit_status, 0) << created.all();
    EXPECT_EQ(velo->value("demo/dev", "SELECT count(*) FROM t"), "1000");
  } else {
    EXPECT_EQ(created.exit_status, 1) << created.all();
    EXPECT_NE(created.err.find("velo branch stop demo/replica"), std::string::npos)
        << created.all();
    velo->ok("branch stop demo/replica");
    velo->ok("branch create demo/dev --parent demo/replica");
  }
}

}  // namespace
}  // namespace velo::test
