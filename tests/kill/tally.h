// What a sweep counts, for the table at its end: tests/kill/table.sh.
#pragma once

#include <string>

#include "support/velo.h"
#include "world.h"

namespace velo::test {

/// Of one operation that was hurt in one way at all of its points. At its end it adds a line to the
/// file that VELO_TEST_TALLY names, and prints it.
class Tally {
 public:
  /// `kind`: "kill", "error".
  Tally(const Where& where, std::string operation, std::string kind);
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;
  Tally(Tally&&) = delete;
  Tally& operator=(Tally&&) = delete;
  ~Tally();

  void count(bool happened, const Harm& harm);

 private:
  std::string place_;
  std::string operation_;
  std::string kind_;
  int points_ = 0;
  int undone_ = 0;
  int finished_ = 0;
  Harm harm_;
};

}  // namespace velo::test
