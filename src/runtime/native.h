// The native runtime: a server is a process of this machine.
#pragma once

#include <memory>

#include "runtime/runtime.h"

namespace velo::runtime {

std::unique_ptr<Runtime> open_native();

}  // namespace velo::runtime
