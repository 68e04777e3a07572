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

TEST(PostgresWal, TakesNamesApartAndPutsThemTogether) {
  const WalName segment{.timeline = 10, .high = 0x16, .low = 0xB3};
  EXPECT_EQ(parse_wal_name("0000000A00000016000000B3"), segment);
  WalName other = segment;
  other.kind = WalFile::partial;
  EXPECT_EQ(parse_wal_name("0000000A00000016000000B3.partial"), other);
  other.kind = WalFile::backup;
  other.offset = 0x28;
  EXPECT_EQ(parse_wal_name("0000000A00000016000000B3.00000028.backup"), other);
  EXPECT_EQ(parse_wal_name("0000000A.history"),
            (WalName{.kind = WalFile::history, .timeline = 10}));
  for (const char* name : {"0000000A00000016000000B3", "0000000A00000016000000B3.partial",
                           "FFFFFFFF00000016000000B3.00A00028.backup", "0000000A.history"}) {
    EXPECT_EQ(to_string(parse_wal_name(name).value()), name);
  }
}

TEST(PostgresWal, RefusesWhatPostgreSqlWouldNotWrite) {
  for (const char* name : {"",
                           "0",
                           "0000000A",
                           "0000000A00000016",
                           "0000000A00000016000000B",
                           "0000000a00000016000000b3",
                           "0000000A00000016000000B34",
                           "0000000000000016000000B3",
                           "00000000.history",
                           "0000000A00000016000000B3.",
                           "0000000A00000016000000B3.Partial",
                           "0000000A00000016000000B3.partial.zst",
                           "0000000A00000016000000B3.28.backup",
                           "0000000A00000016000000B3/00000028.backup",
                           "0000000A00000016000000B3.00000028backup",
                           "0000000A.history/",
                           "0000000A/history",
                           "../0000000A.history",
                           "/0000000A.history",
                           ".0000000A00000016000000B3",
                           "0000000A.histor",
                           "+000000A00000016000000B3",
                           " 000000A00000016000000B3",
                           "0000000A00000016000000B3\n",
                           "RECOVERYXLOG"}) {
    EXPECT_FALSE(parse_wal_name(name).has_value()) << name;
  }
  EXPECT_FALSE(parse_wal_name(std::string_view("0000000A.history\0", 17)).has_value());
}

TEST(PostgresWal, KnowsWhatASegmentHolds) {
  const WalName name = parse_wal_name("0000000100000002000000FF").value();
  EXPECT_EQ(name.number(16 * mib), 2U * 256 + 255);
  EXPECT_EQ(name.start(16 * mib), parse_lsn("2/FF000000").value());
  EXPECT_EQ(name.end(16 * mib), parse_lsn("3/0").value());
  EXPECT_EQ(name.start(1 * mib), parse_lsn("2/FF00000").value());
  EXPECT_EQ(to_string(later_segment(name, 0, 16 * mib)), "0000000100000002000000FF");
  EXPECT_EQ(to_string(later_segment(name, 1, 16 * mib)), "000000010000000300000000");
  EXPECT_EQ(to_string(later_segment(name, 1, 1 * mib)), "000000010000000200000100");
}

TEST(PostgresWal, KnowsWhichSegmentsThereCanBe) {
  for (const std::uint64_t size : {1 * mib, 16 * mib, 1024 * mib}) {
    EXPECT_TRUE(is_segment_size(size)) << size;
  }
  for (const std::uint64_t size : {0 * mib, mib / 2, 3 * mib, 2048 * mib, 16 * mib + 1}) {
    EXPECT_FALSE(is_segment_size(size)) << size;
  }
  const WalName last = parse_wal_name("0000000100000002000000FF").value();
  EXPECT_TRUE(last.fits(16 * mib));
  EXPECT_FALSE(last.fits(32 * mib));
  EXPECT_FALSE(last.fits(3 * mib));
  EXPECT_FALSE(parse_wal_name("000000010000000200000100").value().fits(16 * mib));
  // No LSN is behind the last one.
  EXPECT_TRUE(parse_wal_name("00000001FFFFFFFF000000FE").value().fits(16 * mib));
  EXPECT_FALSE(parse_wal_name("00000001FFFFFFFF000000FF").value().fits(16 * mib));
  EXPECT_TRUE(parse_wal_name("00000001.history").value().fits(16 * mib));
  EXPECT_FALSE(parse_wal_name("000000010000000200000001.01000000.backup").value().fits(16 * mib));
}

}  // namespace
}  // namespace velo::postgres
