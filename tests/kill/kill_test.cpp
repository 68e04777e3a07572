// kill -9, or a failure, at each step of each operation: it happened wholly or not at all, the next
// command cleans up, and the same command can be given again.
//
// The points are learnt from the operation itself, so a new step is tested without a word here.
#include <algorithm>
#include <array>

#include "cases.h"
#include "tally.h"

namespace velo::test {
namespace {

class Kill : public testing::TestWithParam<std::tuple<Where, Case>> {
 protected:
  void SetUp() override {
    const Where& where = std::get<0>(GetParam());
    if (const std::string missing = missing_for(where); !missing.empty()) {
      if (places_are_required()) FAIL() << missing;
      GTEST_SKIP() << missing;
    }
    world = std::make_unique<World>(where);
    test_case = &std::get<1>(GetParam());
    test_case->restore(*world);
    points = world->points_of(test_case->command(*world));
    EXPECT_GE(points.size(), test_case->has_plan ? 3U : 2U)
        << "too few points to be all of its steps";
    EXPECT_TRUE(test_case->happened(*world));
    test_case->restore(*world);
    world->expect_whole();
  }

  /// Each point: the fault, the next command, and everything whole; then the same command once
  /// more.
  void hurt_at_each(const std::string& action) {
    Tally tally(std::get<0>(GetParam()), test_case->name, action);
    for (const std::string& point : points) {
      hurt_at(point, action, tally);
      if (HasFailure()) return;  // the world is not what the next point expects
    }
  }

  void hurt_at(const std::string& point, const std::string& action, Tally& tally) {
    SCOPED_TRACE(point + "=" + action);
    // Once: what undoes it comes by there again.
    const Ran ran = world->run_with_fault(test_case->command(*world), point + "#1=" + action);
    if (action == "kill") {
      EXPECT_EQ(ran.exit_status, 137) << ran.all();
    }
    world->next_command();
    // Of a server that does not start, after all else is done, the person is told, and how to go
    // on.
    if (ran.err.find("does not start: fault injected") != std::string::npos) {
      world->velo().ok("up");
    }
    const bool happened = expect_all_or_nothing(tally);
    if (action == "error" && ran.exit_status == 0) {
      EXPECT_TRUE(happened) << "said done, and is not\n" << ran.all();
    }
    expect_repeatable(happened);
  }

  bool expect_all_or_nothing(Tally& tally) {
    const Harm harm = world->expect_whole();
    const bool happened = test_case->happened(*world);
    tally.count(happened, harm);
    return happened;
  }

  void expect_repeatable(bool happened) {
    if (happened) test_case->restore(*world);
    const Ran again = world->velo().run(test_case->command(*world));
    EXPECT_EQ(again.exit_status, 0) << again.all();
    EXPECT_TRUE(test_case->happened(*world)) << "the repetition did not work";
    world->expect_whole();
    test_case->restore(*world);
  }

  /// The point that ends so, e.g. "/commit".
  std::string point_ending(const std::string& end) const {
    const auto found = std::ranges::find_if(
        points, [&](const std::string& point) { return point.ends_with(end); });
    EXPECT_NE(found, points.end()) << end;
    return found == points.end() ? "" : *found;
  }

  std::unique_ptr<World> world;
  const Case* test_case = nullptr;
  std::vector<std::string> points;
};

TEST_P(Kill, AtEachPoint) {
  hurt_at_each("kill");
}

TEST_P(Kill, AnErrorAtEachPoint) {
  hurt_at_each("error");
}

TEST_P(Kill, WhileUndoing) {
  if (!test_case->has_plan) return;
  Tally tally(std::get<0>(GetParam()), test_case->name, "kill while undoing");
  const std::string failure = point_ending("/commit") + "=error";
  int undone = 0;
  for (const std::string& point : world->points_of(test_case->command(*world), failure)) {
    if (point.find("/undo/") == std::string::npos) continue;
    SCOPED_TRACE(point);
    ++undone;
    const Ran ran = world->run_with_fault(test_case->command(*world),
                                          fmt::format("{},{}=kill", failure, point));
    EXPECT_EQ(ran.exit_status, 137) << ran.all();
    world->next_command();
    const bool happened = expect_all_or_nothing(tally);
    EXPECT_TRUE(!happened || test_case->looks_alike);
    expect_repeatable(happened);
    if (HasFailure()) return;
  }
  EXPECT_EQ(undone > 0, test_case->undoes);
}

TEST_P(Kill, WhileMending) {
  if (!test_case->has_plan) return;
  Tally tally(std::get<0>(GetParam()), test_case->name, "kill while mending");
  const std::vector<std::string> next = words("branch create demo/other --no-start");
  int mended = 0;
  for (const std::string& where : {point_ending("/commit"), point_ending("/committed")}) {
    const std::string crash = where + "=kill";
    world->run_with_fault(test_case->command(*world), crash);
    const auto mending = world->points_of(next);
    world->velo().ok("branch delete demo/other --now");
    test_case->restore(*world);
    for (const std::string& point : mending) {
      if (!point.starts_with("mend/")) continue;
      SCOPED_TRACE(fmt::format("{}, then {}=kill", crash, point));
      ++mended;
      world->run_with_fault(test_case->command(*world), crash);
      const Ran ran = world->run_with_fault(next, point + "=kill");
      EXPECT_EQ(ran.exit_status, 137) << ran.all();
      world->next_command();
      expect_repeatable(expect_all_or_nothing(tally));
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(mended, 0);
}

std::string case_name(const testing::TestParamInfo<std::tuple<Where, Case>>& info) {
  const auto& [where, what] = info.param;
  return what.name + "_" + (where.runtime == "docker" ? "docker_" : "") + where.driver;
}

/// ./test.sh runs a selection of these, and all with --whole: tests/CMakeLists.txt.
INSTANTIATE_TEST_SUITE_P(
    Operations, Kill,
    testing::Combine(testing::Values(Where{.driver = "btrfs", .major = 0},
                                     Where{.driver = "reflink", .major = 0},
                                     Where{.driver = "copy", .major = 0},
                                     Where{.driver = "btrfs", .major = 17, .runtime = "docker"},
                                     Where{.driver = "reflink", .major = 17, .runtime = "docker"}),
                     testing::ValuesIn(all_cases())),
    case_name);

/// Some points only, where the rest is no different.
class KillAtSome : public Kill {
 protected:
  void kill_around(const std::vector<std::string>& parts) {
    Tally tally(std::get<0>(GetParam()), test_case->name, "kill");
    int hurt = 0;
    for (const std::string& point : points) {
      const bool concerns = std::ranges::any_of(
          parts, [&](const std::string& part) { return point.find(part) != std::string::npos; });
      if (!concerns) continue;
      ++hurt;
      hurt_at(point, "kill", tally);
      if (HasFailure()) return;
    }
    EXPECT_GE(hurt, 2);
  }
};

/// On ZFS only what concerns the volume differs: when it is there and nothing is in it yet, when a
/// server works in it, and before an old one goes.
class KillOnZfs : public KillAtSome {};

TEST_P(KillOnZfs, AtThePointsAroundTheVolume) {
  kill_around({"/volume/done", "/clone/done", "/commit", "/finish/remove_volume", "volume/"});
}

const auto on_zfs = testing::Combine(testing::Values(Where{.driver = "zfs", .major = 0}),
                                     testing::ValuesIn(all_cases()));
INSTANTIATE_TEST_SUITE_P(Volumes, KillOnZfs, on_zfs, case_name);
/// All points, for a machine with a pool of its own: tests/vm/group.sh.
INSTANTIATE_TEST_SUITE_P(Volumes, Kill, on_zfs, case_name);

/// In containers only what concerns the server differs: the points around it.
class KillInContainers : public KillAtSome {};

TEST_P(KillInContainers, AtThePointsAroundTheServer) {
  kill_around({"/start", "/initdb", "/stop", "/commit"});
}

INSTANTIATE_TEST_SUITE_P(
    Operations, KillInContainers,
    testing::Combine(testing::Values(Where{.driver = "btrfs", .major = 17, .runtime = "docker"}),
                     testing::Values(project_create, branch_create, branch_reset, branch_delete)),
    case_name);

}  // namespace
}  // namespace velo::test
