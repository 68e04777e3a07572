#include "engine/retention.h"

#include <fmt/format.h>

#include <map>

#include "base/text.h"

namespace velo::engine {
namespace {

std::unexpected<Error> malformed(std::string_view text, std::string_view why) {
  return fail_with_hint(Errc::usage, fmt::format("'{}' says not what to keep: {}", text, why),
                        "write AGE:SPACING for each, the ages rising: --keep 24h:1h,30d:1d keeps "
                        "one an hour for a day, and one a day for a month");
}

}  // namespace

Result<std::vector<Tier>> parse_retention(std::string_view text) {
  std::vector<Tier> tiers;
  for (const std::string_view part : split(text, ',')) {
    const std::size_t colon = part.find(':');
    if (colon == std::string_view::npos) return malformed(text, "a colon is missing");
    const auto span = parse_duration(part.substr(0, colon));
    const auto spacing = parse_duration(part.substr(colon + 1));
    if (!span) return malformed(text, span.error().message);
    if (!spacing) return malformed(text, spacing.error().message);
    if (spacing->count() == 0) return malformed(text, "a spacing of nothing");
    if (*spacing > *span) {
      return malformed(
          text, fmt::format("{} is longer than {}", to_duration(*spacing), to_duration(*span)));
    }
    if (!tiers.empty() && tiers.back().span >= *span) {
      return malformed(text, "the ages do not rise");
    }
    tiers.push_back({.span = *span, .spacing = *spacing});
  }
  return tiers;
}

std::vector<Verdict> retain(const std::vector<Timestamp>& taken, Timestamp now,
                            const std::vector<Tier>& tiers) {
  std::vector<Verdict> verdicts;
  // The first of a period is the first of all, not of those that are of the spacing's age already.
  std::map<std::pair<std::chrono::seconds, std::int64_t>, std::size_t> first_of;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    Verdict verdict{.stays = false, .why = "no age has a place for it"};
    bool aged = false;
    for (const Tier& tier : tiers) {
      const std::int64_t period = taken[i].time_since_epoch() / tier.spacing;
      const auto [first, is_new] = first_of.try_emplace({tier.spacing, period}, i);
      if (aged || now - taken[i] > tier.span) continue;
      aged = true;
      verdict.stays = first->second == i;
      verdict.why = fmt::format("{}the first of its {}", verdict.stays ? "" : "not ",
                                to_duration(tier.spacing));
    }
    if (!aged && !tiers.empty()) {
      verdict.why = fmt::format("older than {}", to_duration(tiers.back().span));
    }
    if (i + 1 == taken.size() && !verdict.stays) verdict = {.stays = true, .why = "the newest"};
    verdicts.push_back(std::move(verdict));
  }
  return verdicts;
}

}  // namespace velo::engine
