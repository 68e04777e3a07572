#include "catalog/catalog.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <tuple>

#include "base/files.h"
#include "catalog/schema.h"
#include "support/environment.h"

namespace velo::catalog {
namespace {

using test::TempDirectory;

class CatalogTest : public testing::Test {
 protected:
  fs::path path() const { return dir_.path() / "state.db"; }
  Catalog open() const { return Catalog::open(path()).value(); }

  static Project project(const std::string& id, const std::string& name) {
    Project p;
    p.id = id;
    p.name = name;
    p.driver = "copy";
    p.pool = "/pool";
    p.runtime = "native";
    p.pg_major = 15;
    p.os_user = "postgres";
    p.database = "postgres";
    p.main_branch_id = "main-of-" + id;
    p.created_at = now();
    return p;
  }

  static Branch branch(const std::string& id, const std::string& project, const std::string& name) {
    Branch b;
    b.id = id;
    b.project_id = project;
    b.name = name;
    b.incarnation_id = "life-of-" + id;
    b.superuser = "postgres";
    b.created_at = now();
    return b;
  }

 private:
  TempDirectory dir_;
};

TEST_F(CatalogTest, TheHomeIdStaysTheSame) {
  const std::string id = open().home_id();
  EXPECT_EQ(id.size(), 16U);
  EXPECT_EQ(open().home_id(), id);
}

TEST_F(CatalogTest, RecordsRoundTrip) {
  Catalog catalog = open();
  const Project p = project("p", "demo");
  ASSERT_TRUE(catalog.insert(p));
  Branch b = branch("b", "p", "dev");
  b.settings = {{"work_mem", "64MB"}, {"application_name", "it's \"x\""}};
  b.wants_running = true;
  b.archives = false;
  ASSERT_TRUE(catalog.insert(b));
  Incarnation i;
  i.id = b.incarnation_id;
  i.branch_id = "b";
  i.volume = "demo-dev";
  i.parent_incarnation_id = "life";
  i.timeline = 3;
  i.fork_lsn = "0/16B3748";
  i.forked_at = now();
  i.bin_directory = "/usr/lib/postgresql/15/bin";
  i.pg_version = "15.18";
  i.drift_told = "app";
  i.first_start = true;
  i.created_at = now();
  i.kept_since = now();
  i.kept_until = now();
  i.kept_reason = "reset";
  ASSERT_TRUE(catalog.insert(i));
  ASSERT_TRUE(catalog.insert(Endpoint{"b", "127.0.0.1", 20000, true}));

  EXPECT_EQ(catalog.project_named("demo").value()->id, "p");
  const Branch read = catalog.branch_named("p", "dev").value().value();
  EXPECT_EQ(read.settings, b.settings);
  EXPECT_EQ(read.created_at, b.created_at);
  EXPECT_TRUE(read.wants_running);
  EXPECT_FALSE(read.archives);
  EXPECT_FALSE(read.parent_id);
  const Incarnation life = catalog.incarnation(i.id).value();
  EXPECT_EQ(life.timeline, 3);
  EXPECT_EQ(life.fork_lsn, "0/16B3748");
  EXPECT_EQ(life.forked_at, i.forked_at);
  EXPECT_EQ(life.kept_until, i.kept_until);
  EXPECT_EQ(life.kept_reason, "reset");
  EXPECT_EQ(catalog.endpoint_of("b").value().port, 20000);
}

TEST_F(CatalogTest, ASnapshotIsReadByItsTimeAndGoesWithItsIncarnation) {
  Catalog catalog = open();
  ASSERT_TRUE(catalog.insert(project("p", "demo")));
  ASSERT_TRUE(catalog.insert(branch("b", "p", "dev")));
  const Timestamp time = now();
  for (const auto& [id, taken_at] : std::vector<std::pair<std::string, Timestamp>>{
           {"later", time + std::chrono::seconds(1)}, {"sooner", time}}) {
    Incarnation i;
    i.id = id;
    i.branch_id = "b";
    ASSERT_TRUE(catalog.insert(i));
    ASSERT_TRUE(catalog.insert(Snapshot{.incarnation_id = id,
                                        .of_incarnation_id = "life",
                                        .label = "label of " + id,
                                        .purpose = "asked",
                                        .taken_at = taken_at}));
  }
  const auto both = catalog.snapshots().value();
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[0].incarnation_id, "sooner");
  EXPECT_EQ(both[0].taken_at, time);
  EXPECT_EQ(both[1].label, "label of later");
  EXPECT_EQ(both[1].of_incarnation_id, "life");
  ASSERT_TRUE(catalog.remove_incarnation("sooner"));
  ASSERT_EQ(catalog.snapshots()->size(), 1U);
}

TEST_F(CatalogTest, ABranchHasOneScheduleAndItGoesWithIt) {
  Catalog catalog = open();
  ASSERT_TRUE(catalog.insert(project("p", "demo")));
  ASSERT_TRUE(catalog.insert(branch("b", "p", "dev")));
  for (const int hours : {1, 2}) {
    ASSERT_TRUE(catalog.put(
        Schedule{.branch_id = "b", .every = std::chrono::hours(hours), .keep = "24h:1h,30d:1d"}));
  }
  const auto schedules = catalog.schedules().value();
  ASSERT_EQ(schedules.size(), 1U);
  EXPECT_EQ(schedules[0].branch_id, "b");
  EXPECT_EQ(schedules[0].every, std::chrono::hours(2));
  EXPECT_EQ(schedules[0].keep, "24h:1h,30d:1d");
  ASSERT_TRUE(catalog.remove_branch("b"));
  EXPECT_EQ(catalog.schedules()->size(), 0U);
  ASSERT_TRUE(catalog.insert(branch("b", "p", "dev")));
  ASSERT_TRUE(catalog.put(schedules[0]));
  ASSERT_TRUE(catalog.remove_schedule("b"));
  EXPECT_EQ(catalog.schedules()->size(), 0U);
}

TEST_F(CatalogTest, AVolumesNameIsAskedForWithItsNumbers) {
  Catalog catalog = open();
  ASSERT_TRUE(catalog.insert(project("p", "demo")));
  ASSERT_TRUE(catalog.insert(branch("b", "p", "dev")));
  for (const char* volume : {"demo-dev", "demo-dev.2", "demo-dev.10", "demo-dev-2", "demo-d",
                             "demo-devel", "x-demo-dev"}) {
    Incarnation i;
    i.id = volume;
    i.branch_id = "b";
    i.volume = volume;
    if (i.volume == "demo-dev.2") i.kept_until = now();
    ASSERT_TRUE(catalog.insert(i));
  }
  std::vector<std::string> found = catalog.volumes_called("demo-dev").value();
  std::ranges::sort(found);
  EXPECT_EQ(found, (std::vector<std::string>{"demo-dev", "demo-dev.10", "demo-dev.2"}));
  EXPECT_TRUE(catalog.volumes_called("demo%").value().empty());
  ASSERT_EQ(catalog.ending_incarnations().value().size(), 1U);
  EXPECT_EQ(catalog.ending_incarnations().value().front().id, "demo-dev.2");
}

TEST_F(CatalogTest, PortsAreThoseOfActiveEndpoints) {
  Catalog catalog = open();
  ASSERT_TRUE(catalog.insert(project("p", "demo")));
  for (const auto& [id, port, active] : std::vector<std::tuple<std::string, int, bool>>{
           {"a", 20002, true}, {"b", 20001, true}, {"c", 20000, false}}) {
    ASSERT_TRUE(catalog.insert(branch(id, "p", id)));
    ASSERT_TRUE(catalog.insert(Endpoint{id, "127.0.0.1", port, active}));
  }
  EXPECT_EQ(catalog.ports().value(), (std::vector<int>{20001, 20002}));
}

TEST_F(CatalogTest, TheJournalForgetsWhatEndedLongAgoAndNothingElse) {
  Catalog catalog = open();
  Operation one;
  one.kind = "branch.create";
  one.plan = "{}";
  one.started_at = now();
  ASSERT_TRUE(catalog.change([&]() -> Result<void> {
    for (std::int64_t i = 1; i <= journal_length + 3; ++i) {
      one.state = i == 2 ? "committed" : "done";
      TRY(catalog.insert(one, {}));
    }
    return {};
  }));
  EXPECT_FALSE(catalog.operation(1).value());
  EXPECT_TRUE(catalog.operation(2).value()) << "it is under way";
  EXPECT_FALSE(catalog.operation(3).value());
  EXPECT_TRUE(catalog.operation(4).value());
  EXPECT_TRUE(catalog.operation(journal_length + 3).value());
}

TEST_F(CatalogTest, AFailedChangeLeavesNothing) {
  Catalog catalog = open();
  const auto changed = catalog.change([&]() -> Result<void> {
    TRY(catalog.insert(project("p", "demo")));
    return fail(Errc::failed, "no");
  });
  EXPECT_EQ(changed.error().message, "no");
  EXPECT_FALSE(catalog.project_named("demo").value());
}

TEST_F(CatalogTest, ADeletedNameIsFreeAgain) {
  Catalog catalog = open();
  Project p = project("p", "demo");
  ASSERT_TRUE(catalog.insert(p));
  EXPECT_EQ(catalog.insert(project("q", "demo")).error().code, Errc::already_exists);
  p.deleted_at = now();
  ASSERT_TRUE(catalog.update(p));
  EXPECT_TRUE(catalog.insert(project("q", "demo")));
  EXPECT_EQ(catalog.projects(Which::live)->size(), 1U);
  EXPECT_EQ(catalog.projects(Which::all)->size(), 2U);
}

TEST_F(CatalogTest, OnePortServesOneActiveBranch) {
  Catalog catalog = open();
  ASSERT_TRUE(catalog.insert(project("p", "demo")));
  ASSERT_TRUE(catalog.insert(branch("a", "p", "a")));
  ASSERT_TRUE(catalog.insert(branch("b", "p", "b")));
  ASSERT_TRUE(catalog.insert(Endpoint{"a", "127.0.0.1", 20000, true}));
  EXPECT_EQ(catalog.insert(Endpoint{"b", "127.0.0.1", 20000, true}).error().code,
            Errc::already_exists);
  EXPECT_TRUE(catalog.insert(Endpoint{"b", "127.0.0.1", 20000, false}));
}

TEST_F(CatalogTest, ManyWritersLoseNoUpdate) {
  open();
  constexpr int writers = 8;
  constexpr int rounds = 20;
  std::vector<std::thread> threads;
  for (int w = 0; w < writers; ++w) {
    threads.emplace_back([&] {
      Catalog catalog = open();
      for (int r = 0; r < rounds; ++r) {
        EXPECT_TRUE(catalog.change([&]() -> Result<void> {
          const int count = std::stoi(TRY(catalog.setting("count")).value_or("0"));
          return catalog.set_setting("count", std::to_string(count + 1));
        }));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(open().setting("count").value(), std::to_string(writers * rounds));
}

TEST_F(CatalogTest, ANewerSchemaIsRefusedWithItsVersion) {
  open();
  SQLite::Database(path().string(), SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 99");
  const auto opened = Catalog::open(path());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::state);
  EXPECT_NE(opened.error().message.find("99"), std::string::npos);
}

TEST_F(CatalogTest, ADamagedDatabaseIsToldAsSuch) {
  ASSERT_TRUE(write_file(path(), std::string(8192, 'x'), 0600));
  EXPECT_EQ(Catalog::open(path()).error().code, Errc::state);
}

}  // namespace
}  // namespace velo::catalog
