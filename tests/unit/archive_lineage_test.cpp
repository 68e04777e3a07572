#include "archive/lineage.h"

#include <gtest/gtest.h>

#include "archive/store.h"
#include "postgres_scratch.h"
#include "support/wal_segment.h"

namespace velo::archive {
namespace {

using test::make_segment;
using test::put;
using test::small_segment;
using test::text_of;

/// The segment with this number, on timeline 1.
std::string segment(unsigned number) {
  return postgres::segment_name(1, number * small_segment, small_segment);
}

/// Whose content a segment is: each maker writes other bytes.
enum Maker : unsigned { own = 1, parent = 2, grandparent = 3 };

class ArchiveLineage : public testing::Test {
 protected:
  ArchiveLineage() {
    for (const char* name : {"own", "pg_wal", "parent", "grandparent"}) {
      fs::create_directory(scratch / name);
    }
  }

  Source archive(const char* name, std::optional<postgres::Lsn> limit = {}) const {
    return {.kind = SourceKind::archive, .directory = scratch / name, .limit = limit};
  }
  Source pg_wal() const {
    return {.kind = SourceKind::pg_wal, .directory = scratch / "pg_wal", .limit = {}};
  }
  void give(const char* where, const std::string& name, Maker maker) const {
    put(scratch / where / name, make_segment(name, maker));
  }
  void push(const char* where, const std::string& name, Maker maker) const {
    put(scratch / "made", make_segment(name, maker));
    ASSERT_OK(Store(scratch / where).put(scratch / "made", name));
  }
  Errc fetch_error(const std::string& name) const {
    const auto got = fetch(lineage, name, target);
    EXPECT_FALSE(got.has_value());
    EXPECT_FALSE(path_exists(target));
    return got ? Errc::failed : got.error().code;
  }
  void expect(const std::string& name, Maker maker, const char* from) const {
    const auto got = fetch(lineage, name, target);
    ASSERT_OK(got);
    EXPECT_TRUE(text_of(target) == make_segment(name, maker)) << name;
    EXPECT_EQ(got->source->directory, scratch / from);
    EXPECT_EQ(find(lineage, name).value().file, got->file);
    fs::remove(target);
  }

  test::Scratch scratch;
  Lineage lineage{.segment_size = small_segment, .sources = {}};
  fs::path target = scratch / "RECOVERYXLOG";
};

TEST_F(ArchiveLineage, IsATextThatReadsBack) {
  lineage.sources = {archive("own"), pg_wal(), archive("a parent's"),
                     archive("grandparent", 0x16B374D848U)};
  const std::string text = to_text(lineage).value();
  EXPECT_EQ(parse_lineage(text).value(), lineage);
  EXPECT_EQ(text, fmt::format("velo lineage 1\nsegment_size 1048576\narchive - {0}/own\n"
                              "pg_wal - {0}/pg_wal\narchive - {0}/a parent's\n"
                              "archive 16/B374D848 {0}/grandparent\n",
                              scratch.path().string()));
  put(scratch / "lineage", text);
  EXPECT_EQ(read_lineage(scratch / "lineage").value(), lineage);
}

TEST_F(ArchiveLineage, RefusesTextsThatAreNone) {
  const std::string head = "velo lineage 1\nsegment_size 16777216\n";
  ASSERT_OK(parse_lineage(head));
  for (const std::string& text :
       {std::string(), std::string("velo lineage 2\nsegment_size 16777216\n"),
        std::string("velo lineage 1\n"), std::string("velo lineage 1\nsegment_size 3\n"),
        std::string("velo lineage 1\narchive - /a\n"), head + "archive - /whole\narchive 0/1 /cu",
        head + "archive - relative\n", head + "archive 1 /a\n", head + "archive -\n",
        head + "archive\n", head + "s3 - /a\n", head + "\n"}) {
    EXPECT_FALSE(parse_lineage(text).has_value()) << text;
  }
  lineage.sources = {{.kind = SourceKind::archive, .directory = "/a\nb", .limit = {}}};
  EXPECT_EQ(to_text(lineage).error().code, Errc::usage);
  lineage.sources = {{.kind = SourceKind::archive, .directory = "a", .limit = {}}};
  EXPECT_EQ(to_text(lineage).error().code, Errc::usage);
}

TEST_F(ArchiveLineage, AForkInsideASegmentLeavesThatSegmentToTheBranch) {
  lineage.sources = {archive("own"), pg_wal(), archive("parent", 3 * small_segment + 40)};
  for (const unsigned number : {1U, 2U, 3U, 4U}) push("parent", segment(number), parent);
  expect(segment(1), parent, "parent");
  expect(segment(2), parent, "parent");
  // The parent went on writing in the segment of the fork: its later commits are in it.
  EXPECT_EQ(fetch_error(segment(3)), Errc::not_found);
  EXPECT_EQ(fetch_error(segment(4)), Errc::not_found);
  give("pg_wal", segment(3), own);
  expect(segment(3), own, "pg_wal");
  push("own", segment(3), own);
  expect(segment(3), own, "own");
}

TEST_F(ArchiveLineage, AForkAtASegmentsEndLeavesThatSegmentToTheParent) {
  lineage.sources = {archive("own"), archive("parent", 4 * small_segment)};
  for (const unsigned number : {3U, 4U}) push("parent", segment(number), parent);
  expect(segment(3), parent, "parent");
  EXPECT_EQ(fetch_error(segment(4)), Errc::not_found);
  // One byte less, and it is not whole at the fork.
  lineage.sources.back().limit = 4 * small_segment - 1;
  EXPECT_EQ(fetch_error(segment(3)), Errc::not_found);
}

TEST_F(ArchiveLineage, ThreeGenerationsEachServeTheirOwnPast) {
  lineage.sources = {archive("own"), archive("parent", 6 * small_segment + 8),
                     archive("grandparent", 3 * small_segment + 8)};
  for (unsigned number = 1; number < 9; ++number) push("grandparent", segment(number), grandparent);
  for (unsigned number = 3; number < 9; ++number) push("parent", segment(number), parent);
  for (unsigned number = 6; number < 8; ++number) push("own", segment(number), own);
  for (const unsigned number : {1U, 2U}) expect(segment(number), grandparent, "grandparent");
  for (const unsigned number : {3U, 4U, 5U}) expect(segment(number), parent, "parent");
  for (const unsigned number : {6U, 7U}) expect(segment(number), own, "own");
  EXPECT_EQ(fetch_error(segment(8)), Errc::not_found);
}

TEST_F(ArchiveLineage, HistoryFilesComeFromAny) {
  lineage.sources = {archive("own"), pg_wal(), archive("parent", 1)};
  EXPECT_EQ(fetch_error("00000002.history"), Errc::not_found);
  for (const char* where : {"parent", "pg_wal", "own"}) {
    put(scratch / where / "00000002.history", where);
    ASSERT_OK(fetch(lineage, "00000002.history", target));
    EXPECT_EQ(text_of(target), where);
  }
}

TEST_F(ArchiveLineage, PartialAndBackupFilesAreHeldToTheLimitToo) {
  lineage.sources = {archive("parent", 3 * small_segment)};
  for (const unsigned number : {2U, 3U}) {
    for (const char* rest : {".partial", ".00000028.backup"}) {
      const std::string name = segment(number) + rest;
      put(scratch / "made", "x");
      ASSERT_OK(Store(scratch / "parent").put(scratch / "made", name));
      EXPECT_EQ(find(lineage, name).has_value(), number == 2U) << name;
    }
  }
}

TEST_F(ArchiveLineage, ASegmentThatAServerMadeReadyForLaterIsNotThereYet) {
  lineage.sources = {archive("own"), pg_wal()};
  // By a rename: it still holds an older one's pages.
  put(scratch / "pg_wal" / segment(5), make_segment(segment(1), own));
  EXPECT_EQ(fetch_error(segment(5)), Errc::not_found);
  put(scratch / "pg_wal" / segment(5), std::string(small_segment, '\0'));
  EXPECT_EQ(fetch_error(segment(5)), Errc::not_found);
  // One that is being written has the older one's pages behind its own.
  std::string current = make_segment(segment(5), own);
  current.replace(small_segment / 2, small_segment / 2, make_segment(segment(1), own),
                  small_segment / 2, small_segment / 2);
  put(scratch / "pg_wal" / segment(5), current);
  ASSERT_OK(fetch(lineage, segment(5), target));
  EXPECT_TRUE(text_of(target) == current);
}

TEST_F(ArchiveLineage, WhatIsDamagedIsNotTakenFromElsewhere) {
  lineage.sources = {archive("own"), archive("parent", 9 * small_segment)};
  push("parent", segment(2), parent);
  put(scratch / "own" / (segment(2) + ".zst"), "damaged");
  EXPECT_EQ(fetch_error(segment(2)), Errc::corrupt);
}

TEST_F(ArchiveLineage, ASourceThatIsGoneIsNotASegmentThatIsNotThere) {
  for (const char* where : {"own", "pg_wal"}) {
    lineage.sources = {archive("own"), pg_wal()};
    fs::remove(scratch / where);
    EXPECT_EQ(fetch_error(segment(2)), Errc::storage) << where;
    fs::create_directory(scratch / where);
  }
  push("own", segment(2), own);
  EXPECT_EQ(fetch(lineage, segment(2), scratch / "none/target").error().code, Errc::storage);
}

TEST_F(ArchiveLineage, RefusesNamesThatAreNone) {
  lineage.sources = {archive("own")};
  for (const char* name : {"", "../own", "RECOVERYXLOG", "000000010000000000001000"}) {
    EXPECT_EQ(fetch_error(name), Errc::usage) << name;  // the last: too far for this size
  }
}

}  // namespace
}  // namespace velo::archive
