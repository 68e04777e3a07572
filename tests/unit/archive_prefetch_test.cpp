#include "archive/prefetch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include <thread>

#include "archive/progress.h"
#include "archive/store.h"
#include "postgres_scratch.h"
#include "support/wal_segment.h"

namespace velo::archive {
namespace {

using test::make_segment;
using test::put;
using test::small_segment;
using test::text_of;

std::string segment(unsigned number) {
  return postgres::segment_name(1, number * small_segment, small_segment);
}
postgres::WalName name_of(unsigned number) {
  return postgres::parse_wal_name(segment(number)).value();
}

class ArchivePrefetch : public testing::Test {
 protected:
  ArchivePrefetch() {
    fs::create_directory(store.directory());
    fs::create_directory(ready());
    lineage.sources = {
        {.kind = SourceKind::archive, .directory = store.directory(), .limit = std::nullopt}};
  }
  fs::path ready() const { return scratch / "recovery/prefetch"; }
  void push(unsigned number, unsigned seed = 1) const {
    put(scratch / "made", make_segment(segment(number), seed));
    ASSERT_OK(store.put(scratch / "made", segment(number)));
  }
  /// The segments that are ready, without their keys.
  std::vector<std::string> names() const {
    std::vector<std::string> names = list_directory(ready()).value();
    for (std::string& name : names) name.resize(name.find('.', 1));
    return names;
  }
  bool take(unsigned number) const {
    fs::remove(target);
    const bool taken = prefetch.take(lineage, segment(number), target).value_or(false);
    EXPECT_EQ(path_exists(target), taken);
    return taken;
  }

  test::Scratch scratch;
  Store store{scratch / "archive"};
  Lineage lineage{.segment_size = small_segment, .sources = {}};
  fs::path target = scratch / "RECOVERYXLOG";
  Prefetch prefetch = [this] {
    fs::create_directory(scratch / "recovery");
    return Prefetch(scratch / "recovery/lineage");
  }();
};

TEST_F(ArchivePrefetch, ReadiesTheNextAndMovesThemOut) {
  for (unsigned number = 1; number <= 8; ++number) push(number);
  prefetch.make_ready(lineage, name_of(1));
  EXPECT_EQ(names(), (std::vector{segment(2), segment(3), segment(4), segment(5)}));
  ASSERT_TRUE(take(2));
  EXPECT_TRUE(text_of(target) == make_segment(segment(2)));
  EXPECT_FALSE(take(2)) << "it is gone";
  EXPECT_FALSE(take(6)) << "it was never there";
}

TEST_F(ArchivePrefetch, ForgetsWhatLiesBehind) {
  for (unsigned number = 1; number <= 8; ++number) push(number);
  prefetch.make_ready(lineage, name_of(1));
  put(ready() / ("." + segment(3) + ".0123456789abcdef.new"), "a dead process's");
  prefetch.make_ready(lineage, name_of(4));
  EXPECT_EQ(names(), (std::vector{segment(5), segment(6), segment(7), segment(8)}));
}

TEST_F(ArchivePrefetch, EndsWhereTheArchiveDoes) {
  push(1);
  push(2);
  push(4);
  prefetch.make_ready(lineage, name_of(1));
  EXPECT_EQ(names(), std::vector{segment(2)});
}

TEST_F(ArchivePrefetch, TakesNothingDamaged) {
  push(2);
  put(store.directory() / (segment(2) + ".zst"), "damaged");
  prefetch.make_ready(lineage, name_of(1));
  EXPECT_EQ(names(), std::vector<std::string>{});
}

TEST_F(ArchivePrefetch, TakesNothingOutOfARunningServersDirectory) {
  lineage.sources.front().kind = SourceKind::pg_wal;
  put(store.directory() / segment(2), make_segment(segment(2)));
  prefetch.make_ready(lineage, name_of(1));
  EXPECT_EQ(names(), std::vector<std::string>{});
}

TEST_F(ArchivePrefetch, WhatWasReplacedInTheArchiveIsNotServedFromBefore) {
  push(2);
  prefetch.make_ready(lineage, name_of(1));
  ASSERT_OK(store.remove(segment(2)));
  push(2, 7);
  EXPECT_FALSE(take(2));
  ASSERT_OK(store.remove(segment(2)));
  EXPECT_FALSE(take(2)) << "not in the archive any more";
}

TEST_F(ArchivePrefetch, WhatTheLineageDoesNotServeIsNotServed) {
  push(2);
  prefetch.make_ready(lineage, name_of(1));
  lineage.sources.front().limit = 3 * small_segment - 1;
  EXPECT_FALSE(take(2));
  lineage.sources.front().limit = 3 * small_segment;
  EXPECT_TRUE(take(2));
}

TEST_F(ArchivePrefetch, WhatIsNotWholeIsNotServed) {
  push(2);
  for (const std::string& damaged :
       {std::string(), make_segment(segment(2)).substr(0, small_segment - 1),
        make_segment(segment(3)), std::string(small_segment, '\0')}) {
    prefetch.make_ready(lineage, name_of(1));
    const auto files = list_directory(ready()).value();
    ASSERT_EQ(files.size(), 1U);
    put(ready() / files.front(), damaged);
    EXPECT_FALSE(take(2));
    fs::remove(ready() / files.front());
  }
}

TEST_F(ArchivePrefetch, ManyAtOnceDoNotDisturbEachOther) {
  for (unsigned number = 1; number <= 12; ++number) push(number, number);
  std::vector<std::thread> threads;
  for (unsigned served = 1; served <= 8; ++served) {
    threads.emplace_back([this, served] { prefetch.make_ready(lineage, name_of(served)); });
  }
  for (std::thread& thread : threads) thread.join();
  // Whatever is there is whole.
  int taken = 0;
  for (unsigned number = 2; number <= 12; ++number) {
    if (!take(number)) continue;
    EXPECT_TRUE(text_of(target) == make_segment(segment(number), number)) << number;
    ++taken;
  }
  EXPECT_GE(taken, 1);
}

TEST_F(ArchivePrefetch, OneThatAnotherProcessIsAtIsLeftToIt) {
  for (unsigned number = 1; number <= 5; ++number) push(number);
  prefetch.make_ready(lineage, name_of(1));
  const std::string second = list_directory(ready()).value().front();
  const fs::path draft = ready() / ("." + second + ".new");
  fs::rename(ready() / second, draft);
  const Fd other = open_file(draft, O_WRONLY).value();
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  fs::remove(ready() / list_directory(ready()).value().back());
  prefetch.make_ready(lineage, name_of(1));
  EXPECT_FALSE(take(2));
  EXPECT_TRUE(path_exists(draft));
  EXPECT_TRUE(take(5)) << "those behind it are made ready all the same";
}

TEST(ArchiveProgress, SaysNothingBeforeTheFirstAndWhatWasServedAfter) {
  const test::Scratch scratch;
  const fs::path lineage = scratch / "lineage";
  EXPECT_EQ(read_progress(lineage).value().segments, 0U);
  ASSERT_OK(
      write_progress(lineage, {.segment = segment(3), .segments = 4, .bytes = 4 * small_segment}));
  const Progress read = read_progress(lineage).value();
  EXPECT_EQ(read.segment, segment(3));
  EXPECT_EQ(read.segments, 4U);
  EXPECT_EQ(read.bytes, 4 * small_segment);
  put(scratch / "progress", "x");
  EXPECT_FALSE(read_progress(lineage).has_value());
}

}  // namespace
}  // namespace velo::archive
