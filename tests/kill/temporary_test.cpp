// kill -9 at each step of what makes, takes and ends temporary branches: the next command, or the
// next caretaker, leaves nothing half-made and nothing behind.
#include <algorithm>

#include "support/caretakers.h"
#include "world.h"

namespace velo::test {
namespace {

class KillTemporary : public testing::TestWithParam<Where> {
 protected:
  void SetUp() override {
    if (const std::string missing = missing_for(GetParam()); !missing.empty()) {
      if (places_are_required()) FAIL() << missing;
      GTEST_SKIP() << missing;
    }
    world = std::make_unique<World>(GetParam());
  }

  /// Those of the command itself: the caretaker, which it starts, passes points of its own.
  std::vector<std::string> points_of(const std::string& line, const std::string& of) {
    std::vector<std::string> points = world->points_of(words(line));
    std::erase_if(points, [&](const std::string& point) { return !point.starts_with(of); });
    EXPECT_FALSE(points.empty()) << line;
    return points;
  }
  std::size_t branches() { return world->velo().json("branch list --all").size("/branches"); }
  void expect_filled(int size) {
    EXPECT_TRUE(wait_until(
        [&] {
          return world->velo().json("pool list").number("/branch_pools/0/ready") == size &&
                 is_without_caretaker(world->velo().home());
        },
        std::chrono::minutes(2)))
        << world->velo().run("pool list").all();
  }

  std::unique_ptr<World> world;
};

TEST_P(KillTemporary, ARunAtEachPoint) {
  const std::string run = "run demo/dev -- true";
  std::vector<std::string> points = points_of(run, "branch.create/");
  for (std::string& point : points_of(run, "run.end/")) points.push_back(std::move(point));
  EXPECT_GE(points.size(), 8U);
  for (const std::string& point : points) {
    SCOPED_TRACE(point);
    EXPECT_EQ(world->run_with_fault(words(run), point + "=kill").exit_status, 137);
    world->next_command();
    EXPECT_EQ(branches(), 3U) << "main, dev and child";
    world->expect_whole();
    if (HasFailure()) return;
  }
}

TEST_P(KillTemporary, AFillingPoolAtEachPoint) {
  const std::string set = "pool set demo/dev --size 1";
  // A spare is made as any branch is.
  auto points = points_of("branch create demo/probe --parent demo/dev", "branch.create/");
  world->velo().ok("branch delete demo/probe --now");
  points.emplace_back("caretaker/look");
  world->velo().ok(set);
  expect_filled(1);
  for (const std::string& point : points) {
    SCOPED_TRACE(point);
    world->velo().ok("pool rm demo/dev");
    world->expect_whole();
    world->run_with_fault(words(set), point + "=kill");
    EXPECT_TRUE(wait_until([&] { return is_without_caretaker(world->velo().home()); }));
    world->velo().ok(set);
    expect_filled(1);
    EXPECT_EQ(branches(), 4U) << "main, dev, child and a spare";
    world->expect_whole();
    if (HasFailure()) return;
  }
}

TEST_P(KillTemporary, ATakeBeforeItsCommitAndAfterIt) {
  world->velo().ok("pool set demo/dev --size 1");
  expect_filled(1);
  const std::string take = "branch create demo/taken --parent demo/dev --from-pool";
  EXPECT_EQ(world->run_with_fault(words(take), "branch.take/commit=kill").exit_status, 137);
  EXPECT_FALSE(world->has_branch("demo/taken"));
  expect_filled(1);
  EXPECT_EQ(world->run_with_fault(words(take), "branch.take/committed=kill").exit_status, 137);
  EXPECT_EQ(world->velo().value("demo/taken", "SELECT x FROM t"), "2");
  world->velo().ok("branch delete demo/taken --now");
  world->velo().ok("pool set demo/dev --size 1");
  expect_filled(1);
  EXPECT_EQ(world->run_with_fault(words("run demo/dev -- true"), "branch.take/committed=kill")
                .exit_status,
            137);
  world->next_command();
  world->velo().ok("pool set demo/dev --size 1");
  expect_filled(1);
  EXPECT_EQ(branches(), 4U);
  world->expect_whole();
}

TEST_P(KillTemporary, SeveralOfOneMoment) {
  const std::string create = "branch create demo/w --parent demo/dev --count 2";
  const auto points = points_of(create, "");
  EXPECT_GE(points.size(), 12U);
  for (const std::string& point : points) {
    if (!point.ends_with("/commit") && !point.ends_with("/committed") &&
        !point.ends_with("/clone/done")) {
      continue;
    }
    for (const char* name : {"demo/w1", "demo/w2"}) {
      if (world->has_branch(name)) world->velo().ok(std::string("branch delete --now ") + name);
    }
    SCOPED_TRACE(point);
    EXPECT_EQ(world->run_with_fault(words(create), point + "=kill").exit_status, 137);
    world->next_command();
    for (const char* name : {"demo/w1", "demo/w2"}) {
      if (world->has_branch(name)) EXPECT_EQ(world->velo().value(name, "SELECT x FROM t"), "2");
    }
    EXPECT_EQ(
        world->velo().json("snapshot list").texts("/snapshots", "purpose"),
        std::vector<std::string>(world->velo().json("snapshot list").size("/snapshots"), "base"))
        << "the moment goes too";
    world->expect_whole();
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Places, KillTemporary,
                         testing::Values(Where{.driver = "btrfs"}, Where{.driver = "copy"}),
                         [](const testing::TestParamInfo<Where>& info) {
                           return name_of(info.param);
                         });

}  // namespace
}  // namespace velo::test
