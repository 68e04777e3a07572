#include <gtest/gtest.h>

#include "base/size.h"
#include "base/time.h"

namespace velo {
namespace {

using namespace std::chrono_literals;

TEST(Time, Rfc3339RoundTripKeepsMicroseconds) {
  const Timestamp time = Timestamp{1'760'035'221'123'456us};
  EXPECT_EQ(to_rfc3339(time), "2025-10-09T18:40:21.123456Z");
  EXPECT_EQ(parse_rfc3339(to_rfc3339(time)).value(), time);
  EXPECT_EQ(parse_rfc3339("2025-10-09T18:40:21Z").value(), Timestamp{1'760'035'221s});
}

TEST(Time, WhatIsNoTimeIsRefused) {
  for (const char* text :
       {"", "yesterday", "2025-10-09", "2025-10-09T18:40:21", "2025-10-09T18:40:21Zx",
        "2025-10-09T18:40Z", " 2025-10-09T18:40:21Z", "2025-10-0TC18:40:21.123456Z",
        "2025-10-8T90:04::21.123456789Z", "2025-10-09T18:40:-1Z", "+025-10-09T18:40:21Z"}) {
    EXPECT_EQ(parse_rfc3339(text).error().code, Errc::usage) << text;
  }
}

TEST(Time, EveryYearOfFourDigitsCanBeReadAndShown) {
  for (const char* text : {"0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"}) {
    const auto time = parse_rfc3339(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(to_rfc3339(*time), text);
    EXPECT_NE(to_local(*time).find(':'), std::string::npos) << text;
  }
  EXPECT_EQ(parse_rfc3339("2025-10-09T18:40:21.123456789Z").value(),
            Timestamp{1'760'035'221'123'456us});
}

TEST(Time, ElapsedTimeHasOneUnit) {
  EXPECT_EQ(to_words(13s), "13s");
  EXPECT_EQ(to_words(119s), "1m");
  EXPECT_EQ(to_words(7200s), "2h");
  EXPECT_EQ(to_words(240h), "10d");
  EXPECT_EQ(to_words(-5s), "0s") << "a clock that was set back";
}

TEST(Time, DurationsParse) {
  EXPECT_EQ(parse_duration("0").value(), 0s);
  EXPECT_EQ(parse_duration("90s").value(), 90s);
  EXPECT_EQ(parse_duration("24h").value(), 24h);
  EXPECT_EQ(parse_duration("7d").value(), 168h);
  for (const char* text : {"", "h", "-1h", "1w", "24 h", "99999999999999d"}) {
    EXPECT_EQ(parse_duration(text).error().code, Errc::usage) << text;
  }
}

TEST(Time, DurationsAreWrittenAsTheyAreRead) {
  for (const char* text : {"0s", "59s", "90s", "5m", "90m", "1h", "36h", "2d", "400d"}) {
    EXPECT_EQ(to_duration(parse_duration(text).value()), text);
  }
  EXPECT_EQ(to_duration(parse_duration("24h").value()), "1d");
}

TEST(Size, ReadsAsUsersKnowIt) {
  EXPECT_EQ(to_size(0), "0 B");
  EXPECT_EQ(to_size(1023), "1023 B");
  EXPECT_EQ(to_size(130'560), "127.50 KB");
  EXPECT_EQ(to_size(10'200'547'328), "9.50 GB");
  for (const char* text : {"0", "1023", "1K", "1500M", "20G", "1T", "10200547329"}) {
    EXPECT_EQ(to_size_argument(parse_size(text).value()), text);
  }
}

TEST(Size, ParsesUnits) {
  EXPECT_EQ(parse_size("20G").value(), 20ULL << 30U);
  EXPECT_EQ(parse_size("512MiB").value(), 512ULL << 20U);
  EXPECT_EQ(parse_size("64kb").value(), 64ULL << 10U);
  EXPECT_EQ(parse_size("4096").value(), 4096U);
  for (const char* text : {"", "G", "1.5G", "-1G", "20 G", "20X", "99999999999T"}) {
    EXPECT_EQ(parse_size(text).error().code, Errc::usage) << text;
  }
}

}  // namespace
}  // namespace velo
