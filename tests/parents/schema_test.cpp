// A newcomer's database, brought along by pg_dump and pg_restore: it works in main, and in a
// branch.
#include <fstream>

#include "parents.h"

namespace velo::test {
namespace {

class Newcomer : public ParentTest {
 protected:
  void SetUp() override {
    ParentTest::SetUp();
    if (!velo) return;
    velo->create_project("old");
    velo->create_project("demo");
    velo->sql("old/main").execute("CREATE DATABASE library");
    run_as_server({tool("psql").string(), "-qd", url_of("old/main", "library"), "-o", "/dev/null",
                   "-f", readable("library.sql").string()});
  }
  /// A copy of a file of data/ that the servers' user can read.
  fs::path readable(const std::string& name) const {
    const fs::path copy = beside() / name;
    fs::copy_file(fs::path(VELO_SOURCE_DIR) / "tests/parents/data" / name, copy,
                  fs::copy_options::overwrite_existing);
    fs::permissions(copy, fs::perms(0644));
    return copy;
  }
  /// What the library's own queries answer in this branch, a line each.
  std::vector<std::string> answers(const std::string& branch) const {
    Sql sql = sql_in(branch, "library");
    std::vector<std::string> found;
    std::ifstream file(fs::path(VELO_SOURCE_DIR) / "tests/parents/data/queries.sql");
    for (std::string query; std::getline(file, query);) {
      if (!query.starts_with("--")) found.push_back(sql.value(query) + "  ← " + query);
    }
    return found;
  }
  /// Its foreign table leads to the server itself, with that branch's own password.
  void map_far_title(const std::string& branch) const {
    Sql sql = sql_in(branch, "library");
    const std::string url = velo->url(branch);
    const std::size_t from = url.find("//postgres:") + 11;
    sql.execute("DROP USER MAPPING IF EXISTS FOR postgres SERVER elsewhere");
    sql.execute(
        "CREATE USER MAPPING FOR postgres SERVER elsewhere OPTIONS (user 'postgres',"
        " password '" +
        url.substr(from, url.find('@') - from) + "')");
    sql.try_execute("ALTER SERVER elsewhere OPTIONS (DROP host)");
    sql.try_execute("ALTER SERVER elsewhere OPTIONS (DROP port)");
    const int port = in_container() ? 5432 : velo->port(branch);
    sql.execute("ALTER SERVER elsewhere OPTIONS (ADD host '127.0.0.1', ADD port '" +
                std::to_string(port) + "')");
  }
};
INSTANTIATE_TEST_SUITE_P(Places, Newcomer, every_driver(), param_name);
INSTANTIATE_TEST_SUITE_P(Containers, Newcomer, in_containers(), param_name);

TEST_P(Newcomer, ARestoredDatabaseAnswersTheSameInABranch) {
  const std::vector<std::string> before = answers("old/main");
  EXPECT_GT(before.size(), 20U);
  make_directory(beside() / "dumps", server_user());  // the tools are this machine's
  const fs::path file = beside() / "dumps/library.dump";
  velo->sql("demo/main")
      .execute(
          "CREATE ROLE librarian NOLOGIN; CREATE ROLE reader NOLOGIN");  // roles are the cluster's
  run_as_server(
      {tool("pg_dump").string(), "-Fc", "-d", url_of("old/main", "library"), "-f", file.string()});
  run_as_server({tool("pg_restore").string(), "--exit-on-error", "-C", "-d", velo->url("demo/main"),
                 file.string()});
  EXPECT_EQ(answers("demo/main"), before);

  velo->ok("branch create demo/dev");
  EXPECT_EQ(answers("demo/dev"), before);
  map_far_title("demo/dev");
  Sql dev = sql_in("demo/dev", "library");
  EXPECT_EQ(dev.value("SELECT count(*) FROM lending.far_title"), "2000");

  // What is done in the branch works there (constraints, triggers, policies), and stays there.
  EXPECT_FALSE(
      dev.try_execute("INSERT INTO lending.loan SELECT title, member, during FROM "
                      "lending.loan LIMIT 1"))
      << "lent twice at a time";
  EXPECT_FALSE(
      dev.try_execute("INSERT INTO lending.title (isbn, kind, name) VALUES ('12', "
                      "'book', 'no ISBN')"));
  dev.execute("SET ROLE reader");
  EXPECT_EQ(
      dev.value("SELECT count(*) > 0 AND min(upper(during)) > '2024-03-01' FROM lending.loan"),
      "t");
  EXPECT_FALSE(dev.try_execute("SELECT email FROM lending.member"));
  dev.execute("RESET ROLE");
  dev.execute("DELETE FROM lending.loan; REFRESH MATERIALIZED VIEW CONCURRENTLY lending.popular");
  EXPECT_EQ(dev.value("SELECT count(*) FROM lending.popular"), "0");
  EXPECT_EQ(dev.value("SELECT count(*) FROM lending.history WHERE what = 'DELETE loan'"), "20000");
  dev.execute("DELETE FROM lending.history");
  EXPECT_NE(dev.value("SELECT count(*) FROM lending.history"), "0") << "the rule says no";
  EXPECT_EQ(dev.value("INSERT INTO lending.member (name) VALUES ('new') RETURNING card > 4000"),
            "t");
  EXPECT_EQ(answers("demo/main"), before);
  velo->ok("branch reset demo/dev --force");
  EXPECT_EQ(answers("demo/dev"), before);
}

}  // namespace
}  // namespace velo::test
