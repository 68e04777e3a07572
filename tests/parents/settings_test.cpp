// Parents with settings that would make a clone fail, hang, or act on the world.
#include <atomic>
#include <thread>

#include "parents.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;

class Configured : public ParentTest {};
INSTANTIATE_TEST_SUITE_P(Places, Configured, every_driver(), param_name);
INSTANTIATE_TEST_SUITE_P(Containers, Configured, in_containers(), param_name);

TEST_P(Configured, TimeoutsAndReadOnlyDefaultsOfRolesAndDatabasesBindNobodyButUsers) {
  velo->create_project("demo");
  Sql main = velo->sql("demo/main");
  main.execute("CREATE TABLE t AS SELECT 1 AS x");
  for (const char* scope :
       {"ROLE ALL", "ROLE postgres", "ROLE velo_control", "DATABASE postgres"}) {
    const std::string alter = "ALTER " + std::string(scope) + " SET ";
    main.execute(alter + "statement_timeout = '1ms'");
    main.execute(alter + "default_transaction_read_only = on");
    main.execute(alter + "idle_in_transaction_session_timeout = '1ms'");
    main.execute(alter + "lock_timeout = '1ms'");
    main.execute(alter + "search_path = nowhere");
  }
  velo->ok("branch create demo/dev");
  velo->ok("branch reset demo/dev --force");
  velo->ok("branch restart demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SHOW default_transaction_read_only"), "on") << "inherited";
}

TEST_P(Configured, CronJobsOfTheParentDoNotRunInABranch) {
  if (in_container()) GTEST_SKIP() << "the images of the tests have no pg_cron";
  velo->create_project("demo", "--pg-conf shared_preload_libraries=pg_cron");
  Sql main = velo->sql("demo/main");
  main.execute("CREATE EXTENSION pg_cron; CREATE TABLE beats (at timestamptz)");
  // pg_cron logs in over TCP as the job's owner, with a password that it has not; a background
  // worker needs none.
  main.execute("ALTER SYSTEM SET cron.use_background_workers = on");
  main.execute("SELECT cron.schedule('* * * * *', 'INSERT INTO beats VALUES (now())')");
  velo->ok("branch restart demo/main");
  velo->ok("branch create demo/dev");
  Sql dev = velo->sql("demo/dev");
  EXPECT_EQ(dev.value("SHOW cron.launch_active_jobs"), "off");
  EXPECT_EQ(dev.value("SELECT count(*) FROM cron.job"), "1");
  EXPECT_EQ(velo->value("demo/main", "SHOW cron.use_background_workers"), "on");
  if (!atomic()) return;  // a minute of waiting for one driver is enough
  EXPECT_TRUE(wait_until(
      [&] { return velo->value("demo/main", "SELECT count(*) > 0 FROM beats") == "t"; }, 90s));
  // Each scheduler looks once a second at least.
  EXPECT_TRUE(wait_until([&] {
    return dev.value(
               "SELECT clock_timestamp() > date_trunc('minute', clock_timestamp())"
               " + interval '3 seconds'") == "t";
  }));
  EXPECT_EQ(dev.value("SELECT count(*) FROM beats"), "0");
  EXPECT_EQ(dev.value("SELECT count(*) FROM cron.job_run_details"), "0");
}

TEST_P(Configured, WalLevelMinimalIsNoObstacleToSnapshotsAndSaidWhereItIs) {
  std::vector<std::string> create = velo->project_words("demo");
  create.insert(create.end(), {"--pg-conf", "wal_level=minimal"});
  const Ran refused = velo->fails(2, create);
  EXPECT_NE(refused.err.find("wal_level=minimal cannot be set"), std::string::npos)
      << refused.all();
  velo->create_project("demo");
  Sql main = velo->sql("demo/main");
  main.execute("CREATE TABLE t AS SELECT 1 AS x");
  main.execute("ALTER SYSTEM SET wal_level = minimal");
  main.execute("ALTER SYSTEM SET max_wal_senders = 0");
  const Ran restarted = velo->ok("branch restart demo/main");
  EXPECT_NE(restarted.err.find("the WAL of demo/main is not archived"), std::string::npos)
      << restarted.all();
  ASSERT_EQ(velo->value("demo/main", "SHOW wal_level"), "minimal");
  ASSERT_EQ(velo->value("demo/main", "SHOW archive_mode"), "off");
  const Ran created = velo->run("branch create demo/dev");
  if (atomic()) {
    EXPECT_EQ(created.exit_status, 0) << created.all();
  } else {
    EXPECT_EQ(created.exit_status, 1) << created.all();
    EXPECT_NE(created.err.find("wal_level is minimal"), std::string::npos) << created.all();
    EXPECT_EQ(velo->volume_names(), (std::vector<std::string>{"demo-main"}));
    velo->ok("branch stop demo/main");
    velo->ok("branch create demo/dev");
  }
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");

  if (!atomic()) velo->ok("branch start demo/main");
  velo->sql("demo/main").execute("ALTER SYSTEM RESET wal_level");
  const Ran back = velo->ok("branch restart demo/main");
  EXPECT_EQ(back.err.find("is not archived"), std::string::npos) << back.all();
  EXPECT_EQ(velo->value("demo/main", "SHOW archive_mode"), "on");
}

TEST_P(Configured, HugePagesThatTheParentInsistsOnAreNotNeededByABranch) {
  velo->create_project("demo");
  velo->sql("demo/main").execute("ALTER SYSTEM SET huge_pages = on");
  velo->ok("branch create demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SHOW huge_pages"), "try");
  velo->ok({"branch", "create", "demo/own", "--pg-conf", "huge_pages=off"});
  EXPECT_EQ(velo->value("demo/own", "SHOW huge_pages"), "off");
}

TEST_P(Configured, CheckpointsThatRecycleWalDuringALongCloneTakeNothingFromIt) {
  velo->create_project("demo",
                       "--pg-conf max_wal_size=32MB --pg-conf min_wal_size=32MB"
                       " --pg-conf wal_keep_size=0");
  velo->sql("demo/main")
      .execute(
          "CREATE TABLE bulk AS SELECT i, repeat(md5(i::text), 30) AS t"
          " FROM generate_series(1, 150000) AS i;"
          "CREATE TABLE rows (n bigint)");
  std::atomic<bool> stop = false;
  std::atomic<std::int64_t> committed = 0;
  std::thread writer([&, url = velo->url("demo/main")] {
    Sql sql(url);
    while (!stop) {
      if (sql.try_execute("INSERT INTO rows VALUES (" + std::to_string(committed + 1) + ")")) {
        ++committed;
      }
    }
  });
  std::thread checkpointer([&, url = velo->url("demo/main")] {
    Sql sql(url);
    while (!stop) {
      sql.try_execute("SELECT pg_switch_wal()");
      sql.try_execute("CHECKPOINT");
    }
  });
  EXPECT_TRUE(wait_until([&] { return committed > 20; }));
  const std::int64_t before = committed;
  const Ran created = velo->run("branch create demo/dev");
  stop = true;
  writer.join();
  checkpointer.join();
  ASSERT_EQ(created.exit_status, 0) << created.all();
  Sql dev = velo->sql("demo/dev");
  EXPECT_GE(std::stoll(dev.value("SELECT max(n) FROM rows")), before);
  EXPECT_EQ(dev.value("SELECT count(*) = max(n) FROM rows"), "t");
  EXPECT_EQ(
      dev.value("SELECT count(*), md5(string_agg(t, '' ORDER BY i)) FROM bulk"),
      velo->value("demo/main", "SELECT count(*), md5(string_agg(t, '' ORDER BY i)) FROM bulk"));
  EXPECT_EQ(velo->value("demo/main", "SELECT count(*) FROM pg_replication_slots"), "0");
}

class ConfiguredLate : public ParentTest {};
INSTANTIATE_TEST_SUITE_P(Places, ConfiguredLate, every_driver(17), param_name);

TEST_P(ConfiguredLate, ALoginTriggerThatRefusesEverybodyDoesNotKeepVeloOut) {
  velo->create_project("demo");
  velo->sql("demo/main")
      .execute(
          "CREATE TABLE t AS SELECT 1 AS x;"
          "CREATE FUNCTION nobody() RETURNS event_trigger LANGUAGE plpgsql"
          " AS $$ BEGIN RAISE EXCEPTION 'nobody logs in here'; END $$;"
          "CREATE EVENT TRIGGER nobody ON login EXECUTE FUNCTION nobody();"
          "ALTER EVENT TRIGGER nobody ENABLE ALWAYS");
  EXPECT_FALSE(Sql(velo->url("demo/main")).connected());
  velo->ok("branch create demo/dev");
  velo->ok("branch reset demo/dev --force");
  velo->ok("branch restart demo/dev");
  EXPECT_FALSE(Sql(velo->url("demo/dev")).connected()) << "it is the parent's trigger";
  Sql dev(velo->url("demo/dev") + "?options=-c%20event_triggers%3Doff");
  ASSERT_TRUE(dev.connected()) << dev.error();
  EXPECT_EQ(dev.value("SELECT x FROM t"), "1");
}

}  // namespace
}  // namespace velo::test
