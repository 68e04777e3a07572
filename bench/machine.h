// The machine that a run was made on, in words.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "bench/options.h"

namespace velo::bench {

/// Pairs of what and how much: cores, memory, kernel, file systems, versions, load at the start.
std::vector<std::pair<std::string, std::string>> describe_machine(const Options& options);

}  // namespace velo::bench
