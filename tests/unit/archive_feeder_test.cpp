#include "archive/feeder.h"

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
using Names = std::vector<std::string>;

std::string segment(unsigned number) {
  return postgres::segment_name(1, number * small_segment, small_segment);
}

class ArchiveFeeder : public testing::Test {
 protected:
  ArchiveFeeder() {
    fs::create_directory(store.directory());
    fs::create_directory(stage());
    lineage.sources = {
        {.kind = SourceKind::archive, .directory = store.directory(), .limit = std::nullopt}};
  }
  void fill(unsigned count) const {
    for (unsigned number = 1; number <= count; ++number) {
      put(scratch / "made", make_segment(segment(number)));
      ASSERT_OK(store.put(scratch / "made", segment(number)));
    }
  }
  fs::path stage() const { return scratch / "stage"; }
  Names names() const { return list_directory(stage()).value(); }
  void want(const std::string& name) const { put(stage() / (name + ".want"), ""); }
  /// As the container does it.
  void take(unsigned number) const {
    fs::remove(stage() / (segment(number) + ".want"));
    EXPECT_TRUE(text_of(stage() / segment(number)) == make_segment(segment(number)));
    fs::remove(stage() / segment(number));
  }
  /// Turns until nothing is left to do.
  static void come_to_rest(Feeder& feeder) {
    for (bool busy = true; busy;) {
      const auto turned = feeder.turn();
      ASSERT_OK(turned);
      busy = *turned;
    }
  }

  test::Scratch scratch;
  Store store{scratch / "archive"};
  Lineage lineage{.segment_size = small_segment, .sources = {}};
};

TEST_F(ArchiveFeeder, LaysDownWhatIsAskedForAndAFewBehindIt) {
  fill(9);
  Feeder feeder = Feeder::open(stage(), lineage).value();
  come_to_rest(feeder);
  EXPECT_EQ(names(), Names{});
  want(segment(2));
  come_to_rest(feeder);
  EXPECT_EQ(names(), (Names{segment(2), segment(2) + ".want", segment(3), segment(4), segment(5),
                            segment(6)}));
  take(2);
  come_to_rest(feeder);
  EXPECT_EQ(feeder.last(), segment(2));
  take(3);
  take(4);
  come_to_rest(feeder);
  EXPECT_EQ(names(), (Names{segment(5), segment(6), segment(7), segment(8)}));
  EXPECT_EQ(feeder.last(), segment(4));
}

TEST_F(ArchiveFeeder, SaysWhatIsNowhere) {
  fill(2);
  Feeder feeder = Feeder::open(stage(), lineage).value();
  want("00000002.history");
  want(segment(3));
  come_to_rest(feeder);
  EXPECT_EQ(names(), (Names{segment(3) + ".none", segment(3) + ".want", "00000002.history.none",
                            "00000002.history.want"}));
}

TEST_F(ArchiveFeeder, SaysWhatCannotBeKnown) {
  fill(3);
  put(store.directory() / (segment(3) + ".zst"), "damaged");
  Feeder feeder = Feeder::open(stage(), lineage).value();
  want(segment(2));
  come_to_rest(feeder);
  EXPECT_EQ(names(), (Names{segment(2), segment(2) + ".want"}))
      << "nothing unasked that is damaged";
  take(2);
  want(segment(3));
  want("nonsense");
  come_to_rest(feeder);
  const std::string error = text_of(stage() / (segment(3) + ".error"));
  EXPECT_TRUE(last_fetch_failure("LOG: one\n" + error + "LOG: two\n").starts_with(segment(3)));
  EXPECT_TRUE(last_fetch_failure(error).contains("is damaged")) << error;
  EXPECT_EQ(last_fetch_failure("FATAL: velo wal fetch: none\n"), "");
  EXPECT_NE(text_of(stage() / "nonsense.error").find("not the name"), std::string::npos);
  EXPECT_FALSE(path_exists(stage() / segment(3)));
}

TEST_F(ArchiveFeeder, GoesBackWhenTheServerDoes) {
  fill(9);
  Feeder feeder = Feeder::open(stage(), lineage).value();
  want(segment(5));
  come_to_rest(feeder);
  take(5);
  want(segment(1));
  come_to_rest(feeder);
  take(1);
  come_to_rest(feeder);
  EXPECT_EQ(names(), (Names{segment(2), segment(3), segment(4), segment(5)}));
}

TEST_F(ArchiveFeeder, LaysDownNothingUnaskedOutOfARunningServersDirectory) {
  lineage.sources.front().kind = SourceKind::pg_wal;
  for (const unsigned number : {1U, 2U}) {
    put(store.directory() / segment(number), make_segment(segment(number)));
  }
  Feeder feeder = Feeder::open(stage(), lineage).value();
  want(segment(1));
  come_to_rest(feeder);
  EXPECT_EQ(names(), (Names{segment(1), segment(1) + ".want"}));
}

TEST_F(ArchiveFeeder, BeginsWithAnEmptyStage) {
  put(stage() / (segment(1) + ".none"), "");
  put(stage() / ("." + segment(1) + ".new"), "half");
  ASSERT_OK(Feeder::open(stage(), lineage));
  EXPECT_EQ(names(), Names{});
  fs::remove(stage());
  EXPECT_FALSE(Feeder::open(stage(), lineage).has_value());
}

}  // namespace
}  // namespace velo::archive
