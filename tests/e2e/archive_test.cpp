// Archives of WAL: one for each life of a branch, gone with it. (Defect 2 of the earlier Velo:
// after a reset the names collided, archiving failed for ever, and each stop waited for it.)
#include <SQLiteCpp/SQLiteCpp.h>

#include <set>

#include "archive/store.h"
#include "support/velo.h"

namespace velo::test {
namespace {

class Archive : public PlacesTest {
 protected:
  fs::path archives() const { return velo->home() / "wal-archive"; }
  std::set<std::string> archive_names() const {
    std::set<std::string> names;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(archives(), ignored)) {
      names.insert(entry.path().filename());
    }
    return names;
  }
  /// Every life that was led, kept ones too; snapshots archive nothing.
  std::set<std::string> incarnations() const {
    const SQLite::Database state((velo->home() / "private/state.db").string(),
                                 SQLite::OPEN_READONLY);
    SQLite::Statement statement(
        state, "SELECT id FROM incarnation WHERE id NOT IN (SELECT incarnation_id FROM snapshot)");
    std::set<std::string> ids;
    while (statement.executeStep()) ids.insert(statement.getColumn(0).getString());
    return ids;
  }
  fs::path archive_of(const std::string& branch) const {
    const SQLite::Database state((velo->home() / "private/state.db").string(),
                                 SQLite::OPEN_READONLY);
    SQLite::Statement statement(state, "SELECT incarnation_id FROM branch WHERE id = ?");
    statement.bind(1, velo->json("branch get " + branch).text("/branch/id"));
    EXPECT_TRUE(statement.executeStep());
    return archives() / statement.getColumn(0).getString();
  }
  /// Writes, ends the segment, and waits until it is in the branch's archive.
  void expect_archiving(const std::string& branch) const {
    Sql sql = velo->sql(branch);
    sql.execute("CREATE TABLE IF NOT EXISTS written (x int); INSERT INTO written VALUES (1)");
    const std::string segment = sql.value("SELECT pg_walfile_name(pg_switch_wal())");
    EXPECT_TRUE(wait_until([&] {
      return sql.value("SELECT last_archived_wal >= '" + segment + "' FROM pg_stat_archiver") ==
             "t";
    })) << branch
        << ": " << sql.value("SELECT last_failed_wal FROM pg_stat_archiver");
    EXPECT_EQ(sql.value("SELECT failed_count FROM pg_stat_archiver"), "0") << branch;
    EXPECT_TRUE(archive::Store(archive_of(branch)).locate(segment).value().has_value()) << branch;
  }
  /// A reload finds nothing in the files that contradicts the command line.
  void expect_quiet_reload(const std::string& branch) const {
    Sql sql = velo->sql(branch);
    const std::string before = sql.value("SELECT pg_conf_load_time()");
    sql.execute("SELECT pg_reload_conf()");
    EXPECT_TRUE(wait_until([&] { return sql.value("SELECT pg_conf_load_time()") != before; }));
    EXPECT_EQ(sql.value("SELECT string_agg(name, ' ') FROM pg_settings WHERE pending_restart"), "")
        << branch;
  }
};

TEST_P(Archive, Number2AfterResetsArchivingGoesOnAndStopsDoNotWait) {
  velo->create_project("demo");
  expect_archiving("demo/main");
  velo->ok("branch create demo/dev");
  expect_archiving("demo/dev");
  expect_quiet_reload("demo/dev");
  for (int i = 0; i < 2; ++i) {
    velo->ok("branch reset demo/dev --force");
    expect_archiving("demo/dev");
    expect_archiving("demo/dev");
  }
  EXPECT_EQ(archive_names(), incarnations());
  const fs::path status = velo->data_directory("demo/dev") / "pg_wal/archive_status";
  velo->ok("branch stop demo/dev");
  // A server that cannot archive waits for its archiver, and gives up, with segments left to do.
  for (const auto& entry : fs::directory_iterator(status)) {
    EXPECT_NE(entry.path().extension(), ".ready") << entry.path();
  }
  velo->ok("branch start demo/dev");
  expect_archiving("demo/dev");
}

TEST_P(Archive, GoesWithItsVolumeAndComesBackWithIt) {
  velo->create_project("demo");
  velo->ok("branch create demo/dev");
  expect_archiving("demo/dev");
  const fs::path archive = archive_of("demo/dev");
  velo->ok("branch delete demo/dev --force");
  EXPECT_TRUE(fs::exists(archive)) << "kept as long as the volume is";
  velo->ok("branch undelete demo/dev");
  EXPECT_EQ(archive_of("demo/dev"), archive);
  expect_archiving("demo/dev");
  velo->ok("config set grace 0");
  velo->ok("branch reset demo/dev --force");
  EXPECT_FALSE(fs::exists(archive));
  EXPECT_EQ(archive_names(), incarnations());
  velo->ok("project delete demo --force");
  EXPECT_EQ(archive_names(), std::set<std::string>{});
}

TEST_P(Archive, IsOnUnlessTurnedOffAndFollowsTheNextStart) {
  EXPECT_EQ(velo->ok("config get archive").out, "on\n");
  velo->create_project("demo");
  expect_archiving("demo/main");
  velo->fails(2, "config set archive maybe");
  velo->ok("config set archive off");
  velo->ok("branch restart demo/main");
  EXPECT_EQ(velo->value("demo/main", "SHOW archive_mode"), "off");
  EXPECT_EQ(archive_names(), incarnations()) << "what is archived stays";
  velo->create_project("quiet");
  EXPECT_EQ(velo->value("quiet/main", "SHOW archive_mode"), "off");
  EXPECT_EQ(velo->json("snapshot list quiet/main").size("/snapshots"), 0U);
  velo->ok("config unset archive");
  velo->ok("branch restart demo/main");
  expect_archiving("demo/main");
}

INSTANTIATE_TEST_SUITE_P(
    Places, Archive,
    testing::Values(Where{.driver = "btrfs", .major = 0}, Where{.driver = "reflink", .major = 0},
                    Where{.driver = "btrfs", .major = 17, .runtime = "docker"}),
    param_name);

}  // namespace
}  // namespace velo::test
