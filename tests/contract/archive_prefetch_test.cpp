// What a segment that was made ready is served as, on each file system that PGDATA may lie on.
#include <sys/stat.h>

#include "archive/prefetch.h"
#include "archive/store.h"
#include "support/place.h"
#include "support/wal_segment.h"
#include "unit/postgres_scratch.h"

namespace velo::test {
namespace {

using archive::Store;

std::string segment(unsigned number) {
  return postgres::segment_name(1, number * small_segment, small_segment);
}

ino_t inode_of(const fs::path& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_ino;
}

class PrefetchOn : public testing::TestWithParam<std::string> {};

/// On btrfs a file that was renamed is synced by a commit of the whole file system: see clone_file
/// in prefetch.cpp. Everywhere else a rename is the quickest.
TEST_P(PrefetchOn, BtrfsASegmentIsServedAsAFileThatWasNeverRenamed) {
  const auto place = places_for(GetParam());
  VELO_NEEDS_PLACE(place, "the place for " + GetParam());
  const TempDirectory directory(*place);
  const fs::path ready = directory.path() / "recovery/prefetch";
  const Store store(directory.path() / "archive");
  fs::create_directories(ready);
  fs::create_directory(store.directory());
  for (const unsigned number : {1U, 2U}) {
    put(directory.path() / "made", make_segment(segment(number), number));
    ASSERT_OK(store.put(directory.path() / "made", segment(number)));
  }
  const archive::Lineage lineage{.segment_size = small_segment,
                                 .sources = {{.kind = archive::SourceKind::archive,
                                              .directory = store.directory(),
                                              .limit = std::nullopt}}};
  const archive::Prefetch prefetch(directory.path() / "recovery/lineage");
  prefetch.make_ready(lineage, postgres::parse_wal_name(segment(1)).value());
  const auto made = list_directory(ready).value();
  ASSERT_EQ(made.size(), 1U);
  const ino_t before = inode_of(ready / made.front());
  const fs::path target = directory.path() / "RECOVERYXLOG";
  EXPECT_TRUE(prefetch.take(lineage, segment(2), target).value_or(false));
  EXPECT_EQ(text_of(target), make_segment(segment(2), 2));
  EXPECT_EQ(mode_of(target), 0600U);
  EXPECT_EQ(inode_of(target) == before, GetParam() != "btrfs");
  EXPECT_EQ(list_directory(ready).value(), std::vector<std::string>{});
}

INSTANTIATE_TEST_SUITE_P(FileSystems, PrefetchOn, testing::Values("btrfs", "reflink", "copy"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace velo::test
