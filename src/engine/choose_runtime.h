// What a new project's servers run as: chosen once, at project create.
#pragma once

#include <string>

#include "base/error.h"
#include "engine/engine.h"

namespace velo::engine {

struct ChosenRuntime {
  std::string name;
  std::string reason;  ///< in words
};

/// `wanted`: a runtime's name, "auto" for the first in the registry that can serve here, or empty
/// for what `velo config get runtime` says. An `image`, when one is asked for, leaves only those
/// that run images, unless `wanted` names another; where none of them can serve, their error.
Result<ChosenRuntime> choose_runtime(Engine& engine, const std::string& wanted,
                                     const std::string& image);

}  // namespace velo::engine
