// Which of a branch's scheduled snapshots stay: a policy, and nothing that carries it out.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace velo::engine {

/// Up to this age one snapshot stays for each spacing.
struct Tier {
  std::chrono::seconds span;
  std::chrono::seconds spacing;
};

/// "24h:1h,30d:1d": for a day one an hour, up to thirty days one a day; the ages rise, and no
/// spacing is longer than its age. Errc::usage says what is wrong.
Result<std::vector<Tier>> parse_retention(std::string_view text);

struct Verdict {
  bool stays = false;
  std::string why;  ///< "the first of its hour", "older than 30d"
};

/// For each of `taken`, which rise. A spacing counts from the epoch, so that what stays once goes
/// only by its age or for a wider spacing: the first of each stays. The newest stays in any case.
std::vector<Verdict> retain(const std::vector<Timestamp>& taken, Timestamp now,
                            const std::vector<Tier>& tiers);

}  // namespace velo::engine
