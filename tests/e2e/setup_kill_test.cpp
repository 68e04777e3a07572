// `velo setup` of a pool in a file, and its --undo, killed at each step and run again.
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/groups.h"
#include "engine/mounts.h"
#include "support/setup_kills.h"

namespace velo::test {
namespace {

class SetupKilled : public E2eTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "velo setup needs root; lane e2e is root's";
    E2eTest::SetUp();
  }
  void TearDown() override {
    if (::geteuid() != 0) return;
    if (group_exists(group)) run_tool({"/usr/sbin/groupdel", group});
    if (is_mounted()) run_tool({"/usr/bin/umount", mount.string()});
  }
  bool is_mounted() const {
    return engine::mounted_at(engine::mounts().value(), mount).has_value();
  }

  TempDirectory directory{homes()};
  fs::path file = directory.path() / "made/pool.btrfs";
  fs::path mount = directory.path() / "pool";
  fs::path fstab = directory.path() / "fstab";
  fs::path record = directory.path() / "setup.json";
  std::string group = "velo-test-" + std::to_string(::getpid());
};

// Each run gets one step further than the one before, and begins with what that left half done.
TEST_F(SetupKilled, ItGoesOnWhenRunAgainAndSoDoesUndo) {
  const std::vector<std::string> setup{"setup",   "--size",  "512M",    "--file", file,
                                       "--mount", mount,     "--fstab", fstab,    "--record",
                                       record,    "--group", group};
  const SetupKills doing = expect_killed_at_each_step(*velo, setup);
  EXPECT_GE(doing.count, 8U);
  EXPECT_TRUE(is_mounted());
  EXPECT_TRUE(group_exists(group));
  velo->ok("project create demo --pool " + mount.string());
  velo->ok("config set grace 0");
  velo->ok("project delete demo --force");

  const SetupKills undoing = expect_killed_at_each_undo(*velo, record);
  EXPECT_FALSE(is_mounted());
  EXPECT_FALSE(group_exists(group));
  expect_an_error_at_each_step(*velo, setup, doing, record);
  for (const fs::path& left : {file, mount, fstab, record}) EXPECT_FALSE(fs::exists(left)) << left;
  // Those of a pool that is shared and of a user who is named: the virtual machine has them
  // (tests/zfs/setup_test.cpp).
  for (const std::string& point : never_killed_at(*velo, doing, undoing)) {
    EXPECT_TRUE(std::ranges::any_of(
        std::array{"/member", "/place", "/file", "/line"},
        [&](const char* part) { return point.find(part) != std::string::npos; }))
        << point << " is in the table, and setup does not pass it";
  }
}

}  // namespace
}  // namespace velo::test
