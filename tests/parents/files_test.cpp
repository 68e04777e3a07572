// Parents whose files lie, or whose settings lead, outside their own data directory.
#include <fstream>
#include <map>

#include "base/crypto.h"
#include "base/files.h"
#include "parents.h"

namespace velo::test {
namespace {

class Files : public ParentTest {
 protected:
  /// Every file below `directory`, with a digest of what is in it.
  static std::map<std::string, std::string> digests(const fs::path& directory) {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
      if (!entry.is_regular_file()) continue;
      found[entry.path().string()] =
          to_hex(sha256(read_file(entry.path(), 1U << 30U).value_or("?")).value_or("?"));
    }
    return found;
  }
  static void append(const fs::path& file, const std::string& text) {
    std::ofstream(file, std::ios::app) << text;
  }
};
INSTANTIATE_TEST_SUITE_P(Places, Files, every_driver(), param_name);
INSTANTIATE_TEST_SUITE_P(Containers, Files, in_containers(), param_name);

TEST_P(Files, ATablespaceInsideTheVolumeIsTheBranchsOwn) {
  velo->create_project("demo", "--pg-conf autovacuum=off");
  const fs::path place = volume_of("demo/main") / "fast disk";
  make_server_directory(place);
  Sql main = velo->sql("demo/main");
  main.execute("CREATE TABLESPACE fast LOCATION '" + place.string() + "'");
  main.execute(
      "CREATE TABLE t TABLESPACE fast AS"
      " SELECT i AS id, md5(i::text) AS text FROM generate_series(1, 20000) AS i");
  main.execute("CREATE INDEX ON t (text) TABLESPACE fast");
  main.execute("VACUUM t");
  main.execute("CHECKPOINT");
  velo->ok("branch create demo/dev");
  const auto before = digests(place);
  EXPECT_GE(before.size(), 2U);

  Sql dev = velo->sql("demo/dev");
  EXPECT_EQ(
      dev.value("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'fast'"),
      (volume_of("demo/dev") / "fast disk").string());
  EXPECT_EQ(dev.value("SELECT count(*) FROM t"), "20000");
  dev.execute("UPDATE t SET text = 'x' || text; DELETE FROM t WHERE id % 2 = 0");
  dev.execute("VACUUM FULL t");
  dev.execute("CREATE TABLE more TABLESPACE fast AS SELECT generate_series(1, 50000) AS x");
  dev.execute("CHECKPOINT");
  EXPECT_EQ(digests(place), before) << "the branch wrote into its parent's tablespace";
  velo->ok("branch create demo/child --parent demo/dev");
  EXPECT_EQ(velo->value("demo/child", "SELECT count(*) FROM more"), "50000");
  velo->ok("branch delete demo/dev --force");
  velo->ok("config set grace 0");
  velo->ok("branch restart demo/main");
  EXPECT_EQ(velo->value("demo/main", "SELECT count(*) FROM t WHERE text LIKE 'x%'"), "0");
}

TEST_P(Files, ATablespaceOutsideIsRefusedByName) {
  if (in_container()) GTEST_SKIP() << "a server in a container cannot make one";
  velo->create_project("demo");
  const fs::path elsewhere = beside() / "elsewhere";
  make_server_directory(elsewhere);
  velo->sql("demo/main").execute("CREATE TABLESPACE far LOCATION '" + elsewhere.string() + "'");
  for (const char* state : {"running", "stopped"}) {
    if (std::string(state) == "stopped") velo->ok("branch stop demo/main");
    const Ran refused = velo->fails(1, "branch create demo/dev");
    EXPECT_NE(refused.err.find(elsewhere.string()), std::string::npos) << refused.all();
    EXPECT_EQ(refused.err.find("tablespace far") != std::string::npos,
              std::string(state) == "running")
        << refused.all();
  }
  EXPECT_EQ(velo->volume_names(), (std::vector<std::string>{"demo-main"}));
  velo->ok("branch start demo/main");
  velo->sql("demo/main").execute("DROP TABLESPACE far");
  velo->ok("branch create demo/dev");
}

TEST_P(Files, SettingsWithAbsolutePathsLeadIntoTheBranch) {
  velo->create_project("demo");
  const fs::path pgdata = velo->data_directory("demo/main");
  const fs::path logs = (in_container() ? volume_of("demo/main") : beside()) / "logs";
  make_server_directory(logs);
  const auto write = [&](const fs::path& file, const std::string& text) {
    const ActAs as(owner());
    ASSERT_TRUE(write_file(file, text, 0600));
  };
  write(pgdata / "more.conf", "work_mem = '5MB'\n");
  fs::create_directory(pgdata / "conf.d");
  fs::permissions(pgdata / "conf.d", fs::perms::all);
  write(pgdata / "conf.d/x.conf", "maintenance_work_mem = '17MB'\n");
  write(pgdata / "my_hba.conf", "local all all reject\n");
  append(pgdata / "postgresql.conf",
         "include = '" + (pgdata / "more.conf").string() + "'\n" + "include_dir = '" +
             (pgdata / "conf.d").string() + "'\n" + "hba_file = '" +
             (pgdata / "my_hba.conf").string() + "'\n" + "ident_file = '" +
             (pgdata / "pg_ident.conf").string() + "'\n" + "ssl_cert_file = '" +
             (pgdata / "my.crt").string() + "'\n" + "external_pid_file = '" +
             (beside() / "pid").string() + "'\n");
  Sql main = velo->sql("demo/main");
  main.execute("ALTER SYSTEM SET log_directory = '" + logs.string() + "'");
  main.execute("ALTER SYSTEM SET logging_collector = on");
  velo->ok("branch restart demo/main");
  const auto files_in_logs = [&] {
    return std::distance(fs::directory_iterator(logs), fs::directory_iterator());
  };
  EXPECT_EQ(files_in_logs(), 1);
  EXPECT_EQ(velo->value("demo/main", "SHOW work_mem"), "5MB");

  velo->ok("branch create demo/dev");
  EXPECT_EQ(files_in_logs(), 1) << "the branch writes its log into its parent's directory";
  Sql dev = velo->sql("demo/dev");
  // One within the volume has its like in the branch's.
  EXPECT_EQ(dev.value("SHOW log_directory"),
            in_container() ? (volume_of("demo/dev") / "logs").string() : "log");
  EXPECT_EQ(dev.value("SHOW work_mem"), "5MB");
  EXPECT_EQ(dev.value("SHOW maintenance_work_mem"), "17MB");
  const std::string root = volume_of("demo/dev").string() + "/";
  const auto sources = dev.rows(
      "SELECT DISTINCT sourcefile FROM pg_settings WHERE sourcefile IS NOT NULL"
      " UNION SELECT setting FROM pg_settings WHERE name IN ('hba_file', 'ident_file',"
      " 'config_file', 'data_directory')");
  EXPECT_GE(sources.size(), 6U);
  for (const auto& row : sources) EXPECT_TRUE(row.front().starts_with(root)) << row.front();
  const Ran shown = velo->ok("logs demo/dev");
  EXPECT_NE(shown.out.find("ready to accept connections"), std::string::npos) << shown.all();
}

}  // namespace
}  // namespace velo::test
