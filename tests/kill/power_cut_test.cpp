// The power fails at random moments of an operation, while demo/main is written to: what was on the
// disk at each of them is mounted, and the next command makes it whole. No row of demo/main whose
// COMMIT was acknowledged is lost.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <random>
#include <thread>

#include "cases.h"
#include "cut_disk.h"
#include "tally.h"

namespace velo::test {
namespace {

constexpr std::size_t writer_count = 2;
using Counts = std::array<std::int64_t, writer_count>;

/// Each adds the rows 1, 2, 3… of its own to demo/main, and counts what was acknowledged.
class Writers {
 public:
  explicit Writers(World& world) {
    world.velo()
        .sql("demo/main")
        .execute(
            "CREATE TABLE IF NOT EXISTS ledger (writer int, n bigint, note text, PRIMARY KEY "
            "(writer, n));"
            "DELETE FROM ledger");
    const std::string url = world.velo().url("demo/main");
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
  std::int64_t total() const {
    std::int64_t sum = 0;
    for (const std::int64_t count : acknowledged()) sum += count;
    return sum;
  }

 private:
  void write(const std::string& url, std::size_t writer) {
    Sql sql(url);
    for (std::int64_t n = 1; !stop_; ++n) {
      const bool done = sql.try_execute(fmt::format(
          "INSERT INTO ledger VALUES ({}, {}, repeat(md5(random()::text), 30))", writer, n));
      EXPECT_TRUE(done) << sql.error();
      if (!done) return;
      acknowledged_[writer].store(n);
    }
  }

  std::array<std::atomic<std::int64_t>, writer_count> acknowledged_{};
  std::atomic<bool> stop_ = false;
  std::vector<std::thread> threads_;
};

/// One moment: what was on the disk, and what had been acknowledged before.
struct Cut {
  std::size_t copy = 0;
  Counts acknowledged{};
};

class PowerCut : public testing::TestWithParam<std::tuple<Where, Case>> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
    VELO_NEEDS_PLACE(xfs_place(), "VELO_TEST_XFS");
    const auto& [where, what] = GetParam();
    test_case = &what;
    const std::string type = where.driver == "reflink" ? "xfs"
                             : where.driver == "copy"  ? "ext4"
                                                       : where.driver;
    disk = std::make_unique<CutDisk>(type);
    world = std::make_unique<World>(where, disk->mount_point(), disk->mount_point());
  }

  /// Carries the operation out, and cuts meanwhile: after so many more acknowledged commits, which
  /// is a clock as good as any.
  std::vector<Cut> run_and_cut(std::size_t how_often) {
    std::mt19937 random(testing::UnitTest::GetInstance()->random_seed() + 7);
    std::vector<Cut> cuts;
    const Writers writers(*world);
    EXPECT_TRUE(wait_until([&] { return writers.total() > 20; }));
    std::string line;
    for (const std::string& word : test_case->command(*world)) line += word + " ";
    std::atomic<bool> ended = false;
    std::thread running([&] {
      const Ran ran = world->velo().run(line);
      EXPECT_EQ(ran.exit_status, 0) << ran.all();
      ended = true;
    });
    while (cuts.size() < how_often) {
      const std::int64_t next =
          writers.total() + std::uniform_int_distribution<std::int64_t>(0, longest_pause)(random);
      wait_until([&] { return writers.total() >= next || ended; });
      const Counts before = writers.acknowledged();
      cuts.push_back({.copy = disk->cut(), .acknowledged = before});
    }
    running.join();
    return cuts;
  }

  int lost_of(const Cut& cut) {
    int lost = 0;
    Sql sql = world->velo().sql("demo/main");
    for (std::size_t i = 0; i < writer_count; ++i) {
      const auto rows = sql.rows(
          "SELECT count(*), coalesce(max(n), 0) FROM ledger WHERE writer = " + std::to_string(i));
      if (rows.size() != 1) return lost + 1;
      EXPECT_EQ(rows[0][0], rows[0][1]) << "a gap in the rows of writer " << i;
      EXPECT_GE(std::stoll(rows[0][1]), cut.acknowledged[i]) << "lost commits of writer " << i;
      if (rows[0][0] != rows[0][1] || std::stoll(rows[0][1]) < cut.acknowledged[i]) ++lost;
    }
    return lost;
  }

  void expect_whole_after(const Cut& cut, Tally& tally) {
    disk->boot(cut.copy);
    world->next_command();
    world->velo().ok("up");  // as the unit does it after a reboot
    Harm harm = world->expect_whole();
    harm.lost += lost_of(cut);
    const bool happened = test_case->happened(*world);
    tally.count(happened, harm);
    if (happened) test_case->restore(*world);
    world->velo().ok(test_case->command(*world));
    EXPECT_TRUE(test_case->happened(*world)) << "the repetition did not work";
    world->expect_whole();
  }

  static constexpr std::int64_t longest_pause = 120;
  std::unique_ptr<CutDisk> disk;
  std::unique_ptr<World> world;
  const Case* test_case = nullptr;
};

TEST_P(PowerCut, AtRandomMoments) {
  Tally tally(std::get<0>(GetParam()), test_case->name, "power cut");
  test_case->restore(*world);
  const std::vector<Cut> cuts = run_and_cut(4);
  for (const Cut& cut : cuts) {
    SCOPED_TRACE(fmt::format("copy {} of {}", cut.copy + 1, cuts.size()));
    expect_whole_after(cut, tally);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Disks, PowerCut,
                         testing::Combine(testing::Values(Where{.driver = "btrfs", .major = 0},
                                                          Where{.driver = "reflink", .major = 0},
                                                          Where{.driver = "copy", .major = 0}),
                                          testing::Values(branch_create, branch_create_promoted,
                                                          branch_reset, branch_delete,
                                                          branch_create_as_of, branch_undelete,
                                                          project_create, snapshot_create)),
                         [](const testing::TestParamInfo<std::tuple<Where, Case>>& one) {
                           return std::get<1>(one.param).name + "_" + std::get<0>(one.param).driver;
                         });

}  // namespace
}  // namespace velo::test
