// The table of fault points: each is passed by something (and what is not in it ends velo-faults,
// so that the sweep would tell). Those of setup: tests/e2e/setup_kill_test.cpp,
// tests/zfs/setup_test.cpp.
#include <gmock/gmock.h>

#include <fstream>
#include <set>

#include "base/files.h"
#include "cases.h"
#include "older_catalog.h"

namespace velo::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class FaultPoints : public E2eTest {
 protected:
  void SetUp() override {
    E2eTest::SetUp();
    if (velo) world = std::make_unique<World>(velo->where());
  }

  void add(const std::vector<std::string>& points) { passed.insert(points.begin(), points.end()); }

  /// What it passes when it works, when it is undone, and when the next command undoes or finishes
  /// it.
  void pass_all_of(const Case& one) {
    SCOPED_TRACE(one.name);
    world->renew();
    const std::vector<std::string> next = words("branch create demo/next --no-start");
    one.restore(*world);
    const std::vector<std::string> whole = world->points_of(one.command(*world));
    add(whole);
    one.restore(*world);
    const auto commit = std::ranges::find_if(
        whole, [](const std::string& point) { return point.ends_with("/commit"); });
    if (commit == whole.end()) return;
    if (one.undoes) {
      add(world->points_of(one.command(*world), *commit + "=error"));
      one.restore(*world);
    }
    for (const std::string& end : {*commit, *commit + "ted"}) {
      world->run_with_fault(one.command(*world), end + "=kill");
      add(world->points_of(next));
      world->velo().ok("branch delete demo/next --now");
      one.restore(*world);
    }
  }

  /// Programs of their own, which PostgreSQL runs.
  void pass_those_of_wal() {
    world->archive_wal("demo/main");
    world->archive_wal("demo/main");
    const Json info = world->velo().json("wal info demo/main");
    const std::string oldest = info.text("/wal/0/oldest");
    const fs::path scratch = world->velo().home() / "scratch";
    const fs::path lineage = scratch / "recovery/lineage";
    const fs::path segment = scratch / oldest;
    const fs::path trace = scratch / "trace";
    fs::create_directories(scratch / "archive");
    fs::create_directories(lineage.parent_path());
    std::ofstream(lineage) << "velo lineage 1\nsegment_size 16777216\narchive - "
                           << info.text("/wal/0/archive") << "\n";
    world->velo().use_binary("velo-faults");
    const Ran fetched = world->velo().run({"wal", "fetch", "--lineage", lineage, oldest, segment},
                                          {"VELO_FAULT_TRACE=" + trace.string()});
    EXPECT_EQ(fetched.exit_status, 0) << fetched.all();
    // By the process that it leaves behind.
    if (wait_until([&] { return fs::exists(trace); })) add({read_file(trace)->substr(0, 15)});
    add(world->points_of({"wal", "push", "--archive", scratch / "archive", segment, oldest}));
  }

  /// A home that is not there yet, and one that an older velo made.
  void pass_those_of_the_catalog() {
    const fs::path fresh = world->velo().home() / "fresh";
    world->velo().set("VELO_HOME=" + fresh.string());
    add(world->points_of(words("config set grace 1h")));
    make_older(fresh / "private/state.db");
    add(world->points_of(words("config set grace 2h")));
  }

  std::unique_ptr<World> world;
  std::set<std::string> passed;
};

/// Setup, the catalog's restore and import, and pools go through their points elsewhere.
bool has_its_own_tests(const std::string& point) {
  constexpr std::array parts{"setup/",
                             "state.",
                             "caretaker/",
                             "run.end/",
                             "spare.end/",
                             "branch.take/",
                             "/set_password",
                             "/give_volume_back",
                             "/bring_container_back"};
  return std::ranges::any_of(
      parts, [&](const char* part) { return point.find(part) != std::string::npos; });
}

TEST_F(FaultPoints, EachOfTheTableIsPassed) {
  for (const Case& one : all_cases()) {
    pass_all_of(one);
    if (HasFailure()) return;
  }
  pass_those_of_wal();
  pass_those_of_the_catalog();
  velo->use_binary("velo-faults");
  std::vector<std::string> idle = velo->json("dev fault-points").texts("/fault_points");
  EXPECT_GT(idle.size(), 100U);
  std::erase_if(idle, [&](const std::string& point) {
    return passed.contains(point) || has_its_own_tests(point);
  });
  EXPECT_THAT(idle, IsEmpty()) << "in the table, and nothing passes them";
}

TEST_F(FaultPoints, TheBinaryThatPeopleRunHasNone) {
  velo->use_binary("velo-faults");
  std::vector<std::string> names = velo->json("dev fault-points").texts("/fault_points");
  EXPECT_EQ(words(velo->ok("dev fault-points").out).size(), 1U) << "one a line";
  velo->use_binary("velo");
  const Ran ran = velo->fails(2, "dev fault-points");
  EXPECT_THAT(ran.err, HasSubstr("dev"));
  names.insert(names.end(), {"fault-points", "VELO_FAULT", "fault injected"});
  const std::string release = read_file(Velo::binary("velo")).value();
  const std::string faults = read_file(Velo::binary("velo-faults")).value();
  EXPECT_NE(faults.find("VELO_FAULT"), std::string::npos);
  for (const std::string& name : names) {
    EXPECT_EQ(release.find(name), std::string::npos) << name << " is in velo";
  }
}

}  // namespace
}  // namespace velo::test
