// What an operation writes down before its first step: which branches it locks, and how to undo or
// finish it when its process is gone.
//
// Actions are data, not code, so that any later command can carry them out, and the same ones undo
// a step that failed. Each looks at what is really there and can be repeated. docs/architecture.md,
// "Operations", tells the protocol.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace velo::engine {

struct Action {
  std::string name;                         ///< a line of the table in actions.cpp
  std::map<std::string, std::string> args;  ///< what it needs: paths, ids
};

struct Plan {
  std::vector<std::string> branches;  ///< ids of the branches that it locks
  std::vector<Action> undo;           ///< carried out from the last to the first
  std::vector<Action> finish;         ///< carried out in order, after the commit
};

std::string to_json(const Plan& plan);
/// Errc::state for anything that to_json did not write.
Result<Plan> plan_from_json(std::string_view text);

}  // namespace velo::engine
