#include "world.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include "support/caretakers.h"
#include "support/doctor.h"

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

void add(std::vector<std::string>& to, std::vector<std::string> more) {
  std::ranges::move(more, std::back_inserter(to));
}

/// What should be there and is not, and the other way round.
std::vector<std::string> differences(const std::string& what, std::vector<std::string> expected,
                                     std::vector<std::string> found) {
  std::ranges::sort(expected);
  std::ranges::sort(found);
  std::vector<std::string> gone;
  std::vector<std::string> orphaned;
  std::ranges::set_difference(expected, found, std::back_inserter(gone));
  std::ranges::set_difference(found, expected, std::back_inserter(orphaned));
  std::vector<std::string> all;
  for (const std::string& one : gone) all.push_back(fmt::format("{} is gone: {}", what, one));
  for (const std::string& one : orphaned)
    all.push_back(fmt::format("{} is nobody's: {}", what, one));
  return all;
}

}  // namespace

World::World(const Where& where) : velo_(where) {
  make();
}

World::World(const Where& where, const fs::path& homes, const fs::path& pools)
    : velo_(where, homes, pools) {
  make();
}

void World::make() {
  velo_.ok("config set grace 0");
  velo_.create_project("demo");
  velo_.sql("demo/main")
      .execute(
          "CREATE TABLE t AS SELECT 1 AS x;"
          "CREATE TABLE rows AS SELECT generate_series(1, 1000) AS n");
  make_family();
}

void World::make_family() {
  if (has_branch("demo/dev")) return;
  velo_.ok("branch create demo/dev");
  velo_.sql("demo/dev").execute("UPDATE t SET x = 2");
  velo_.ok("branch create demo/child --parent demo/dev");
  velo_.sql("demo/child").execute("UPDATE t SET x = 3");
}

void World::renew() {
  velo_.ok("config set grace 0");
  make_family();
  velo_.ok("branch start demo/dev");
  velo_.sql("demo/dev").execute("UPDATE t SET x = 2");
  if (velo_.json("snapshot schedule").size("/schedules") > 0) {
    velo_.ok("snapshot schedule demo/dev --off");
  }
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

bool World::has_snapshot(const std::string& name) {
  return velo_.run("snapshot get " + name).exit_status == 0;
}

void World::archive_wal(const std::string& branch) {
  Sql sql = velo_.sql(branch);
  sql.execute("CREATE TABLE IF NOT EXISTS filler (n int); INSERT INTO filler VALUES (1)");
  const std::string segment = sql.value("SELECT pg_walfile_name(pg_switch_wal())");
  EXPECT_TRUE(wait_until([&] {
    return sql.value("SELECT last_archived_wal >= '" + segment + "' FROM pg_stat_archiver") == "t";
  })) << segment;
}

Harm World::expect_whole() {
  EXPECT_TRUE(
      wait_until([&] { return is_without_caretaker(velo_.home()); }, std::chrono::minutes(2)))
      << "a caretaker found no end";
  const Json status = velo_.json("status");
  std::vector<std::string> wrong = column("SELECT 'reserved ' || key FROM reservation");
  add(wrong, column("SELECT 'unfinished ' || kind FROM operation WHERE state IN "
                    "('running', 'committed')"));
  add(wrong, wrong_volumes(status));
  add(wrong, wrong_servers());
  add(wrong, wrong_files());
  std::vector<std::string> troubles = doctor(velo_).troubles();
  // That nobody carries a schedule out is another matter.
  std::erase_if(troubles, [](const std::string& one) { return one.starts_with("schedule."); });
  add(wrong, std::move(troubles));
  EXPECT_EQ(wrong, Nothing{});
  const std::vector<std::string> lost = lost_rows();
  EXPECT_EQ(lost, Nothing{});
  return {.lost = static_cast<int>(lost.size()), .orphans = static_cast<int>(wrong.size())};
}

std::vector<std::string> World::lost_rows() {
  std::vector<std::string> lost;
  const auto expect = [&](const std::string& branch, const std::string& question,
                          const std::string& answer) {
    const std::string got = velo_.value(branch, question);
    if (got != answer) lost.push_back(fmt::format("{}: {}, not {}", branch, got, answer));
  };
  expect("demo/main", "SELECT count(*) FROM rows", "1000");
  expect("demo/main", "SELECT x FROM t", "1");
  if (has_branch("demo/child")) expect("demo/child", "SELECT x FROM t", "3");
  return lost;
}

std::vector<std::string> World::wrong_volumes(const Json& status) {
  std::vector<std::string> referenced = status.texts("/kept", "volume");
  for (std::string& volume : velo_.json("branch list --all").texts("/branches", "volume")) {
    referenced.push_back(std::move(volume));
  }
  add(referenced, column("SELECT volume FROM incarnation WHERE kept_reason = 'snapshot'"));
  std::vector<std::string> wrong = differences("volume", referenced, velo_.place().volume_names());
  add(wrong, velo_.place().leaked_snapshots());
  return wrong;
}

std::vector<std::string> World::wrong_servers() {
  std::vector<std::string> wrong;
  std::vector<std::string> expected;
  const Json list = velo_.json("branch list --all");
  for (std::size_t i = 0; i < list.size("/branches"); ++i) {
    const std::string branch = "/branches/" + std::to_string(i);
    const std::string state = list.text(branch + "/state");
    if (state != "running" && state != "stopped") {
      wrong.push_back(fmt::format("{} is {}", list.text(branch + "/full_name"), state));
    }
    if (state == "running") expected.push_back(list.text(branch + "/data_directory"));
  }
  std::vector<std::string> running;
  for (const Server& server : servers_below(velo_.volumes())) {
    running.push_back(server.data_directory);
  }
  add(wrong, differences("server", expected, running));
  return wrong;
}

std::vector<std::string> World::wrong_files() {
  const auto known = [&](const std::string& table) {
    const std::vector<std::string> ids = column("SELECT id FROM " + table);
    return std::set<std::string>(ids.begin(), ids.end());
  };
  std::vector<std::string> wrong = strangers(velo_.home() / "run", known("branch"));
  add(wrong, strangers(velo_.home() / "logs", known("branch")));
  add(wrong, strangers(velo_.home() / "tls", known("project")));
  add(wrong, strangers(velo_.home() / "wal-archive", known("incarnation")));
  return wrong;
}

std::vector<std::string> World::column(const std::string& sql) {
  const SQLite::Database state((velo_.home() / "private/state.db").string(), SQLite::OPEN_READONLY);
  SQLite::Statement statement(state, sql);
  std::vector<std::string> texts;
  while (statement.executeStep()) texts.push_back(statement.getColumn(0).getString());
  return texts;
}

}  // namespace velo::test
