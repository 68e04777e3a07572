// kill -9, or a failure, at each step of each operation: it happened wholly or not at all, the next
// command cleans up, and the same command can be given again.
//
// The points are learnt from the operation itself, so a new step is tested without a word here.
#include <algorithm>
#include <array>

#include "world.h"

namespace velo::test {
namespace {

struct Case {
  std::string name;
  std::vector<std::string> (*command)(World&);
  /// Whether it has happened; expects everything about it to be as before or as after.
  bool (*happened)(World&);
  /// Makes the world as it was before the command.
  void (*restore)(World&);
  /// Whether there is something to undo before its commit.
  bool undoes = true;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

const Case project_create{
    .name = "ProjectCreate",
    .command = [](World& world) { return world.velo().project_words("other"); },
    .happened =
        [](World& world) {
          if (!world.has_project("other")) return false;
          EXPECT_EQ(world.velo().value("other/main", "SELECT 1"), "1");
          return true;
        },
    .restore =
        [](World& world) {
          if (world.has_project("other")) world.velo().ok("project delete other --force");
        },
};

const Case branch_create{
    .name = "BranchCreate",
    .command = [](World&) { return words("branch create demo/new --parent demo/dev"); },
    .happened =
        [](World& world) {
          if (!world.has_branch("demo/new")) return false;
          EXPECT_EQ(world.velo().value("demo/new", "SELECT x FROM t"), "2");
          return true;
        },
    .restore =
        [](World& world) {
          if (world.has_branch("demo/new")) world.velo().ok("branch delete demo/new");
        },
};

const Case snapshot_create{
    .name = "SnapshotCreate",
    .command = [](World&) { return words("snapshot create demo/dev --label kept"); },
    .happened =
        [](World& world) {
          return world.velo().run("snapshot get demo/dev@kept").exit_status == 0;
        },
    .restore =
        [](World& world) {
          if (world.velo().run("snapshot get demo/dev@kept").exit_status == 0) {
            world.velo().ok("snapshot delete demo/dev@kept");
          }
        },
};

const Case branch_reset{
    .name = "BranchReset",
    .command = [](World&) { return words("branch reset demo/dev --force"); },
    .happened =
        [](World& world) {
          EXPECT_EQ(world.velo().state("demo/dev"), "running");
          const std::string x = world.velo().value("demo/dev", "SELECT x FROM t");
          EXPECT_TRUE(x == "1" || x == "2") << x;
          return x == "1";
        },
    .restore = [](World& world) { world.velo().sql("demo/dev").execute("UPDATE t SET x = 2"); },
};

const Case branch_delete{
    .name = "BranchDelete",
    .command = [](World&) { return words("branch delete demo/dev --force"); },
    .happened =
        [](World& world) {
          const bool there = world.has_branch("demo/dev");
          EXPECT_EQ(world.has_branch("demo/child"), there) << "half of the family";
          if (!there) return true;
          EXPECT_EQ(world.velo().value("demo/dev", "SELECT x FROM t"), "2");
          return false;
        },
    .restore =
        [](World& world) {
          if (world.has_branch("demo/dev")) return;
          world.velo().ok("branch create demo/dev");
          world.velo().sql("demo/dev").execute("UPDATE t SET x = 2");
          world.velo().ok("branch create demo/child --parent demo/dev");
          world.velo().sql("demo/child").execute("UPDATE t SET x = 3");
        },
    .undoes = false,  // it begins with its commit
};

/// Deleted, and kept: what there is to bring back.
void delete_dev_and_keep_it(World& world) {
  world.velo().ok("config set grace 24h");
  if (world.has_branch("demo/dev")) world.velo().ok("branch delete demo/dev --force");
}

const Case branch_undelete{
    .name = "BranchUndelete",
    .command = [](World&) { return words("branch undelete demo/dev"); },
    .happened =
        [](World& world) {
          const bool there = world.has_branch("demo/dev");
          EXPECT_EQ(world.has_branch("demo/child"), there) << "half of the family";
          EXPECT_EQ(world.keeps("demo/dev"), !there);
          if (!there) return false;
          EXPECT_EQ(world.velo().value("demo/dev", "SELECT x FROM t"), "2");
          return true;
        },
    .restore = delete_dev_and_keep_it,
    .undoes = false,  // it begins with its commit
};

const Case project_undelete{
    .name = "ProjectUndelete",
    .command = [](World&) { return words("project undelete other"); },
    .happened =
        [](World& world) {
          const bool there = world.has_project("other");
          EXPECT_EQ(world.keeps("other/main"), !there);
          if (there) EXPECT_EQ(world.velo().value("other/main", "SELECT 1"), "1");
          return there;
        },
    .restore =
        [](World& world) {
          world.velo().ok("config set grace 24h");
          if (!world.has_project("other")) {
            if (world.keeps("other/main")) return;
            world.velo().create_project("other");
          }
          world.velo().ok("project delete other");
        },
    .undoes = false,
};

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
    EXPECT_GE(points.size(), 3U) << "too few points to be all of its steps";
    EXPECT_TRUE(test_case->happened(*world));
    test_case->restore(*world);
    world->expect_whole();
  }

  /// One point: the fault, the next command, and everything whole; then the same command once more.
  void hurt_at(const std::string& point, const std::string& action) {
    SCOPED_TRACE(point + "=" + action);
    const Ran ran = world->run_with_fault(test_case->command(*world), point + "=" + action);
    if (action == "kill") {
      EXPECT_EQ(ran.exit_status, 137) << ran.all();
    }
    world->next_command();
    const bool happened = expect_all_or_nothing();
    if (action == "error" && ran.exit_status == 0) {
      EXPECT_TRUE(happened) << "said done, and is not\n" << ran.all();
    }
    expect_repeatable(happened);
  }

  bool expect_all_or_nothing() {
    world->expect_whole();
    return test_case->happened(*world);
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
  for (const std::string& point : points) {
    hurt_at(point, "kill");
    if (HasFailure()) return;  // the world is not what the next point expects
  }
}

TEST_P(Kill, AnErrorAtEachPoint) {
  for (const std::string& point : points) {
    hurt_at(point, "error");
    if (HasFailure()) return;
  }
}

TEST_P(Kill, WhileUndoing) {
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
    const bool happened = expect_all_or_nothing();
    EXPECT_FALSE(happened);
    expect_repeatable(happened);
    if (HasFailure()) return;
  }
  EXPECT_EQ(undone > 0, test_case->undoes);
}

TEST_P(Kill, WhileMending) {
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
      expect_repeatable(expect_all_or_nothing());
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(mended, 0);
}

std::string case_name(const testing::TestParamInfo<std::tuple<Where, Case>>& info) {
  const auto& [where, what] = info.param;
  return what.name + "_" + (where.runtime == "docker" ? "docker_" : "") + where.driver;
}

INSTANTIATE_TEST_SUITE_P(
    Operations, Kill,
    testing::Combine(testing::Values(Where{.driver = "btrfs", .major = 0},
                                     Where{.driver = "copy", .major = 0}),
                     testing::Values(project_create, branch_create, branch_reset, branch_delete,
                                     branch_undelete, project_undelete, snapshot_create)),
    case_name);

/// On ZFS only what concerns the volume differs: when it is there and nothing is in it yet, when a
/// server works in it, and before an old one goes.
class KillOnZfs : public Kill {};

TEST_P(KillOnZfs, AtThePointsAroundTheVolume) {
  int hurt = 0;
  for (const std::string& point : points) {
    const bool concerns = std::ranges::any_of(
        std::array{"/volume/done", "/clone/done", "/commit", "/finish/remove_volume"},
        [&](const char* end) { return point.ends_with(end); });
    if (!concerns) continue;
    ++hurt;
    hurt_at(point, "kill");
    if (HasFailure()) return;
  }
  EXPECT_GE(hurt, 2);
}

const auto on_zfs = testing::Combine(
    testing::Values(Where{.driver = "zfs", .major = 0}),
    testing::Values(project_create, branch_create, branch_reset, branch_delete, snapshot_create));
INSTANTIATE_TEST_SUITE_P(Volumes, KillOnZfs, on_zfs, case_name);
/// All points, for a machine with a pool of its own: tests/vm/group.sh.
INSTANTIATE_TEST_SUITE_P(Volumes, Kill, on_zfs, case_name);

/// In containers only what concerns the server differs: the points around it.
class KillInContainers : public Kill {};

TEST_P(KillInContainers, AtThePointsAroundTheServer) {
  int hurt = 0;
  for (const std::string& point : points) {
    const bool concerns = std::ranges::any_of(
        std::array{"/start", "/initdb", "/stop", "/commit"},
        [&](const char* part) { return point.find(part) != std::string::npos; });
    if (!concerns) continue;
    ++hurt;
    hurt_at(point, "kill");
    if (HasFailure()) return;
  }
  EXPECT_GE(hurt, 2);
}

INSTANTIATE_TEST_SUITE_P(
    Operations, KillInContainers,
    testing::Combine(testing::Values(Where{.driver = "btrfs", .major = 17, .runtime = "docker"}),
                     testing::Values(project_create, branch_create, branch_reset, branch_delete)),
    case_name);

}  // namespace
}  // namespace velo::test
