// The docker runtime: every server in a container of its own, on any image that follows the
// conventions of the official postgres image. A container lives as long as its server: stopping
// removes it, as everything that is worth keeping lies in the volume.
#pragma once

#include <memory>

#include "runtime/runtime.h"

namespace velo::runtime {

std::unique_ptr<Runtime> open_docker();

}  // namespace velo::runtime
