// `velo setup` on ZFS: root sets a pool up, an ordinary user uses it through what setup installed,
// doctor says so, and --undo leaves nothing.
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/groups.h"
#include "storage/zfs_layout.h"
#include "support/setup_kills.h"
#include "user_fixture.h"
#include "zpool.h"

namespace velo::test {
namespace {

namespace zfs = storage::zfs;

class ZfsSetup : public ZfsUserTest {
 protected:
  void SetUp() override {
    ZfsUserTest::SetUp();
    group = "velo-test-" + std::to_string(::getpid());
    record = scratch.path() / "setup.json";
  }
  void TearDown() override {
    if (!velo) return;
    end_servers_below(velo->volumes());
    if (fs::exists(record)) velo->run({"setup", "--undo", "--force", "--record", record});
    ZfsUserTest::TearDown();
    if (group_exists(group)) run_tool({"/usr/sbin/groupdel", group});
  }

  std::vector<std::string> line(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all{"setup", "--user",   user.name, "--group",
                                 group,   "--record", record};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::vector<std::string> on_place() const { return line({"--pool", place}); }
  Ran undo(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all{"setup", "--undo", "--record", record};
    all.insert(all.end(), more.begin(), more.end());
    return velo->run(all);
  }

  Outcome as_user(const std::string& words_of_velo) const {
    return in_new_login(velo_words(words_of_velo));
  }
  std::string user_ok(const std::string& words_of_velo) const {
    const Outcome ran = as_user(words_of_velo);
    EXPECT_EQ(ran.exit_status, 0) << words_of_velo << "\n" << ran.out << ran.err;
    return ran.out;
  }

  static mode_t mode_of(std::string_view path) {
    struct stat status{};
    EXPECT_EQ(::lstat(std::string(path).c_str(), &status), 0) << path;
    EXPECT_EQ(status.st_uid, 0U) << path;
    EXPECT_EQ(status.st_gid, 0U) << path;
    return status.st_mode & 07777U;
  }
  static std::string text_of(std::string_view path) {
    return read_file(fs::path(path)).value_or("");
  }
  std::string datasets() const { return run_zfs({"list", "-H", "-r", "-o", "name", place}); }

  void expect_nothing_is_left() const {
    EXPECT_FALSE(fs::exists(zfs::mount_helper));
    EXPECT_FALSE(fs::exists(fs::path(zfs::mount_helper).parent_path()));
    EXPECT_FALSE(fs::exists(zfs::places_file));
    EXPECT_FALSE(fs::exists(fs::path(zfs::places_file).parent_path()));
    EXPECT_FALSE(fs::exists(zfs::sudoers_file));
    EXPECT_FALSE(fs::exists(zfs::mounts_of(place)));
    EXPECT_EQ(datasets(), place + "\n");
    EXPECT_FALSE(group_exists(group));
    EXPECT_FALSE(fs::exists(record));
  }

  std::string group;
  TempDirectory scratch{homes()};
  fs::path record;
};

TEST_F(ZfsSetup, AfterItAUserNeedsNoRootAndUndoLeavesNothing) {
  const Ran dry = velo->ok(line({"--pool", place, "--dry-run"}));
  EXPECT_NE(dry.out.find(zfs::base_of(place)), std::string::npos) << dry.out;
  EXPECT_NE(dry.out.find(zfs::sudoers_file), std::string::npos) << dry.out;
  expect_nothing_is_left();

  const Ran done = velo->ok(on_place());
  EXPECT_NE(done.out.find("log in again"), std::string::npos) << done.out;
  EXPECT_EQ(mode_of(zfs::mount_helper), 0755U);
  EXPECT_EQ(mode_of(zfs::sudoers_file), 0440U);
  EXPECT_EQ(mode_of(zfs::places_file), 0644U);
  EXPECT_EQ(text_of(zfs::sudoers_file), zfs::sudoers_line(group));
  EXPECT_EQ(text_of(zfs::places_file), place + "\n");
  EXPECT_EQ(run_zfs({"get", "-H", "-o", "value", "recordsize", zfs::base_of(place)}), "8K\n");

  user_ok("config set pool " + place);
  user_ok("config set grace 0");
  user_ok("project create demo");
  user_ok("branch create demo/dev");
  user_ok("branch reset demo/dev --force");
  const Outcome doctor = as_user("doctor");
  EXPECT_EQ(doctor.exit_status, 0) << doctor.out << doctor.err;
  EXPECT_NE(doctor.out.find("sudo lets this user run the mount helper"), std::string::npos)
      << doctor.out;
  EXPECT_NE(doctor.out.find("has the rights it needs on " + zfs::base_of(place)), std::string::npos)
      << doctor.out;
  user_ok("project delete demo --force");

  const Ran again = velo->ok(on_place());
  EXPECT_EQ(again.out.find("log in again"), std::string::npos) << again.out;
  const Ran undone = undo({"--force"});
  EXPECT_EQ(undone.exit_status, 0) << undone.all();
  expect_nothing_is_left();
  EXPECT_EQ(undone.out.find("left:"), std::string::npos) << undone.out;
}

TEST_F(ZfsSetup, UndoLeavesVolumesAndWhatWasThereBefore) {
  velo->create_project("roots");  // root needs no setup: the base dataset is there before it
  velo->ok(on_place());
  EXPECT_NE(run_zfs({"allow", zfs::base_of(place)}).find(group), std::string::npos);
  ASSERT_TRUE(write_file(zfs::places_file, "my" + place + "\n" + place + "\nother\n", 0644));
  const Ran undone = undo({"--force"});
  EXPECT_EQ(undone.exit_status, 0) << undone.all();
  EXPECT_EQ(run_zfs({"allow", zfs::base_of(place)}), "");
  EXPECT_EQ(text_of(zfs::places_file), "my" + place + "\nother\n");
  EXPECT_FALSE(fs::exists(zfs::mount_helper));
  EXPECT_EQ(velo->volume_names(), (std::vector<std::string>{"roots-main"}));
  EXPECT_EQ(velo->value("roots/main", "SELECT 1"), "1");
}

TEST_F(ZfsSetup, WhoStillHasVolumesKeepsTheirRights) {
  velo->ok(on_place());
  user_ok("config set grace 0");
  user_ok("project create demo --pool " + place);
  for (const auto& more : {std::vector<std::string>{}, std::vector<std::string>{"--force"}}) {
    const Ran refused = undo(more);
    EXPECT_EQ(refused.exit_status, 4) << refused.all();
    EXPECT_NE(refused.err.find(user.name + " (demo-main"), std::string::npos) << refused.all();
    EXPECT_NE(refused.err.find("velo project delete"), std::string::npos) << refused.all();
  }
  user_ok("branch create demo/dev");  // still in full
  user_ok("project delete demo --force");
  EXPECT_EQ(undo({"--force"}).exit_status, 0);
  expect_nothing_is_left();
}

// Each run gets one step further than the one before, and begins with what that left half done.
TEST_F(ZfsSetup, KilledAtEachStepItGoesOnWhenRunAgain) {
  const SetupKills doing = expect_killed_at_each_step(*velo, on_place());
  EXPECT_GE(doing.count, 10U);  // group, member, place, file and line, before and after each
  EXPECT_EQ(mode_of(zfs::mount_helper), 0755U);
  EXPECT_EQ(text_of(zfs::sudoers_file), zfs::sudoers_line(group));
  EXPECT_EQ(text_of(zfs::places_file), place + "\n");
  user_ok("config set grace 0");
  user_ok("project create demo --pool " + place);
  user_ok("project delete demo --force");
  const SetupKills undoing = expect_killed_at_each_undo(*velo, record);
  expect_nothing_is_left();
  // Those of a pool in a file: tests/e2e/setup_kill_test.cpp.
  for (const std::string& point : never_killed_at(*velo, doing, undoing)) {
    EXPECT_TRUE(std::ranges::any_of(
        std::array{"/pool_file", "/mount", "/open", "/fstab", "/directory"},
        [&](const char* part) { return point.find(part) != std::string::npos; }))
        << point << " is in the table, and setup does not pass it";
  }
}

TEST_F(ZfsSetup, AFileThatItDidNotWriteIsLeftAlone) {
  ASSERT_TRUE(write_file(zfs::sudoers_file, "# somebody's own\n", 0440));
  const Ran refused = velo->run(on_place());
  EXPECT_NE(refused.exit_status, 0);
  EXPECT_NE(refused.err.find(zfs::sudoers_file), std::string::npos) << refused.err;
  EXPECT_EQ(text_of(zfs::sudoers_file), "# somebody's own\n");
  fs::remove(zfs::sudoers_file);
  expect_nothing_is_left();

  // One that was changed after setup stays as well, and is told.
  velo->ok(on_place());
  ASSERT_TRUE(write_file(zfs::sudoers_file, zfs::sudoers_line(group) + "# and more\n", 0440));
  const Ran undone = undo({"--force"});
  EXPECT_NE(undone.out.find("left:"), std::string::npos) << undone.all();
  EXPECT_TRUE(fs::exists(zfs::sudoers_file));
  EXPECT_FALSE(fs::exists(zfs::mount_helper));
}

TEST_F(ZfsSetup, DoctorFindsWhatIsMissingOrOpenToOthers) {
  velo->ok(on_place());
  user_ok("config set pool " + place);
  EXPECT_EQ(as_user("doctor").exit_status, 0);
  ASSERT_EQ(::chmod(std::string(zfs::mount_helper).c_str(), 0777), 0);
  Outcome doctor = as_user("doctor");
  EXPECT_EQ(doctor.exit_status, 1) << doctor.out;
  EXPECT_NE(doctor.out.find(zfs::mount_helper), std::string::npos) << doctor.out;
  velo->ok(on_place());  // setup mends it
  EXPECT_EQ(mode_of(zfs::mount_helper), 0755U);

  ASSERT_EQ(::chmod(std::string(zfs::places_file).c_str(), 0666), 0);
  EXPECT_EQ(as_user("doctor").exit_status, 1);
  EXPECT_EQ(velo->run("doctor").exit_status, 1);
  velo->ok(on_place());

  run_zfs({"unallow", "-l", "-g", group, "mount", zfs::base_of(place)});
  doctor = as_user("doctor");
  EXPECT_NE(doctor.out.find("lacks rights on " + zfs::base_of(place) + ": mount"),
            std::string::npos)
      << doctor.out;
  fs::remove(zfs::sudoers_file);
  doctor = as_user("doctor");
  EXPECT_NE(doctor.out.find("sudo does not let this user"), std::string::npos) << doctor.out;
  velo->ok(on_place());
  doctor = as_user("doctor");
  EXPECT_EQ(doctor.out.find("lacks rights"), std::string::npos) << doctor.out;
  EXPECT_EQ(undo({"--force"}).exit_status, 0);
  expect_nothing_is_left();
}

TEST_F(ZfsSetup, OfSeveralPoolsOneMustBeNamed) {
  const FilePool other;
  const Ran refused = velo->run(line());
  EXPECT_NE(refused.exit_status, 0);
  EXPECT_NE(refused.err.find(other.name()), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("--pool"), std::string::npos) << refused.err;
  const Ran missing = velo->run(line({"--pool", "no-such-pool"}));
  EXPECT_NE(missing.err.find("no ZFS pool no-such-pool"), std::string::npos) << missing.err;
  expect_nothing_is_left();
}

TEST_F(ZfsSetup, APoolInAFileGoesOnlyWhenItIsEmptyOrByForce) {
  const std::string pool = "velotry" + std::to_string(::getpid());
  const fs::path file = scratch.path() / "try.zpool";
  const std::vector<std::string> make =
      line({"--create-pool", file, "--pool", pool, "--size", "512M"});
  velo->ok(make);
  velo->ok(make);  // and again
  EXPECT_EQ(mode_of(file.string()), 0600U);
  user_ok("project create demo --pool " + pool);

  const Ran refused = undo();
  EXPECT_NE(refused.exit_status, 0);
  EXPECT_TRUE(fs::exists(file));
  user_ok("branch list demo");
  user_ok("config set grace 0");
  user_ok("project delete demo --force");
  const Ran undone = undo({"--force"});
  EXPECT_EQ(undone.exit_status, 0) << undone.all();
  EXPECT_FALSE(fs::exists(file));
  EXPECT_FALSE(fs::exists(fs::path("/proc/spl/kstat/zfs") / pool));
  expect_nothing_is_left();

  // A file that is there is nobody's to format; by force a pool goes with what it holds.
  ASSERT_TRUE(write_file(file, "precious", 0600));
  EXPECT_NE(velo->run(make).exit_status, 0);
  EXPECT_EQ(read_file(file).value(), "precious");
  fs::remove(file);
  velo->ok(make);
  run_zfs({"create", pool + "/data"});
  EXPECT_EQ(undo({"--force"}).exit_status, 0);
  EXPECT_FALSE(fs::exists(file));
  expect_nothing_is_left();
}

}  // namespace
}  // namespace velo::test
