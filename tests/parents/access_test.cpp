// Parents whose users changed who gets in: Velo still does, or says why not.
#include <fstream>

#include "parents.h"

namespace velo::test {
namespace {

class Guarded : public ParentTest {
 protected:
  /// A superuser besides `postgres`, to do to that role what it cannot do to itself.
  Sql as_boss(const std::string& branch) const {
    velo->sql(branch).try_execute("CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'boss'");
    Sql sql("postgresql://boss:boss@127.0.0.1:" + std::to_string(velo->port(branch)) + "/postgres");
    EXPECT_TRUE(sql.connected()) << sql.error();
    return sql;
  }
};
INSTANTIATE_TEST_SUITE_P(Places, Guarded, every_driver(), param_name);
INSTANTIATE_TEST_SUITE_P(Containers, Guarded, in_containers(), param_name);

TEST_P(Guarded, TheSuperuserIsRenamed) {
  velo->create_project("demo");
  as_boss("demo/main").execute("ALTER ROLE postgres RENAME TO \"Root of all\"");
  velo->ok("branch create demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT current_user"), "Root of all");
  velo->ok("branch reset demo/dev --force");
  EXPECT_EQ(velo->value("demo/dev", "SELECT current_user"), "Root of all");
  velo->ok("branch restart demo/main");
  EXPECT_EQ(velo->value("demo/main", "SELECT current_user"), "Root of all")
      << "a start looks at what the superuser is called now";
}

TEST_P(Guarded, PgHbaRejectsEverybody) {
  velo->create_project("demo");
  Sql main = velo->sql("demo/main");
  main.execute("CREATE TABLE t AS SELECT 1 AS x");
  const fs::path hba = velo->data_directory("demo/main") / "pg_hba.conf";
  std::ofstream(hba, std::ios::trunc) << "local all all reject\nhost all all all reject\n";
  main.execute("SELECT pg_reload_conf()");
  ASSERT_TRUE(wait_until([&] { return !Sql(velo->url("demo/main")).connected(); }));
  const Ran created = velo->ok("branch create demo/dev");
  EXPECT_EQ(created.err.find("no checkpoint"), std::string::npos) << created.all();
  EXPECT_FALSE(Sql(velo->url("demo/dev")).connected()) << "the branch has its parent's rules";
  velo->ok("branch reset demo/dev --force");
  velo->ok("branch restart demo/main");
  EXPECT_EQ(velo->state("demo/dev"), "running");
}

TEST_P(Guarded, AllConnectionsAreTaken) {
  velo->create_project("demo", "--pg-conf max_connections=8");
  velo->sql("demo/main").execute("CREATE ROLE someone LOGIN PASSWORD 'pw'");
  const std::string url =
      "postgresql://someone:pw@127.0.0.1:" + std::to_string(velo->port("demo/main")) + "/postgres";
  std::vector<Sql> sessions;
  do sessions.emplace_back(url);
  while (sessions.back().connected() && sessions.size() < 20);
  EXPECT_NE(sessions.back().error().find("reserved"), std::string::npos) << sessions.back().error();
  const Ran created = velo->ok("branch create demo/dev");
  EXPECT_EQ(created.err.find("no checkpoint"), std::string::npos) << created.all();

  // And now those that are kept for superusers, by superusers.
  do sessions.emplace_back(velo->url("demo/main"));
  while (sessions.back().connected() && sessions.size() < 20);
  const Ran full = velo->run("branch create demo/full");
  EXPECT_NE(full.err.find("too many clients"), std::string::npos) << full.all();
  if (atomic()) {
    EXPECT_EQ(full.exit_status, 0) << full.all();
    EXPECT_EQ(velo->state("demo/full"), "running");
  } else {
    EXPECT_EQ(full.exit_status, 1) << full.all();
    EXPECT_NE(full.err.find("max_connections"), std::string::npos) << full.all();
    EXPECT_EQ(velo->volume_names(), (std::vector<std::string>{"demo-dev", "demo-main"}));
  }
}

TEST_P(Guarded, TheDatabasePostgresIsDropped) {
  velo->create_project("demo");
  velo->sql("demo/main").execute("CREATE DATABASE app");
  Sql main = sql_in("demo/main", "app");
  main.execute("CREATE TABLE t AS SELECT 1 AS x");
  main.execute("DROP DATABASE postgres");
  velo->ok("branch create demo/dev");
  EXPECT_EQ(sql_in("demo/dev", "app").value("SELECT x FROM t"), "1");
  velo->ok("branch reset demo/dev --force");
  velo->ok("branch restart demo/main");
  EXPECT_EQ(sql_in("demo/dev", "app").value("SELECT x FROM t"), "1");
}

TEST_P(Guarded, VeloIsRunWithVariablesAndAServiceFileThatLeadElsewhere) {
  const fs::path services = velo->home() / "services";
  std::ofstream(services) << "[evil]\nhost=/nowhere\nport=1\ndbname=evil\nuser=evil\n";
  for (const std::string& variable :
       std::vector<std::string>{"PGHOST=/nowhere",
                                "PGHOSTADDR=127.0.0.9",
                                "PGPORT=1",
                                "PGUSER=evil",
                                "PGDATABASE=evil",
                                "PGPASSWORD=evil",
                                "PGSERVICE=evil",
                                "PGSERVICEFILE=" + services.string(),
                                "PGOPTIONS=-c default_transaction_read_only=on",
                                "PGSSLMODE=verify-full",
                                "PGSSLROOTCERT=/nowhere",
                                "PGREQUIREPEER=evil",
                                "PGTARGETSESSIONATTRS=standby",
                                "PGCHANNELBINDING=require",
                                "PGDATA=/nowhere",
                                "PGTZ=nowhere",
                                "PGCLIENTENCODING=evil",
                                "PGCONNECT_TIMEOUT=-1",
                                "PGGSSENCMODE=require",
                                "LC_ALL=xx_XX.nowhere"}) {
    velo->set(variable);
  }
  velo->create_project("demo");
  velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  velo->ok("branch create demo/dev");
  velo->ok("branch reset demo/dev --force");
  velo->ok("branch restart demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
}

}  // namespace
}  // namespace velo::test
