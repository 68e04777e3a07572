#include "base/moment.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <ctime>

namespace velo {
namespace {

using testing::HasSubstr;

/// The machine's zone, for one test; back to what it was at its end.
class InZone {
 public:
  explicit InZone(const char* zone) {
    const char* before = ::getenv("TZ");
    if (before != nullptr) before_ = before;
    ::setenv("TZ", zone, 1);
    ::tzset();
  }
  InZone(const InZone&) = delete;
  InZone& operator=(const InZone&) = delete;
  InZone(InZone&&) = delete;
  InZone& operator=(InZone&&) = delete;
  ~InZone() {
    if (before_) {
      ::setenv("TZ", before_->c_str(), 1);
    } else {
      ::unsetenv("TZ");
    }
    ::tzset();
  }

 private:
  std::optional<std::string> before_;
};

// A rule in place of a zone's name: the tests need no zone database.
constexpr auto berlin = "CET-1CEST,M3.5.0,M10.5.0/3";

const Timestamp present = parse_rfc3339("2025-10-09T18:40:21.500000Z").value();

std::string meaning(std::string_view text) {
  const auto moment = parse_moment(text, present);
  return moment ? to_rfc3339(*moment) : "? " + moment.error().message;
}

TEST(Moment, Rfc3339NamesItsOwnZone) {
  const InZone zone(berlin);
  EXPECT_EQ(meaning("2025-10-07T14:30:00Z"), "2025-10-07T14:30:00.000000Z");
  EXPECT_EQ(meaning("2025-10-07t14:30:00z"), "2025-10-07T14:30:00.000000Z");
  EXPECT_EQ(meaning("2025-10-07T14:30:00+02:00"), "2025-10-07T12:30:00.000000Z");
  EXPECT_EQ(meaning("2025-10-07 14:30:00-0330"), "2025-10-07T18:00:00.000000Z");
  EXPECT_EQ(meaning("2025-10-07 14:30:00.25 +02"), "2025-10-07T12:30:00.250000Z");
  EXPECT_EQ(meaning("2025-01-01T00:30:00+01:00"), "2024-12-31T23:30:00.000000Z");
}

TEST(Moment, AFractionOfASecondIsKept) {
  EXPECT_EQ(meaning("2025-10-07T14:30:00.5Z"), "2025-10-07T14:30:00.500000Z");
  EXPECT_EQ(meaning("2025-10-07T14:30:00.123456Z"), "2025-10-07T14:30:00.123456Z");
  EXPECT_EQ(meaning("2025-10-07T14:30:00.1234569Z"), "2025-10-07T14:30:00.123456Z");
}

TEST(Moment, WithoutAZoneItIsTheMachines) {
  const InZone zone(berlin);
  EXPECT_EQ(meaning("2025-10-07 14:30"), "2025-10-07T12:30:00.000000Z");
  EXPECT_EQ(meaning("2025-01-07T14:30:15.25"), "2025-01-07T13:30:15.250000Z");
  EXPECT_EQ(meaning("2025-10-07"), "2025-10-06T22:00:00.000000Z");
}

TEST(Moment, TodayAndYesterdayAreTheMachines) {
  const InZone zone(berlin);  // it is 20:40 there
  EXPECT_EQ(meaning("14:30"), "2025-10-09T12:30:00.000000Z");
  EXPECT_EQ(meaning("today 14:30:01.5"), "2025-10-09T12:30:01.500000Z");
  EXPECT_EQ(meaning("yesterday 14:30"), "2025-10-08T12:30:00.000000Z");
  EXPECT_EQ(meaning("yesterday"), "2025-10-07T22:00:00.000000Z");
}

TEST(Moment, AgoCountsBack) {
  EXPECT_EQ(meaning("2 hours ago"), "2025-10-09T16:40:21.500000Z");
  EXPECT_EQ(meaning("90s ago"), "2025-10-09T18:38:51.500000Z");
  EXPECT_EQ(meaning("1 day 3h ago"), "2025-10-08T15:40:21.500000Z");
  EXPECT_EQ(meaning("1 week ago"), "2025-10-02T18:40:21.500000Z");
  EXPECT_EQ(meaning(" 5 min ago "), "2025-10-09T18:35:21.500000Z");
  EXPECT_EQ(meaning("now"), "2025-10-09T18:40:21.500000Z");
}

TEST(Moment, WhatTheClocksSkipOrRepeatIsRefused) {
  const InZone zone(berlin);
  EXPECT_THAT(meaning("2025-03-30 02:30"), HasSubstr("there is no"));
  EXPECT_THAT(meaning("2025-10-26 02:30"), HasSubstr("comes twice"));
  EXPECT_EQ(meaning("2025-10-26T02:30:00+02:00"), "2025-10-26T00:30:00.000000Z");
  EXPECT_EQ(meaning("2025-03-30 03:00"), "2025-03-30T01:00:00.000000Z");
}

class NoMoment : public testing::TestWithParam<const char*> {};

TEST_P(NoMoment, IsRefusedWithExamples) {
  const auto moment = parse_moment(GetParam(), present);
  ASSERT_FALSE(moment) << to_rfc3339(*moment);
  EXPECT_EQ(moment.error().code, Errc::usage);
  EXPECT_THAT(moment.error().hint, HasSubstr("yesterday 14:30"));
}

INSTANTIATE_TEST_SUITE_P(Texts, NoMoment,
                         testing::Values("", " ", "tomorrow", "ago", "2 ago", "hours ago",
                                         "-2 hours ago", "2 fortnights ago",
                                         "99999999999999999999s ago", "9223372036854775807h ago",
                                         "2025-13-01", "2025-02-30 10:00", "2025-10-07T24:00:00Z",
                                         "2025-10-07T14:60:00Z", "2025-10-07T14:30:60Z",
                                         "2025-10-07T14:30:00.Z", "2025-10-07T14:30:00+25:00",
                                         "2025-10-07T14:30:00Z trailing", "2025-10-07T", "25:00",
                                         "yesterday14:30", "1759847400", "10:-0",
                                         "2025-10-07T14:-5:00Z", "-0 days ago", "-000-01-01",
                                         "0000-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"));

}  // namespace
}  // namespace velo
