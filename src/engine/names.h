// Names of projects and branches.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace velo::engine {

/// Errc::invalid_name unless `[a-zA-Z0-9_-]`, 1 to 63 characters, beginning with a letter or digit.
/// `what` is "project" or "branch", for the message.
Result<void> check_name(std::string_view what, std::string_view name);

struct BranchName {
  std::string project;
  std::string branch;
};
/// "project/branch" → its parts, both checked. Errc::invalid_name shows the form that is wanted.
Result<BranchName> parse_branch_name(std::string_view text);

/// What every project's first branch is called. Whether a branch is the main one is a record
/// (project.main_branch_id), never a comparison with this.
inline constexpr std::string_view main_name = "main";

}  // namespace velo::engine
