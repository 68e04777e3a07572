// What `velo doctor --json` says, for the tests that break things.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "support/velo.h"

namespace velo::test {

struct Line {
  std::string level;
  std::string code;
  std::string subject;
  std::string text;
  std::string hint;
  bool fixable = false;
};

struct Examination {
  Ran ran;
  std::vector<Line> lines;
  std::vector<std::string> repaired;  ///< what --fix did; what it could not is under "not"
  std::vector<std::string> not_repaired;

  /// The first line with this code; a failure of the test, and an empty line, when there is none.
  Line line(std::string_view code) const;
  bool has(std::string_view code) const;
  /// Warnings and errors, without those about how this machine is (its limits, how full it is).
  std::vector<std::string> troubles() const;
};

/// That nothing is advised which would be the end of data that is only away.
void expect_nothing_called_lost(const Examination& found);

/// Runs `velo doctor --json`, with more words.
Examination doctor(const Velo& velo, const std::vector<std::string>& more = {});

}  // namespace velo::test
