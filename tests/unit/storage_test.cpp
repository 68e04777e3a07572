#include "storage/registry.h"

#include <gmock/gmock.h>

#include "base/files.h"
#include "storage/mark.h"
#include "support/environment.h"

namespace velo::storage {
namespace {

using testing::HasSubstr;

TEST(StorageMark, SurvivesTheTripThroughJson) {
  const Mark mark{.home_id = "h",
                  .project_id = "p",
                  .project_name = "a \"name\"\n\\ ü",
                  .branch_id = "b",
                  .branch_name = "main",
                  .incarnation_id = "i",
                  .parent_incarnation_id = "",
                  .runtime = "native",
                  .build = "17.2",
                  .created_at = parse_rfc3339("2025-01-02T03:04:05.678Z").value()};
  const auto back = mark_from_json(mark_to_json(mark));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->project_name, mark.project_name);
  EXPECT_EQ(back->parent_incarnation_id, "");
  EXPECT_EQ(back->created_at, mark.created_at);
  EXPECT_EQ(mark_to_json(*back), mark_to_json(mark));
}

TEST(StorageMark, BytesThatAreNoTextDoNotBreakIt) {
  EXPECT_TRUE(mark_from_json(mark_to_json({.home_id = "h", .project_name = "\xff\xfe"})));
}

TEST(StorageMark, KeysOfLaterVersionsAreNoError) {
  const auto mark = mark_from_json(R"({"home_id":"h","colour":{"r":1},"created_at":"someday"})");
  ASSERT_TRUE(mark);
  EXPECT_EQ(mark->home_id, "h");
}

TEST(StorageMark, WhatIsNoMarkSaysSo) {
  for (const char* text : {"", "{", "[]", "null", "{}", R"({"home_id":""})", R"({"home_id":7})"}) {
    const auto mark = mark_from_json(text);
    ASSERT_FALSE(mark) << text;
    EXPECT_EQ(mark.error().code, Errc::storage);
  }
}

TEST(StorageRegistry, AnUnknownDriverIsAnsweredWithThoseThereAre) {
  const auto driver = open_driver("lvm", "/");
  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().code, Errc::usage);
  EXPECT_THAT(driver.error().message, HasSubstr("btrfs, reflink and copy"));
}

TEST(StorageRegistry, DriversCallThemselvesByTheirNames) {
  for (const DriverInfo& info : drivers()) {
    const auto driver = open_driver(info.name, "/");
    ASSERT_TRUE(driver);
    EXPECT_EQ((*driver)->name(), info.name);
    EXPECT_FALSE(info.description.empty());
  }
}

TEST(StorageRegistry, TheChoiceSaysWhyNotTheBetterOnes) {
  const auto place = test::ext4_place();
  const test::TempDirectory directory(*place);
  const auto choice = choose_driver(directory.path() / "not" / "yet" / "there");
  ASSERT_TRUE(choice);
  for (const DriverInfo& info : drivers()) {
    if (info.name == choice->driver) break;
    if (!info.takes(directory.path())) continue;
    EXPECT_THAT(choice->reason, HasSubstr(fmt::format("not {}: ", info.name)));
  }
  EXPECT_THAT(list_directory(directory.path()).value(), testing::IsEmpty());
}

TEST(StorageRegistry, TheBestDriverOfAFileSystemIsChosen) {
  const auto btrfs = test::btrfs_place();
  const auto xfs = test::xfs_place();
  if (!btrfs && !xfs) GTEST_SKIP() << "neither VELO_TEST_BTRFS nor VELO_TEST_XFS is set";
  EXPECT_EQ(btrfs ? choose_driver(*btrfs)->driver : "btrfs", "btrfs");
  EXPECT_EQ(xfs ? choose_driver(*xfs)->driver : "reflink", "reflink");
}

TEST(StorageRegistry, APlaceThatCannotBeWrittenSaysSo) {
  const auto file = choose_driver("/etc/passwd/velo");
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr("/etc/passwd"));
}

}  // namespace
}  // namespace velo::storage
