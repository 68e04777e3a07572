#include "support/setup_kills.h"

#include <fstream>

#include "base/text.h"

namespace velo::test {
namespace {

constexpr int killed = 137;

/// Runs the line again and again, each time killed at the first of the points where it was not
/// killed before, until it gets to its end. How often it was killed.
std::size_t run_killed_at(Velo& velo, const std::vector<std::string>& line,
                          std::vector<std::string> points) {
  const fs::path trace = velo.home().parent_path() / "trace";
  std::size_t kills = 0;
  for (;; ++kills) {
    std::string faults;
    for (const std::string& point : points) faults += (faults.empty() ? "" : ",") + point + "=kill";
    velo.use_binary("velo-faults");
    const Ran ran = velo.run(line, {"VELO_FAULT=" + faults, "VELO_FAULT_TRACE=" + trace.string()});
    velo.use_binary("velo");
    std::string last;
    std::ifstream file(trace);
    for (std::string point; std::getline(file, point);) last = point;
    fs::remove(trace);
    if (ran.exit_status != killed) {
      EXPECT_EQ(ran.exit_status, 0) << "after being killed at " << join_words(points) << "\n"
                                    << ran.all();
      return kills;
    }
    if (std::erase(points, last) == 0) {
      ADD_FAILURE() << "killed at " << last << ", where it should not be";
      return kills;
    }
  }
}

}  // namespace

std::size_t expect_killed_at_each_step(Velo& velo, const std::vector<std::string>& setup) {
  std::vector<std::string> points;
  for (int step = 0; step < 30; ++step) {
    points.push_back(fmt::format("setup/{}/recorded", step));
    points.push_back(fmt::format("setup/{}/done", step));
  }
  return run_killed_at(velo, setup, points) / 2;
}

void expect_killed_at_each_undo(Velo& velo, const fs::path& record) {
  std::vector<std::string> points;
  for (int deed = 1; deed < 60; ++deed) points.push_back(fmt::format("setup/undo/{}", deed));
  EXPECT_GT(run_killed_at(velo, {"setup", "--undo", "--force", "--record", record}, points), 0U);
}

}  // namespace velo::test
