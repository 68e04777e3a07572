// `velo doctor --fix`: repairs what a check found and what can be repaired without losing anything.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/check.h"

namespace velo::engine {

struct Repaired {
  std::string text;            ///< "set the mode of /home/me/.velo/private to 0700"
  std::optional<Error> error;  ///< it could not be done
};

struct RepairReport {
  std::vector<Repaired> repaired;
  CheckReport after;
};

/// Checks, repairs each finding that says how, and checks again. What is left in `after` is what it
/// will not touch: anything that could hold data, and whatever only its owner can decide.
RepairReport repair(const CheckRequest& request, Observer& observer, const Cancellation& cancel);

}  // namespace velo::engine
