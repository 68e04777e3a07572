// Interleaved rounds: things that are compared are measured one after the other, round by round, so
// that whatever else the machine does falls on all of them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "bench/statistics.h"

namespace velo::bench {

/// One thing to measure. It makes what it needs, measures once, and takes everything away again.
struct Case {
  std::string name;
  std::function<Result<Millis>()> measure;
};

/// Things to compare with the first of them.
struct Group {
  std::string section;
  std::string title;
  std::string base;  ///< what the ratio's column is called: "floor"
  std::vector<Case> cases;
  /// Before each measurement: brings the parent to the state that the group is about.
  std::function<Result<void>()> prepare;
  std::vector<std::string> notes;
};

struct Series {
  std::string name;
  std::vector<double> samples;  ///< one for each round
};

struct Measured {
  std::string section;
  std::string title;
  std::string base;
  std::vector<Series> series;
  std::vector<std::string> notes;
  std::string unit = "milliseconds";  ///< of the samples

  /// Empty when nothing of that name was measured.
  const Series* find(const std::string& name) const;
};

/// Every case once a round, each round beginning with another case. Tells on stderr how far it is.
Result<Measured> run_rounds(const Group& group, int rounds);

}  // namespace velo::bench
