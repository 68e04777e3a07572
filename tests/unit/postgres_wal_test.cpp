#include "postgres/wal.h"

#include <gtest/gtest.h>

namespace velo::postgres {
namespace {

constexpr std::uint64_t mib = 1U << 20U;

TEST(PostgresWal, ReadsAndWritesPositionsAsPostgresDoes) {
  EXPECT_EQ(parse_lsn("16/B374D848").value(), 0x16B374D848U);
  EXPECT_EQ(parse_lsn("0/0").value(), 0U);
  EXPECT_EQ(parse_lsn("FFFFFFFF/FFFFFFFF").value(), 0xFFFFFFFFFFFFFFFFU);
  EXPECT_EQ(to_string(0x16B374D848U), "16/B374D848");
  EXPECT_EQ(to_string(Lsn{1} << 32U), "1/0");
}

TEST(PostgresWal, RefusesWhatIsNoPosition) {
  for (const char* text :
       {"", "/", "1/", "/1", "1", "1/2/3", "x/1", "123456789/0", "-1/0", " 1/0", "0x1/0"}) {
    EXPECT_FALSE(parse_lsn(text).has_value()) << text;
  }
}

TEST(PostgresWal, NamesSegmentsBySizeAndTimeline) {
  EXPECT_EQ(segment_name(1, 0x2000028, 16 * mib), "000000010000000000000002");
  EXPECT_EQ(segment_name(10, 0x16B374D848, 16 * mib), "0000000A00000016000000B3");
  EXPECT_EQ(segment_name(1, (Lsn{1} << 32U) - 1, 1024 * mib), "000000010000000000000003");
  EXPECT_EQ(segment_name(1, Lsn{1} << 32U, 1 * mib), "000000010000000100000000");
}

TEST(PostgresWal, ListsTheSegmentsThatHoldARange) {
  const Lsn second = 16 * mib;
  using Names = std::vector<std::string>;
  EXPECT_EQ(segments_between(1, second + 40, second + 80, 16 * mib),
            Names{"000000010000000000000001"});
  EXPECT_EQ(segments_between(1, second, 2 * second, 16 * mib), Names{"000000010000000000000001"});
  EXPECT_EQ(segments_between(1, second, second, 16 * mib), Names{"000000010000000000000001"});
  EXPECT_EQ(
      segments_between(1, 255 * second, 257 * second + 1, 16 * mib),
      (Names{"0000000100000000000000FF", "000000010000000100000000", "000000010000000100000001"}));
}

}  // namespace
}  // namespace velo::postgres
