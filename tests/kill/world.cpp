#include "world.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <fstream>
#include <set>

namespace velo::test {
namespace {

/// What is in `directory` and not in `known`: left behind.
std::vector<std::string> strangers(const fs::path& directory, const std::set<std::string>& known) {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (!known.contains(entry.path().stem())) found.push_back(entry.path());
  }
  return found;
}

using Nothing = std::vector<std::string>;

}  // namespace

World::World(const Where& where) : velo_(where) {
  velo_.ok("config set grace 0");
  velo_.create_project("demo");
  velo_.sql("demo/main")
      .execute(
          "CREATE TABLE t AS SELECT 1 AS x;"
          "CREATE TABLE rows AS SELECT generate_series(1, 1000) AS n");
  velo_.ok("branch create demo/dev");
  velo_.sql("demo/dev").execute("UPDATE t SET x = 2");
  velo_.ok("branch create demo/child --parent demo/dev");
  velo_.sql("demo/child").execute("UPDATE t SET x = 3");
}

std::vector<std::string> World::points_of(const std::vector<std::string>& line,
                                          const std::string& faults) {
  const fs::path trace = velo_.home() / "trace";
  velo_.use_binary("velo-faults");
  velo_.run(line, {"VELO_FAULT_TRACE=" + trace.string(), "VELO_FAULT=" + faults});
  velo_.use_binary("velo");
  std::vector<std::string> points;
  std::ifstream file(trace);
  for (std::string point; std::getline(file, point);) {
    if (std::ranges::find(points, point) == points.end()) points.push_back(point);
  }
  fs::remove(trace);
  return points;
}

Ran World::run_with_fault(const std::vector<std::string>& line, const std::string& faults) {
  velo_.use_binary("velo-faults");
  Ran ran = velo_.run(line, {"VELO_FAULT=" + faults});
  velo_.use_binary("velo");
  return ran;
}

void World::next_command() {
  velo_.ok("branch create demo/next --no-start");
  velo_.ok("branch delete demo/next --now");
}

bool World::has_branch(const std::string& name) {
  return velo_.run("branch get " + name).exit_status == 0;
}

bool World::keeps(const std::string& branch) {
  const std::vector<std::string> kept = velo_.json("status").texts("/kept", "branch");
  return std::ranges::count(kept, branch) > 0;
}

bool World::has_project(const std::string& name) {
  return velo_.run("project get " + name).exit_status == 0;
}

void World::expect_whole() {
  const Json status = velo_.json("status");
  EXPECT_EQ(status.size("/unfinished_operations"), 0U);
  expect_empty_table("SELECT count(*) FROM reservation");
  expect_empty_table("SELECT count(*) FROM operation WHERE state IN ('running', 'committed')");
  expect_volumes(status);
  expect_servers(status);
  expect_files();
  EXPECT_EQ(velo_.value("demo/main", "SELECT count(*) FROM rows"), "1000");
  EXPECT_EQ(velo_.value("demo/main", "SELECT x FROM t"), "1");
  if (has_branch("demo/child")) {
    EXPECT_EQ(velo_.value("demo/child", "SELECT x FROM t"), "3");
  }
}

void World::expect_volumes(const Json& status) {
  std::vector<std::string> referenced = status.texts("/kept", "volume");
  for (std::size_t i = 0; i < status.size("/projects"); ++i) {
    const std::string project = "/projects/" + std::to_string(i) + "/branches";
    for (std::string& volume : status.texts(project, "volume")) {
      referenced.push_back(std::move(volume));
    }
  }
  for (std::string& volume :
       column("SELECT volume FROM incarnation WHERE kept_reason = 'snapshot'")) {
    referenced.push_back(std::move(volume));
  }
  std::ranges::sort(referenced);
  EXPECT_EQ(velo_.place().volume_names(), referenced) << "orphaned or lost volumes";
  EXPECT_EQ(velo_.place().leaked_snapshots(), Nothing{});
}

void World::expect_servers(const Json& status) {
  std::vector<std::string> expected;
  for (std::size_t i = 0; i < status.size("/projects"); ++i) {
    const std::string branches = "/projects/" + std::to_string(i) + "/branches";
    for (std::size_t j = 0; j < status.size(branches); ++j) {
      const std::string branch = branches + "/" + std::to_string(j);
      const std::string state = status.text(branch + "/state");
      EXPECT_TRUE(state == "running" || state == "stopped")
          << status.text(branch + "/full_name") << " is " << state;
      if (state == "running") expected.push_back(status.text(branch + "/data_directory"));
    }
  }
  std::vector<std::string> running;
  for (const Server& server : servers_below(velo_.volumes())) {
    running.push_back(server.data_directory);
  }
  std::ranges::sort(expected);
  std::ranges::sort(running);
  EXPECT_EQ(running, expected);
}

void World::expect_files() {
  const auto known = [&](const std::string& table) {
    const std::vector<std::string> ids = column("SELECT id FROM " + table);
    return std::set<std::string>(ids.begin(), ids.end());
  };
  EXPECT_EQ(strangers(velo_.home() / "run", known("branch")), Nothing{});
  EXPECT_EQ(strangers(velo_.home() / "logs", known("branch")), Nothing{});
  EXPECT_EQ(strangers(velo_.home() / "tls", known("project")), Nothing{});
  EXPECT_EQ(strangers(velo_.home() / "wal-archive", known("incarnation")), Nothing{});
}

std::vector<std::string> World::column(const std::string& sql) {
  const SQLite::Database state((velo_.home() / "private/state.db").string(), SQLite::OPEN_READONLY);
  SQLite::Statement statement(state, sql);
  std::vector<std::string> texts;
  while (statement.executeStep()) texts.push_back(statement.getColumn(0).getString());
  return texts;
}

void World::expect_empty_table(const std::string& sql) {
  const SQLite::Database state((velo_.home() / "private/state.db").string(), SQLite::OPEN_READONLY);
  SQLite::Statement statement(state, sql);
  statement.executeStep();
  EXPECT_EQ(statement.getColumn(0).getInt(), 0) << sql;
}

}  // namespace velo::test
