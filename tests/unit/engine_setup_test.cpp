// What setup writes into files of others, and how it takes that out again.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/files.h"
#include "engine/setup_steps.h"
#include "support/environment.h"
#include "support/place.h"
#include "support/velo.h"

namespace velo::engine {
namespace {

class TakeOut : public testing::Test {
 protected:
  std::string after(const std::string& before, const std::string& added, bool made = false) {
    EXPECT_TRUE(write_file(file, before, 0640));
    left = take_out(file, added, made).value();
    return read_file(file).value_or("gone");
  }
  test::TempDirectory directory{test::homes()};
  fs::path file = directory.path() / "file";
  std::string left;
};

TEST_F(TakeOut, OnlyTheWholeLineGoes) {
  EXPECT_EQ(after("tank\n", "tank\n"), "");
  EXPECT_EQ(after("mytank\ntank\nother\n", "tank\n"), "mytank\nother\n");
  EXPECT_EQ(after("mytank\n", "tank\n"), "mytank\n");
  EXPECT_EQ(after("tank/team\n", "tank\n"), "tank/team\n");
  EXPECT_EQ(after("no newline\ntank\n", "\ntank\n"), "no newline");
  EXPECT_EQ(left, "");
}

TEST_F(TakeOut, TheFileGoesOnlyWhenSetupMadeItAndNothingElseIsInIt) {
  EXPECT_EQ(after("tank\n", "tank\n", true), "gone");
  EXPECT_EQ(after("tank\nother\n", "tank\n", true), "other\n");
  struct stat status{};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
}

TEST_F(TakeOut, LinesThatWereChangedAreLeftAndTold) {
  EXPECT_EQ(after("/pool /mnt btrfs\n", "# Velo's\n/pool /mnt btrfs\n"), "/pool /mnt btrfs\n");
  EXPECT_NE(left, "");
  EXPECT_EQ(after("something else\n", "# Velo's\n/pool /mnt btrfs\n"), "something else\n");
  EXPECT_EQ(left, "");
}

TEST(SetupUndo, WhatADriverDidIsToldInItsWords) {
  const Deed deed{.kind = "place",
                  .args = {{"driver", "zfs"},
                           {"act", "rights"},
                           {"base", "tank/velo/databases"},
                           {"group", "velo"},
                           {"rights", "create,mount"}}};
  EXPECT_EQ(undo_in_words(deed), "Take back the rights on tank/velo/databases from the group velo");
  const Cancellation never;
  EXPECT_FALSE(undo({.kind = "place", .args = {{"driver", "none"}}}, never));
}

TEST(SetupRequestForAPool, SizeAndPoolContradictEachOther) {
  const auto found = find_shared_pool({.pool = "tank", .size = 1});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::usage);
  EXPECT_NE(found.error().hint.find("--create-pool"), std::string::npos);
  // A size alone is the btrfs pool's, whatever else there is.
  const auto btrfs = find_shared_pool({.size = 1});
  ASSERT_TRUE(btrfs);
  EXPECT_FALSE(*btrfs);
}

}  // namespace
}  // namespace velo::engine
