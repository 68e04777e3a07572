// `velo setup` and its --undo, killed at each of their steps and run again.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "support/velo.h"

namespace velo::test {

struct SetupKills {
  std::size_t count = 0;
  std::set<std::string> points;
};

/// Runs the setup, killed before and after the work of its first step, then of its second, and so
/// on, and to its end.
SetupKills expect_killed_at_each_step(Velo& velo, const std::vector<std::string>& setup);

/// Takes it back, killed after each deed that was taken back and before that was written down.
SetupKills expect_killed_at_each_undo(Velo& velo, const std::filesystem::path& record);

/// The fault points of setup that neither was killed at.
std::vector<std::string> never_killed_at(Velo& velo, const SetupKills& doing,
                                         const SetupKills& undoing);

/// Runs the setup with an error at each of the points at which it was killed: it takes back what it
/// did, its record too.
void expect_an_error_at_each_step(Velo& velo, const std::vector<std::string>& setup,
                                  const SetupKills& doing, const std::filesystem::path& record);

}  // namespace velo::test
