#include "support/setup_kills.h"

#include <fstream>

namespace velo::test {
namespace {

constexpr int killed = 137;

/// The table's lines of setup.
std::vector<std::string> points_of_setup(Velo& velo) {
  velo.use_binary("velo-faults");
  std::vector<std::string> points = velo.json("dev fault-points").texts("/fault_points", "");
  velo.use_binary("velo");
  std::erase_if(points, [](const std::string& point) { return !point.starts_with("setup/"); });
  EXPECT_FALSE(points.empty());
  return points;
}

/// Runs the line again and again, each time killed at the first of the points where it was not
/// killed before, until it gets to its end. A point that is passed several times (two deeds of one
/// kind): what was done and not written down is done again, so the next one is its second.
SetupKills run_killed_at(Velo& velo, const std::vector<std::string>& line) {
  const fs::path trace = velo.home().parent_path() / "trace";
  const std::vector<std::string> points = points_of_setup(velo);
  SetupKills kills;
  for (;; ++kills.count) {
    std::string faults;
    for (const std::string& point : points) {
      const char* again = kills.points.contains(point) ? "#2" : "";
      faults += fmt::format("{}{}=kill,", point, again);
    }
    velo.use_binary("velo-faults");
    const Ran ran = velo.run(line, {"VELO_FAULT=" + faults, "VELO_FAULT_TRACE=" + trace.string()});
    velo.use_binary("velo");
    std::string last;
    std::ifstream file(trace);
    for (std::string point; std::getline(file, point);) last = point;
    fs::remove(trace);
    if (ran.exit_status != killed) {
      EXPECT_EQ(ran.exit_status, 0) << "after being killed at " << last << "\n" << ran.all();
      return kills;
    }
    kills.points.insert(last);
  }
}

}  // namespace

SetupKills expect_killed_at_each_step(Velo& velo, const std::vector<std::string>& setup) {
  return run_killed_at(velo, setup);
}

SetupKills expect_killed_at_each_undo(Velo& velo, const fs::path& record) {
  return run_killed_at(velo, {"setup", "--undo", "--force", "--record", record});
}

std::vector<std::string> never_killed_at(Velo& velo, const SetupKills& doing,
                                         const SetupKills& undoing) {
  std::vector<std::string> points = points_of_setup(velo);
  std::erase_if(points, [&](const std::string& point) {
    return doing.points.contains(point) || undoing.points.contains(point);
  });
  return points;
}

void expect_an_error_at_each_step(Velo& velo, const std::vector<std::string>& setup,
                                  const SetupKills& doing, const fs::path& record) {
  for (const std::string& point : doing.points) {
    SCOPED_TRACE(point);
    velo.use_binary("velo-faults");
    const Ran ran = velo.run(setup, {"VELO_FAULT=" + point + "=error"});
    velo.use_binary("velo");
    EXPECT_EQ(ran.exit_status, 1) << ran.all();
    EXPECT_NE(ran.err.find(point), std::string::npos) << ran.all();
    EXPECT_FALSE(fs::exists(record)) << "what it did was taken back";
  }
}

}  // namespace velo::test
