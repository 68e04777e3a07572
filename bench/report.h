// What a run says in the end: tables for people, JSON for programs, and whether the targets are
// met.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bench/options.h"
#include "bench/rounds.h"

namespace velo::bench {

using Facts = std::vector<std::pair<std::string, std::string>>;

/// One thing that was promised, and how it turned out.
struct Target {
  std::string what;
  std::string wanted;    ///< "at most 1.25 × the floor"
  std::string measured;  ///< "1.31 × (1.22 to 1.44)"
  bool met = false;
};
/// Those of which this run measured all that they need.
std::vector<Target> targets_of(const std::vector<Measured>& results, const Options& options);

std::string to_tables(const Facts& machine, const std::vector<Measured>& results,
                      const std::vector<Target>& targets);
std::string to_json(const Facts& machine, const std::vector<Measured>& results,
                    const std::vector<Target>& targets);

}  // namespace velo::bench
