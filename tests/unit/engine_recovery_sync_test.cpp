#include "engine/recovery_sync.h"

#include <gtest/gtest.h>

#include <limits>

#include "engine/proc_file.h"

namespace velo::engine {
namespace {

constexpr storage::Capabilities snapshots{.atomic_snapshot = true, .copies_on_write = true};
constexpr storage::Capabilities files{.atomic_snapshot = false};
constexpr std::uint64_t megabyte = 1U << 20U;

TEST(RecoverySync, FileByFileOnlyWhereThatIsQuick) {
  EXPECT_TRUE(had_better_sync_at_once(files, 15, 1000, 1000 * megabyte));
  EXPECT_TRUE(had_better_sync_at_once(snapshots, 15, 1000, megabyte));
  EXPECT_FALSE(had_better_sync_at_once(snapshots, 15, 1000, 100 * megabyte));
  EXPECT_TRUE(had_better_sync_at_once(snapshots, 15, 20000, 100 * megabyte));
  EXPECT_FALSE(had_better_sync_at_once(snapshots, 15, 0, 0)) << "nothing will be recovered";
  EXPECT_FALSE(
      had_better_sync_at_once(snapshots, 15, 1000, std::numeric_limits<std::uint64_t>::max()));
}

TEST(RecoverySync, ThereIsNoChoiceBefore14) {
  EXPECT_FALSE(had_better_sync_at_once(files, 13, 1000, 0));
  EXPECT_FALSE(had_better_sync_at_once(snapshots, 13, 1000, 0));
}

TEST(RecoverySync, WhatIsUnwrittenIsKnown) {
  EXPECT_LT(unwritten_bytes(), std::numeric_limits<std::uint64_t>::max());
}

TEST(ProcFile, ANumberBehindAWord) {
  constexpr std::string_view text = "MemTotal:  24000 kB\nDirty:     12 kB\nNone: x\n";
  EXPECT_EQ(number_behind(text, "Dirty:"), 12U);
  EXPECT_EQ(number_behind(text, "None:"), std::nullopt);
  EXPECT_EQ(number_behind(text, "Writeback:"), std::nullopt);
}

}  // namespace
}  // namespace velo::engine
