// What people come for, on each driver and on majors from the oldest to the newest.
#include "support/velo.h"

namespace velo::test {
namespace {

class MainFlow : public PlacesTest {};

std::vector<std::string> names(Velo& velo, const std::string& branch) {
  std::vector<std::string> found;
  for (const auto& row : velo.sql(branch).rows("SELECT name FROM people ORDER BY id")) {
    found.push_back(row.front());
  }
  return found;
}

using Names = std::vector<std::string>;

/// Of the major that was asked for, and set up so that nothing is lost and nobody listens in.
void expect_safe(const Velo& velo, const std::string& branch) {
  Sql sql = velo.sql(branch);
  EXPECT_EQ(sql.value("SELECT current_setting('server_version_num')::int / 10000"),
            std::to_string(velo.where().major));
  EXPECT_EQ(sql.value("SHOW data_checksums"), "on");
  EXPECT_EQ(sql.value("SHOW server_encoding"), "UTF8");
  EXPECT_EQ(sql.value("SHOW password_encryption"), "scram-sha-256");
  EXPECT_EQ(sql.value("SHOW ssl"), "on");
  EXPECT_EQ(sql.value("SHOW fsync"), "on");
  EXPECT_EQ(sql.value("SHOW full_page_writes"), "on");
  EXPECT_EQ(sql.value("SELECT pg_is_in_recovery()"), "f");
}

TEST_P(MainFlow, CreateBranchDivergeResetDelete) {
  const Ran created = velo->create_project("demo");
  EXPECT_NE(created.err.find("▸"), std::string::npos) << created.all();
  EXPECT_NE(created.out.find("postgresql://postgres:***@127.0.0.1:"), std::string::npos)
      << created.all();
  velo->sql("demo/main")
      .execute(
          "CREATE TABLE people (id serial PRIMARY KEY, name text);"
          "INSERT INTO people (name) VALUES ('Alice'), ('Bob'), ('Charlie')");

  velo->ok("branch create demo/dev");
  EXPECT_EQ(names(*velo, "demo/dev"), (Names{"Alice", "Bob", "Charlie"}));
  for (const char* branch : {"demo/main", "demo/dev"}) expect_safe(*velo, branch);
  velo->sql("demo/dev")
      .execute("INSERT INTO people (name) VALUES ('Dave'); DELETE FROM people WHERE name = 'Bob'");
  velo->sql("demo/main").execute("INSERT INTO people (name) VALUES ('Erin')");
  EXPECT_EQ(names(*velo, "demo/dev"), (Names{"Alice", "Charlie", "Dave"}));
  EXPECT_EQ(names(*velo, "demo/main"), (Names{"Alice", "Bob", "Charlie", "Erin"}));

  const std::string url = velo->url("demo/dev");
  const int port = velo->port("demo/dev");
  velo->ok("branch reset demo/dev --force");
  EXPECT_EQ(velo->url("demo/dev"), url) << "the connection string must not change";
  EXPECT_EQ(velo->port("demo/dev"), port);
  EXPECT_EQ(names(*velo, "demo/dev"), (Names{"Alice", "Bob", "Charlie", "Erin"}));

  velo->ok("branch stop demo/dev");
  EXPECT_EQ(velo->state("demo/dev"), "stopped");
  EXPECT_FALSE(Sql(url).connected());
  velo->ok("branch start demo/dev");
  EXPECT_EQ(velo->state("demo/dev"), "running");
  EXPECT_EQ(names(*velo, "demo/dev").size(), 4U);
  const int pid = velo->pid("demo/dev");
  velo->ok("branch restart demo/dev");
  EXPECT_NE(velo->pid("demo/dev"), pid);
  EXPECT_EQ(velo->url("demo/dev"), url);
  EXPECT_EQ(names(*velo, "demo/dev").size(), 4U);

  velo->ok("branch delete demo/dev --force");
  velo->fails(3, "branch get demo/dev");
  EXPECT_FALSE(Sql(url).connected());
  EXPECT_EQ(names(*velo, "demo/main").size(), 4U);
}

/// What is the driver's matter and the runtime's, not PostgreSQL's.
class MainFlowOfDrivers : public PlacesTest {};

TEST_P(MainFlowOfDrivers, DeletedAndResetBranchesComeBack) {
  velo->create_project("demo");
  velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  velo->ok("branch create demo/dev");
  const std::string url = velo->url("demo/dev");
  velo->sql("demo/dev").execute("UPDATE t SET x = 2");
  velo->ok("branch reset demo/dev --force");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
  velo->ok("branch undelete demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "2");
  EXPECT_EQ(velo->url("demo/dev"), url);

  velo->ok("branch delete demo/dev");
  velo->fails(3, "branch url demo/dev");
  velo->ok("branch undelete demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "2");
}

/// A branch that does nothing takes hardly any room, wherever in a segment its parent stands: its
/// server fills no WAL ahead, where writes take new blocks never, and elsewhere not at first.
TEST_P(MainFlowOfDrivers, AFreshBranchHasLittleOfItsOwn) {
  const std::string driver = velo->where().driver;
  const bool copies_on_write = driver == "btrfs" || driver == "zfs";
  velo->create_project("demo");
  EXPECT_EQ(velo->value("demo/main", "SHOW wal_init_zero"), copies_on_write ? "off" : "on");
  velo->sql("demo/main")
      .execute(
          "CREATE TABLE t AS SELECT 1 AS x; SELECT pg_switch_wal();"
          // Three quarters of a segment and a little more: from there on a checkpoint makes the
          // next.
          "SELECT pg_logical_emit_message(false, 'test', repeat('x', 13 << 20)); CHECKPOINT");
  velo->ok("branch create demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
  EXPECT_EQ(velo->value("demo/dev", "SHOW wal_init_zero"), copies_on_write ? "off" : "on");
  velo->sql("demo/dev").execute("CHECKPOINT");
  constexpr std::int64_t most = 512 << 10;
  if (driver != "copy") {
    EXPECT_LT(velo->json("branch get demo/dev").number("/branch/sizes/exclusive_bytes"), most);
  }
  velo->ok("branch create demo/other --pg-conf wal_init_zero=on");
  EXPECT_EQ(velo->value("demo/other", "SHOW wal_init_zero"), "on");
}

TEST_P(MainFlowOfDrivers, DeletingAProjectLeavesNothingRunning) {
  velo->create_project("demo");
  velo->ok("branch create demo/a");
  velo->ok("branch create demo/b --parent demo/a");
  velo->ok("config set grace 0");
  velo->fails(4, "project delete demo");
  velo->ok("project delete demo --force");
  EXPECT_TRUE(servers_below(velo->volumes()).empty());
  EXPECT_EQ(velo->json("project list").size("/projects"), 0U);
  velo->ok("config get grace");
  velo->create_project("other");  // a changing command: reaps what is left
  EXPECT_EQ(velo->volume_names(), (std::vector<std::string>{"other-main"}));
}

const std::vector<Where> elsewhere{
    {.driver = "zfs", .major = 15},
    {.driver = "btrfs", .major = 17, .runtime = "docker"},
    {.driver = "reflink", .major = 15, .runtime = "docker"},
};

std::vector<Where> each_major_on_each_driver() {
  std::vector<Where> all = elsewhere;
  for (const char* driver : {"btrfs", "reflink", "copy"}) {
    for (const int major : {13, 14, 15, 16, 17, 18}) {
      all.push_back({.driver = driver, .major = major});
    }
  }
  return all;
}
std::vector<Where> each_driver() {
  std::vector<Where> all = elsewhere;
  all.push_back({.driver = "btrfs", .major = 18});
  all.push_back({.driver = "reflink", .major = 13});
  all.push_back({.driver = "copy", .major = 16});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Places, MainFlow, testing::ValuesIn(each_major_on_each_driver()),
                         param_name);
INSTANTIATE_TEST_SUITE_P(Places, MainFlowOfDrivers, testing::ValuesIn(each_driver()), param_name);

}  // namespace
}  // namespace velo::test
