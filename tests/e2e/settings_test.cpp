// Settings: what a user changes with ALTER SYSTEM keeps working, for all but what Velo owns.
#include "support/velo.h"

namespace velo::test {
namespace {

using Settings = E2eTest;

// Defect 19: postgresql.auto.conf was overwritten.
TEST_F(Settings, AlterSystemSurvivesAndIsInherited) {
  velo->create_project("demo");
  velo->sql("demo/main").execute("ALTER SYSTEM SET work_mem = '7MB'");
  velo->ok("branch restart demo/main");
  EXPECT_EQ(velo->value("demo/main", "SHOW work_mem"), "7MB");
  velo->ok("branch create demo/dev");
  velo->ok("branch create demo/other");
  EXPECT_EQ(velo->value("demo/dev", "SHOW work_mem"), "7MB");
  velo->sql("demo/dev").execute("ALTER SYSTEM SET work_mem = '9MB'");
  velo->ok("branch reset demo/other --force");
  velo->ok("branch restart demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SHOW work_mem"), "9MB");
  EXPECT_EQ(velo->value("demo/main", "SHOW work_mem"), "7MB");
  velo->ok("branch reset demo/dev --force");
  EXPECT_EQ(velo->value("demo/dev", "SHOW work_mem"), "7MB");
}

TEST_F(Settings, WhatVeloOwnsStaysVelos) {
  velo->create_project("demo");
  Sql sql = velo->sql("demo/main");
  sql.execute("ALTER SYSTEM SET port = 1");
  sql.execute("ALTER SYSTEM SET listen_addresses = '*'");
  sql.execute("ALTER SYSTEM SET unix_socket_directories = '/tmp'");
  velo->ok("branch restart demo/main");
  EXPECT_EQ(velo->value("demo/main", "SHOW listen_addresses"), "127.0.0.1");
  velo->ok("branch create demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT 1"), "1");
}

TEST_F(Settings, GivenToTheProjectOrTheBranch) {
  velo->create_project("demo", "--pg-conf maintenance_work_mem=11MB --pg-conf log_statement=ddl");
  EXPECT_EQ(velo->value("demo/main", "SHOW maintenance_work_mem"), "11MB");
  velo->ok("branch create demo/dev --pg-conf maintenance_work_mem=13MB");
  EXPECT_EQ(velo->value("demo/dev", "SHOW maintenance_work_mem"), "13MB");
  EXPECT_EQ(velo->value("demo/dev", "SHOW log_statement"), "ddl");
  EXPECT_EQ(velo->value("demo/main", "SHOW maintenance_work_mem"), "11MB");
  velo->ok("branch reset demo/dev --force");
  EXPECT_EQ(velo->value("demo/dev", "SHOW maintenance_work_mem"), "13MB") << "kept over a reset";
  velo->ok({"branch", "create", "demo/odd", "--pg-conf", "cluster_name=it's \\ # odd"});
  EXPECT_EQ(velo->value("demo/odd", "SHOW cluster_name"), "it's \\ # odd");
}

TEST_F(Settings, ABranchDoesNotArchiveIntoItsParentsArchive) {
  velo->create_project("demo");
  const fs::path archive = velo->pool() / "archive";
  fs::create_directory(archive);
  fs::permissions(archive, fs::perms::all);
  velo->sql("demo/main").execute("ALTER SYSTEM SET archive_mode = on");
  velo->sql("demo/main")
      .execute("ALTER SYSTEM SET archive_command = 'cp %p " + archive.string() + "/%f'");
  velo->ok("branch restart demo/main");
  velo->ok("branch create demo/dev");
  Sql sql = velo->sql("demo/dev");
  sql.execute("CREATE TABLE t AS SELECT 1 AS x");
  const std::string segment = sql.value("SELECT pg_walfile_name(pg_switch_wal())");
  EXPECT_TRUE(wait_until([&] {
    return sql.value("SELECT last_archived_wal >= '" + segment + "' FROM pg_stat_archiver") == "t";
  })) << "it has one of its own";
  EXPECT_TRUE(fs::is_empty(archive));
  velo->ok("branch create demo/quiet --no-archive");
  EXPECT_EQ(velo->value("demo/quiet", "SHOW archive_mode"), "off");
}

}  // namespace
}  // namespace velo::test
