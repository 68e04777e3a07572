// `velo setup` and its --undo, killed at each of their steps and run again.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "support/velo.h"

namespace velo::test {

/// Runs the setup, killed before and after the work of its first step, then of its second, and so
/// on, and to its end. How many steps that were.
std::size_t expect_killed_at_each_step(Velo& velo, const std::vector<std::string>& setup);

/// Takes it back, killed after each deed that was taken back and before that was written down.
void expect_killed_at_each_undo(Velo& velo, const std::filesystem::path& record);

}  // namespace velo::test
