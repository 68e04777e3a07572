// A branch holds every transaction whose COMMIT was acknowledged before its command began.
//
// Writers commit into main as fast as they can, and count a transaction once its COMMIT is
// acknowledged. Meanwhile branches are made and reset; each must hold at least what was counted
// when its command began, must hold no half of a transaction, and must be sound on disk.
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <thread>

#include "base/process.h"
#include "support/light.h"
#include "support/velo.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t writer_count = 3;
/// For where everything takes ten times as long: fewer rounds, less data, writers that pause.
const int rounds = is_light() ? 2 : 4;
const int bulk_rows = is_light() ? 5000 : 60000;
using Counts = std::array<std::int64_t, writer_count>;

/// Each transaction adds a row to the writer's own numbered ledger and moves an amount between two
/// accounts: the sum of all accounts stays 0, and each ledger has no gap.
constexpr auto schema =
    "CREATE TABLE ledger (writer int, n bigint, note text, PRIMARY KEY (writer, n));"
    "CREATE INDEX ON ledger (note);"
    "CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL);"
    "INSERT INTO account SELECT i, 0 FROM generate_series(0, 99) i;"
    "CREATE EXTENSION amcheck";

class Writers {
 public:
  explicit Writers(const std::string& url) {
    for (std::size_t i = 0; i < writer_count; ++i) {
      threads_.emplace_back([this, url, i] { write(url, i); });
    }
  }
  ~Writers() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
  }
  Writers(const Writers&) = delete;
  Writers& operator=(const Writers&) = delete;
  Writers(Writers&&) = delete;
  Writers& operator=(Writers&&) = delete;

  Counts acknowledged() const {
    Counts counts{};
    for (std::size_t i = 0; i < writer_count; ++i) counts[i] = acknowledged_[i].load();
    return counts;
  }

 private:
  void write(const std::string& url, std::size_t writer) {
    Sql sql(url);
    for (std::int64_t n = 1; !stop_; ++n) {
      const auto from = std::to_string((n * 7) % 100);
      const auto to = std::to_string((n * 13 + 1) % 100);
      const bool done = sql.try_execute(
          fmt::format("BEGIN; INSERT INTO ledger VALUES ({}, {}, md5(random()::text) || "
                      "repeat('x', 200)); UPDATE account SET balance = balance - 1 WHERE id = {}; "
                      "UPDATE account SET balance = balance + 1 WHERE id = {}; COMMIT",
                      writer, n, from, to));
      if (done) {
        acknowledged_[writer].store(n);
        if (is_light()) sql.try_execute("SELECT pg_sleep(0.1)");
        continue;
      }
      // Two writers that took the same two accounts crosswise: one of them is told to try again.
      EXPECT_NE(sql.error().find("deadlock"), std::string::npos) << sql.error();
      sql.try_execute("ROLLBACK");
      --n;
    }
  }

  std::array<std::atomic<std::int64_t>, writer_count> acknowledged_{};
  std::atomic<bool> stop_ = false;
  std::vector<std::thread> threads_;
};

class Ledger : public PlacesTest {
 protected:
  void SetUp() override {
    PlacesTest::SetUp();
    if (!velo) return;
    velo->create_project("demo");
    velo->sql("demo/main").execute(schema);
    velo->sql("demo/main")
        .execute(fmt::format(
            "CREATE TABLE bulk AS SELECT i, md5(i::text) AS t FROM generate_series(1, {}) i;"
            "CREATE INDEX ON bulk (t)",
            bulk_rows));
  }

  /// `before` was counted before the command, `after` when it had ended. (A commit that was not
  /// acknowledged yet may be there as well: one for each writer.)
  void expect_all(const std::string& branch, const Counts& before, const Counts& after) {
    Sql sql = velo->sql(branch);
    for (std::size_t i = 0; i < writer_count; ++i) {
      const auto rows = sql.rows(
          "SELECT count(*), coalesce(max(n), 0) FROM ledger WHERE writer = " + std::to_string(i));
      ASSERT_EQ(rows.size(), 1U);
      EXPECT_EQ(rows[0][0], rows[0][1]) << branch << ": a gap in the ledger of writer " << i;
      EXPECT_GE(std::stoll(rows[0][1]), before[i]) << branch << ": lost commits of writer " << i;
      EXPECT_LE(std::stoll(rows[0][1]), after[i] + 1) << branch << ": commits from nowhere";
    }
    EXPECT_EQ(sql.value("SELECT sum(balance) FROM account"), "0") << branch << ": half a transfer";
    EXPECT_EQ(sql.value("SELECT count(*) FROM bulk"), std::to_string(bulk_rows)) << branch;
  }

  /// Every B-tree against its table, and every page read with its checksum verified.
  void expect_sound(const std::string& branch) {
    Sql sql = velo->sql(branch);
    sql.rows(
        "SELECT bt_index_check(c.oid, true)"
        " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam"
        " WHERE a.amname = 'btree' AND c.relpersistence <> 't' AND i.indisready AND i.indisvalid");
    const auto tables = sql.rows(
        "SELECT c.oid::regclass::text FROM pg_class c WHERE relkind IN ('r', 'm', 't')"
        " AND relpersistence = 'p'");
    EXPECT_GT(tables.size(), 50U);
    for (const auto& table : tables) sql.rows("SELECT count(*) FROM " + table.front());
    EXPECT_EQ(sql.value("SELECT coalesce(sum(checksum_failures), 0) FROM pg_stat_database"), "0");
  }

  /// pg_checksums over every file of a stopped branch, where a build of that major brings it along.
  void expect_checksums(const std::string& branch) {
    const fs::path tool =
        fs::path("/usr/lib/postgresql") / std::to_string(GetParam().major) / "bin/pg_checksums";
    if (!fs::exists(tool)) return;
    velo->ok("branch stop " + branch);
    const fs::path pgdata = velo->data_directory(branch);
    struct stat status{};
    ASSERT_EQ(::stat(pgdata.c_str(), &status), 0);
    const Cancellation never;
    const auto ran = velo::run(
        {.argv = {tool.string(), "--check", "--pgdata", pgdata.string()},
         .environment = velo::clean_environment(),
         .user = velo::OsUser{.uid = status.st_uid, .gid = status.st_gid, .name = {}, .home = {}},
         .input = {}},
        2min, never);
    ASSERT_TRUE(ran) << ran.error().message;
    EXPECT_EQ(ran->exit_status, 0) << ran->out << ran->err;
    velo->ok("branch start " + branch);
  }
};

/// Each way in turn, where there are two.
std::string way_of(int round, const std::string& driver) {
  if (driver != "btrfs" && driver != "zfs") return "";
  constexpr std::array ways{"", " --when-busy replay", " --when-busy checkpoint"};
  return ways.at(static_cast<std::size_t>(round) % ways.size());
}

TEST_P(Ledger, BranchesHoldEveryAcknowledgedCommit) {
  const Writers writers(velo->url("demo/main"));
  ASSERT_TRUE(wait_until([&] { return writers.acknowledged()[0] > 20; }));
  for (int round = 0; round < rounds; ++round) {
    const std::string branch = "demo/b" + std::to_string(round);
    const Counts before = writers.acknowledged();
    velo->ok("branch create " + branch + way_of(round, GetParam().driver));
    expect_all(branch, before, writers.acknowledged());
  }
  for (int round = 0; round < rounds; ++round) {
    const std::string branch = "demo/b" + std::to_string(round);
    velo->sql(branch).execute("DELETE FROM ledger; UPDATE account SET balance = 1");
    const Counts before = writers.acknowledged();
    velo->ok("branch reset " + branch + " --force");
    expect_all(branch, before, writers.acknowledged());
  }
  // A branch of a branch, and one made while a checkpoint runs and recycles WAL.
  velo->ok("branch create demo/grandchild --parent demo/b0");
  std::thread checkpoint([&] { Sql(velo->url("demo/main")).try_execute("CHECKPOINT"); });
  const Counts before = writers.acknowledged();
  velo->ok("branch create demo/during");
  checkpoint.join();
  expect_all("demo/during", before, writers.acknowledged());
  const std::string last = "demo/b" + std::to_string(rounds - 1);
  std::vector<std::string> looked_through{last, "demo/during"};
  if (!is_light())
    looked_through.insert(looked_through.end(), {"demo/b0", "demo/grandchild", "demo/main"});
  for (const std::string& branch : looked_through) expect_sound(branch);
  for (const char* branch : {"demo/b1", "demo/during", "demo/grandchild"}) expect_checksums(branch);
}

TEST_P(Ledger, SideBySideBranchesAreEachWhole) {
  const Writers writers(velo->url("demo/main"));
  ASSERT_TRUE(wait_until([&] { return writers.acknowledged()[0] > 20; }));
  const Counts before = writers.acknowledged();
  std::vector<std::future<Ran>> running;
  for (int i = 0; i < 4; ++i) {
    running.push_back(velo->start("branch create demo/p" + std::to_string(i)));
  }
  for (auto& ran : running) {
    const Ran done = ran.get();
    EXPECT_EQ(done.exit_status, 0) << done.all();
  }
  const Counts after = writers.acknowledged();
  for (int i = 0; i < 4; ++i) expect_all("demo/p" + std::to_string(i), before, after);
  expect_sound("demo/p3");
}

INSTANTIATE_TEST_SUITE_P(
    Places, Ledger,
    testing::Values(Where{.driver = "btrfs", .major = 15}, Where{.driver = "btrfs", .major = 18},
                    Where{.driver = "zfs", .major = 15}, Where{.driver = "reflink", .major = 15},
                    Where{.driver = "reflink", .major = 13}, Where{.driver = "copy", .major = 15},
                    Where{.driver = "copy", .major = 17},
                    Where{.driver = "btrfs", .major = 17, .runtime = "docker"},
                    Where{.driver = "reflink", .major = 15, .runtime = "docker"}),
    param_name);

}  // namespace
}  // namespace velo::test
