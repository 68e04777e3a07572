#include "postgres/wal_page.h"

#include <gtest/gtest.h>

#include "support/wal_segment.h"

namespace velo::postgres {
namespace {

using test::make_segment;
using test::small_segment;
using test::wal_page;

const std::string name = "00000002000000000000000A";

Result<void> check(const std::string& content, std::string_view as = name,
                   std::size_t piece = 128U << 10U) {
  SegmentCheck check(parse_wal_name(as).value(), content.size());
  for (std::size_t at = 0; at < content.size(); at += piece) {
    if (auto fits = check.next(std::string_view(content).substr(at, piece)); !fits) return fits;
  }
  return {};
}

void expect_damage(const Result<void>& checked, std::string_view why) {
  ASSERT_FALSE(checked.has_value()) << why;
  EXPECT_EQ(checked.error().code, Errc::corrupt);
  EXPECT_NE(checked.error().message.find(why), std::string::npos) << checked.error().message;
}

TEST(PostgresWalPage, AcceptsSegments) {
  EXPECT_TRUE(check(make_segment(name)));
  EXPECT_TRUE(check(make_segment(name), name, small_segment));
  EXPECT_TRUE(check(make_segment(name, 1, 16 * small_segment)));
}

TEST(PostgresWalPage, AcceptsTheEmptyPagesBehindASwitch) {
  EXPECT_TRUE(check(make_segment(name, 1, small_segment, 3 * wal_page)));
  EXPECT_TRUE(check(make_segment(name, 1, small_segment, wal_page)));
}

TEST(PostgresWalPage, AcceptsAnOlderTimelinesPagesInANewOnesSegment) {
  EXPECT_TRUE(check(make_segment(name, 1, small_segment, ~0ULL, 1)));
  expect_damage(check(make_segment(name, 1, small_segment, ~0ULL, 3)), "timeline 3");
}

TEST(PostgresWalPage, RefusesWhatIsCut) {
  const std::string content = make_segment(name);
  expect_damage(check(content.substr(0, small_segment / 2)), "524288 bytes instead of 1048576");
  expect_damage(check(content + "x"), "bytes instead of");
  expect_damage(check(content.substr(0, 39)), "no page header");
}

TEST(PostgresWalPage, RefusesAnotherSegment) {
  expect_damage(check(make_segment(name), "00000002000000000000000B"),
                "from 0/A00000 on instead of 0/B00000");
}

TEST(PostgresWalPage, RefusesWhatIsNoWal) {
  expect_damage(check(std::string(small_segment, '\0')), "does not begin with a WAL page");
  expect_damage(check(std::string(small_segment, 'x')), "does not begin with a WAL page");
}

TEST(PostgresWalPage, RefusesPagesThatAreNotTheirs) {
  const std::string whole = make_segment(name);
  std::string content = whole;
  content.replace(5 * wal_page, wal_page, whole, 6 * wal_page, wal_page);
  expect_damage(check(content), "the page of 0/A0A000");
  content = whole;
  content.replace(7 * wal_page, wal_page, wal_page, '\0');  // a hole, with pages behind it
  expect_damage(check(content), "the page of 0/A10000");
  content = whole;
  content[9 * wal_page] = '\x06';  // another major's
  expect_damage(check(content), "the page of 0/A12000");
  content = make_segment(name, 1, small_segment, 3 * wal_page);
  content[4 * wal_page + 5000] = 1;
  expect_damage(check(content), "the page of 0/A08000");
}

TEST(PostgresWalPage, RefusesImpossibleSizes) {
  std::string content = make_segment(name);
  content[37] = '\0';  // pages of no bytes
  expect_damage(check(content), "impossible sizes");
  content = make_segment(name);
  content[37] = '\x02';  // of 512, smaller than any that PostgreSQL can be built with
  expect_damage(check(content), "impossible sizes");
  content = make_segment(name);
  content[34] = '\x03';
  expect_damage(check(content), "impossible sizes");
}

}  // namespace
}  // namespace velo::postgres
