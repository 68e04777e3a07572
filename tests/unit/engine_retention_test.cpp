#include "engine/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace velo::engine {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

const Timestamp noon = std::chrono::sys_days{std::chrono::year{2026} / 5 / 20} + 12h;

/// How long ago those were taken that stay, of snapshots taken so many minutes ago.
std::vector<int> staying(std::vector<int> minutes_ago, const std::string& keep,
                         Timestamp now = noon) {
  std::vector<Timestamp> taken;
  for (const int minutes : minutes_ago) taken.push_back(now - std::chrono::minutes(minutes));
  const auto verdicts = retain(taken, now, parse_retention(keep).value());
  std::vector<int> left;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    EXPECT_FALSE(verdicts[i].why.empty());
    if (verdicts[i].stays) left.push_back(minutes_ago[i]);
  }
  return left;
}

TEST(Retention, OneForEachSpacingAndTheFirstOfItStays) {
  // 10:00, 10:20, 10:40, 11:00, 11:40
  EXPECT_THAT(staying({120, 100, 80, 60, 20}, "1d:1h"), ElementsAre(120, 60, 20));
  EXPECT_THAT(staying({120, 100, 80, 60, 20, 0}, "1d:1h"), ElementsAre(120, 60, 0));
}

TEST(Retention, OlderOnesStandFurtherApartAndTheOldestGo) {
  std::vector<int> hourly;
  for (int hour = 72; hour >= 0; --hour) hourly.push_back(hour * 60);
  const auto left = staying(hourly, "3h:1h,2d:1d");
  // Midnights are 12 and 36 hours ago; the one of 60 hours ago is too old.
  EXPECT_THAT(left, ElementsAre(36 * 60, 12 * 60, 180, 120, 60, 0));
}

TEST(Retention, WhatStaysGoesOnlyWithAge) {
  // Run each hour for ten days, on what the run before left.
  std::vector<Timestamp> taken;
  const auto tiers = parse_retention("6h:1h,4d:1d").value();
  for (Timestamp now = noon; now < noon + std::chrono::days(10); now += 1h) {
    taken.push_back(now);
    const auto verdicts = retain(taken, now, tiers);
    std::vector<Timestamp> left;
    for (std::size_t i = 0; i < taken.size(); ++i) {
      if (verdicts[i].stays) left.push_back(taken[i]);
    }
    taken = std::move(left);
  }
  // Those of seven hours, and of four midnights.
  EXPECT_EQ(taken.size(), 11U);
}

TEST(Retention, TheNewestStaysHoweverOld) {
  EXPECT_THAT(staying({9000, 8000}, "1h:1h"), ElementsAre(8000));
  EXPECT_THAT(staying({}, "1h:1h"), ElementsAre());
}

TEST(Retention, WhatIsNoPolicyIsRefused) {
  for (const char* text : {"", "24h", "1h:", ":1h", "1h:2h", "1h:0", "1d:1h,2h:1h", "1d:1h,1d:1h",
                           "1d:1h,", "x:y", "1d:1h 2d:1d"}) {
    const auto parsed = parse_retention(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Errc::usage);
    EXPECT_NE(parsed.error().hint.find("24h:1h,30d:1d"), std::string::npos);
  }
}

}  // namespace
}  // namespace velo::engine
