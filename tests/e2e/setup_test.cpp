// `velo setup`: a pool in a file, mounted now and after a reboot, groups, and all of it taken back.
// With files, an fstab, a record, a group and a user of its own.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/groups.h"
#include "base/os_user.h"
#include "base/process.h"
#include "engine/mounts.h"
#include "support/velo.h"

namespace velo::test {
namespace {

class Setup : public E2eTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "velo setup needs root; lane e2e is root's";
    E2eTest::SetUp();
    file = directory.path() / "a pool.btrfs";
    mount = directory.path() / "the pool";
    fstab = directory.path() / "fstab";
    record = directory.path() / "setup.json";
    group = "velo-test-" + std::to_string(::getpid());
    std::ofstream(fstab) << "# the machine's own\nproc /proc proc defaults 0 0";  // no newline
  }
  void TearDown() override {
    if (::geteuid() != 0) return;
    if (!user.empty()) run_tool({"/usr/sbin/userdel", user});
    if (group_exists(group)) run_tool({"/usr/sbin/groupdel", group});
    if (!is_mounted()) return;
    end_servers_below(mount);
    run_tool({"/usr/bin/umount", mount.string()});
    EXPECT_TRUE(lets_go_of_the_file()) << "a loop device is left";
  }

  /// The device lets go with its last close, and others may be looking at it just then.
  bool lets_go_of_the_file() const {
    return wait_until([&] { return !engine::loop_device_of(file).has_value(); });
  }

  bool is_mounted() const {
    return engine::mounted_at(engine::mounts().value(), mount).has_value();
  }

  std::vector<std::string> line(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all = {"setup",   "--size",  "512M",    "--file", file,
                                    "--mount", mount,     "--fstab", fstab,    "--record",
                                    record,    "--group", group};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::string fstab_text() const {
    std::ifstream text(fstab);
    return {std::istreambuf_iterator<char>(text), {}};
  }
  void expect_nothing_made() const {
    EXPECT_FALSE(fs::exists(file));
    EXPECT_FALSE(fs::exists(file.string() + ".new"));
    EXPECT_FALSE(fs::exists(mount));
    EXPECT_FALSE(is_mounted());
    EXPECT_EQ(fstab_text(), "# the machine's own\nproc /proc proc defaults 0 0");
    EXPECT_FALSE(fs::exists(record));
    EXPECT_FALSE(group_exists(group));
  }

  std::vector<std::string> undo(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all = {"setup", "--undo", "--record", record};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  /// A user of this test's own.
  void make_user() {
    user = "velo-tester-" + std::to_string(::getpid());
    run_tool({"/usr/sbin/useradd", "--system", "--no-user-group", "--no-create-home", user});
  }

  /// What doctor says of the group docker when that user asks, in a login with these groups: the
  /// line's level and code.
  std::string doctor_of_user(const std::string& groups) const {
    const fs::path program = directory.path() / "velo";  // the build tree may be closed to others
    fs::copy_file(Velo::binary("velo"), program, fs::copy_options::skip_existing);
    const OsUser who = find_user(user).value();
    const Cancellation never;
    const auto ran = velo::run(
        {.argv = {"/usr/bin/setpriv", "--reuid", std::to_string(who.uid), "--regid",
                  std::to_string(who.gid), groups, program.string(), "doctor", "--json"},
         .environment = {"PATH=/usr/bin:/bin", "VELO_HOME=" + (directory.path() / "none").string(),
                         "DOCKER_HOST=unix:///nonexistent/docker.sock"},
         .user = {},
         .input = {}},
        std::chrono::minutes(1), never);
    const Json json = Json::parse(ran.value().out);
    for (std::size_t s = 0; s < json.size("/sections"); ++s) {
      const std::string section = "/sections/" + std::to_string(s) + "/findings/";
      for (std::size_t f = 0; json.has(section + std::to_string(f)); ++f) {
        const std::string at = section + std::to_string(f);
        if (!json.text(at + "/code").starts_with("permissions.")) continue;
        if (json.is_null(at + "/subject") || json.text(at + "/subject") != "docker") continue;
        return json.text(at + "/level") + " " + json.text(at + "/code");
      }
    }
    return "nothing";
  }

  TempDirectory directory{homes()};
  fs::path file;
  fs::path mount;
  fs::path fstab;
  fs::path record;
  std::string group;
  std::string user;
};

TEST_F(Setup, MakesAPoolThatProjectsLiveIn) {
  const Ran made = velo->ok(line());
  EXPECT_TRUE(is_mounted());
  struct stat status{};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_GE(status.st_blocks * 512, 512LL << 20U) << "not preallocated";
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat((mount / "velo").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 01777U);
  velo->ok({"project", "create", "demo", "--pool", mount});
  EXPECT_EQ(velo->json("project get demo").text("/project/driver"), "btrfs");
  velo->ok("branch create demo/dev");
  velo->ok("project delete demo --force");
}

TEST_F(Setup, TheFstabLineMountsItAgain) {
  velo->ok(line());
  const std::string text = fstab_text();
  EXPECT_NE(text.find("defaults 0 0\n"), std::string::npos) << text;
  EXPECT_NE(text.find("a\\040pool.btrfs"), std::string::npos) << text;
  for (const char* option : {"loop", "noatime", "user_subvol_rm_allowed", "nofail", "nodiscard"}) {
    EXPECT_NE(text.find(option), std::string::npos) << text;
  }
  run_tool({"/usr/bin/umount", mount.string()});
  EXPECT_TRUE(lets_go_of_the_file()) << "umount must let go of the loop device";
  run_tool({"/usr/bin/mount", "--fstab", fstab.string(), mount.string()});
  EXPECT_TRUE(is_mounted());
}

TEST_F(Setup, CanBeRepeated) {
  velo->ok(line());
  std::ofstream(mount / "velo/witness") << "here";
  const std::string text = fstab_text();
  velo->ok(line());
  EXPECT_TRUE(fs::exists(mount / "velo/witness"));
  EXPECT_EQ(fstab_text(), text);
  run_tool({"/usr/bin/umount", mount.string()});
  velo->ok(line());  // mounts it again, formats nothing
  EXPECT_TRUE(fs::exists(mount / "velo/witness"));
  EXPECT_EQ(fstab_text(), text);
}

TEST_F(Setup, DryRunSaysWhatItWouldDoAndDoesNothing) {
  const Ran ran = velo->ok(line({"--dry-run"}));
  EXPECT_NE(ran.out.find(file.string()), std::string::npos) << ran.all();
  EXPECT_NE(ran.out.find("preallocated"), std::string::npos) << ran.all();
  expect_nothing_made();
}

TEST_F(Setup, SparseTakesSpaceAsItIsUsed) {
  velo->ok(line({"--sparse"}));
  struct stat status{};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 512LL << 20U);
  EXPECT_LT(status.st_blocks * 512, 128LL << 20U);
  EXPECT_EQ(fstab_text().find("nodiscard"), std::string::npos);
}

TEST_F(Setup, ADeviceThatWasLeftBehindIsUsed) {
  velo->ok(line());
  run_tool({"/usr/bin/umount", mount.string()});
  run_tool({"/usr/sbin/losetup", "--find", file.string()});
  velo->ok(line());
  EXPECT_TRUE(is_mounted());
  run_tool({"/usr/bin/umount", mount.string()});
  if (const auto device = engine::loop_device_of(file)) {
    run_tool({"/usr/sbin/losetup", "--detach", *device});
  }
}

TEST_F(Setup, NeverFormatsWhatIsThere) {
  std::ofstream(file) << "somebody's own file";
  velo->fails(4, line());
  std::ifstream text(file);
  EXPECT_EQ((std::string{std::istreambuf_iterator<char>(text), {}}), "somebody's own file");
  fs::remove(file);
  expect_nothing_made();
}

TEST_F(Setup, AMountPointWithFilesIsNotHidden) {
  fs::create_directories(mount / "velo/demo-main");
  velo->fails(4, line());
  EXPECT_FALSE(fs::exists(file));
  fs::remove_all(mount);
}

TEST_F(Setup, TooLargeOrTooSmallIsRefused) {
  auto words = line();
  words[2] = "900T";
  EXPECT_NE(velo->fails(1, words).err.find("free"), std::string::npos);
  words[2] = "10M";
  const Ran small = velo->fails(2, words);
  EXPECT_NE(small.err.find("a pool of 10M is too small: at least 256M"), std::string::npos)
      << small.all();
  EXPECT_NE(small.err.find("velo setup --size 20G"), std::string::npos) << small.all();
  words[2] = "0";
  velo->fails(2, words);
  words.erase(words.begin() + 1, words.begin() + 3);
  EXPECT_NE(velo->fails(2, words).err.find("--size"), std::string::npos);
  expect_nothing_made();
}

TEST_F(Setup, AFailureLeavesNothingBehind) {
  std::ofstream(fstab, std::ios::app)
      << "\n/dev/sdz9 " << directory.path().string() << "/the\\040pool ext4 defaults 0 0\n";
  velo->fails(4, line());
  EXPECT_FALSE(fs::exists(file));
  EXPECT_FALSE(is_mounted());
  // The last step fails: everything before it is taken back.
  fs::remove(fstab);
  fs::create_directory(fstab);
  velo->fails(1, line());
  fs::remove(fstab);
  std::ofstream(fstab) << "# the machine's own\nproc /proc proc defaults 0 0";
  expect_nothing_made();
  EXPECT_FALSE(engine::loop_device_of(file.string() + ".new"));
}

TEST_F(Setup, UndoTakesBackExactlyWhatSetupDid) {
  velo->ok(line());
  EXPECT_TRUE(group_exists(group));
  EXPECT_TRUE(fs::exists(record));
  const Ran would = velo->ok(undo({"--dry-run"}));
  EXPECT_NE(would.out.find("Unmount " + mount.string()), std::string::npos) << would.all();
  EXPECT_TRUE(is_mounted());
  velo->ok(undo());
  expect_nothing_made();
  EXPECT_TRUE(lets_go_of_the_file());
  EXPECT_NE(velo->ok(undo()).out.find("nothing to take back"), std::string::npos);
}

TEST_F(Setup, UndoAfterARepeatedSetupTakesAllOfItBack) {
  velo->ok(line());
  run_tool({"/usr/bin/umount", mount.string()});
  velo->ok(line());
  velo->ok(undo());
  expect_nothing_made();
}

TEST_F(Setup, DirectoriesThatSetupMadeGoToo) {
  const fs::path deep = directory.path() / "a/b";
  file = deep / "pool.btrfs";
  mount = deep / "c/pool";
  record = deep / "setup.json";
  velo->ok(line());
  velo->ok(undo());
  EXPECT_FALSE(fs::exists(directory.path() / "a"));
}

TEST_F(Setup, UndoNeverDestroysDataWithoutBeingTold) {
  velo->ok(line());
  velo->ok({"project", "create", "demo", "--pool", mount, "--runtime", "native"});
  const Ran refused = velo->fails(4, undo());
  EXPECT_NE(refused.err.find("demo-main"), std::string::npos) << refused.all();
  EXPECT_NE(refused.err.find("--force"), std::string::npos) << refused.all();
  EXPECT_TRUE(is_mounted());
  EXPECT_EQ(velo->value("demo/main", "SELECT 1"), "1");
  // Not even by force while a server works in it.
  EXPECT_NE(velo->fails(4, undo({"--force"})).err.find("velo branch stop"), std::string::npos);
  EXPECT_TRUE(is_mounted());
  EXPECT_EQ(velo->value("demo/main", "SELECT 1"), "1");
  velo->ok("branch stop demo/main");
  velo->ok(undo({"--force"}));
  expect_nothing_made();
}

TEST_F(Setup, UndoAsksOnATerminal) {
  velo->ok(line());
  std::ofstream(mount / "velo/witness") << "here";
  std::vector<std::string> words = undo();
  words.insert(words.begin(), Velo::binary("velo").string());
  {
    Terminal terminal(words, velo->environment({"TERM=xterm"}));
    ASSERT_TRUE(terminal.shows("[y/N]")) << terminal.screen();
    EXPECT_NE(terminal.screen().find("witness"), std::string::npos) << terminal.screen();
    terminal.type("n\n");
    EXPECT_EQ(terminal.wait(), 1);
  }
  EXPECT_TRUE(fs::exists(mount / "velo/witness"));
  Terminal terminal(words, velo->environment({"TERM=xterm"}));
  ASSERT_TRUE(terminal.shows("[y/N]")) << terminal.screen();
  terminal.type("y\n");
  EXPECT_EQ(terminal.wait(), 0) << terminal.screen();
  expect_nothing_made();
}

TEST_F(Setup, UndoDoesNotDestroyAPoolThatItCannotLookInto) {
  velo->ok(line());
  run_tool({"/usr/bin/umount", mount.string()});
  EXPECT_NE(velo->fails(4, undo()).err.find("not mounted"), std::string::npos);
  EXPECT_TRUE(fs::exists(file));
  velo->ok(undo({"--force"}));
  expect_nothing_made();
}

TEST_F(Setup, UndoLeavesWhatWasChangedSince) {
  velo->ok(line());
  run_tool({"/usr/bin/umount", mount.string()});
  run_tool({"/usr/sbin/mkfs.btrfs", "-q", "-f", file.string()});  // another one by now
  std::string text = fstab_text();
  text.replace(text.find("noatime"), 7, "relatime");
  std::ofstream(fstab, std::ios::trunc) << text;
  std::ofstream(mount / "own") << "somebody's";
  const Ran undone = velo->ok(undo());
  EXPECT_NE(undone.out.find("not the file that setup made"), std::string::npos) << undone.all();
  EXPECT_NE(undone.out.find("not empty"), std::string::npos) << undone.all();
  EXPECT_TRUE(fs::exists(file));
  EXPECT_TRUE(fs::exists(mount / "own"));
  fs::remove_all(mount);
}

TEST_F(Setup, WhatACrashLeftIsTakenBackAndNothingElse) {
  // As after a kill before the file got its name: the record was written first.
  std::ofstream(record) << R"({"format": 1, "deeds": [{"kind": "pool_file", "args": {"file": ")"
                        << file.string() << R"(", "mount_point": ")" << mount.string()
                        << R"("}}]})";
  std::ofstream(file.string() + ".new") << "half of one";
  std::ofstream(file) << "somebody's own";
  velo->ok(undo());
  EXPECT_FALSE(fs::exists(file.string() + ".new"));
  EXPECT_TRUE(fs::exists(file));
  EXPECT_FALSE(fs::exists(record));
  fs::remove(file);
}

TEST_F(Setup, ARecordThatOthersCouldHaveWrittenIsNotBelieved) {
  velo->ok(line());
  fs::permissions(record, fs::perms(0666));
  EXPECT_NE(velo->fails(1, undo()).err.find("cannot be believed"), std::string::npos);
  EXPECT_TRUE(is_mounted());
  fs::permissions(record, fs::perms(0600));
  std::ofstream(record, std::ios::trunc) << R"({"format": 99, "deeds": []})";
  velo->fails(1, undo());
}

TEST_F(Setup, TheUserJoinsTheGroupsAndLeavesThemAgain) {
  make_user();
  const bool had_docker = group_exists("docker");
  if (!had_docker) run_tool({"/usr/sbin/groupadd", "--system", "docker"});
  const auto words = line({"--user", user, "--json"});
  const Json made = Json::parse(velo->ok(words).out);
  EXPECT_EQ(made.text("/login_due"), user);
  EXPECT_TRUE(is_member_of(user, group));
  EXPECT_TRUE(is_member_of(user, "docker"));
  // Doctor, asked by that user: a login from before, one from now on, and one without the group.
  EXPECT_EQ(doctor_of_user("--clear-groups"), "warning permissions.login");
  EXPECT_EQ(doctor_of_user("--init-groups"), "ok permissions.group");
  const Json again = Json::parse(velo->ok(words).out);
  EXPECT_TRUE(again.is_null("/login_due"));
  velo->ok(undo());
  EXPECT_FALSE(is_member_of(user, "docker"));
  EXPECT_EQ(doctor_of_user("--init-groups"), "info permissions.group");
  if (!had_docker) run_tool({"/usr/sbin/groupdel", "docker"});
  expect_nothing_made();
}

TEST_F(Setup, GroupsAndMembersThatWereThereBeforeStay) {
  make_user();
  run_tool({"/usr/sbin/groupadd", group});
  run_tool({"/usr/bin/gpasswd", "-a", user, group});
  velo->ok(line({"--user", user}));
  velo->ok(undo());
  EXPECT_TRUE(is_member_of(user, group));
}

TEST_F(Setup, AGroupThatOthersJoinedStays) {
  make_user();
  velo->ok(line());
  run_tool({"/usr/bin/gpasswd", "-a", user, group});
  EXPECT_NE(velo->ok(undo()).out.find("others are in it"), std::string::npos);
  EXPECT_TRUE(is_member_of(user, group));
}

TEST_F(Setup, WhoCalledSudoIsTheUser) {
  make_user();
  const Ran would = velo->run(line({"--dry-run"}), {"SUDO_USER=" + user});
  EXPECT_EQ(would.exit_status, 0) << would.all();
  EXPECT_NE(would.out.find("Add " + user + " to the group " + group), std::string::npos)
      << would.all();
  EXPECT_NE(would.out.find("log in again"), std::string::npos) << would.all();
  const Ran root = velo->run(line({"--dry-run"}), {"SUDO_USER=root"});
  EXPECT_EQ(root.out.find("Add root"), std::string::npos) << root.all();
  expect_nothing_made();
}

TEST_F(Setup, UnknownUsersAndBadGroupsAreRefused) {
  velo->fails(3, line({"--user", "no-such-user-of-velos"}));
  auto words = line();
  words.back() = "-x";
  velo->run(words);
  words.back() = "Bad Group";
  velo->fails(2, words);
  expect_nothing_made();
}

TEST_F(Setup, WithoutAnythingToGoByItNamesWhatItWouldMakeAndWhy) {
  if (fs::exists("/dev/zfs")) GTEST_SKIP() << "this machine has ZFS; lane zfs shows the rest";
  const Ran asked = velo->fails(
      2, {"setup", "--file", file, "--mount", mount, "--fstab", fstab, "--record", record});
  for (const std::string& text :
       {std::string("no pool to set up (zfs: this machine's kernel has no ZFS loaded)"),
        "a btrfs pool in " + file.string(), "mounted at " + mount.string(),
        std::string("sudo velo setup --size 20G")}) {
    EXPECT_NE(asked.err.find(text), std::string::npos) << text << "\n" << asked.all();
  }
  expect_nothing_made();
}

TEST_F(Setup, APoolThatADriverFindsNeedsThatDriver) {
  if (fs::exists("/dev/zfs")) GTEST_SKIP() << "this machine has ZFS; lane zfs shows the rest";
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"setup", "--pool", "tank"},
        std::vector<std::string>{"setup", "--create-pool", directory.path() / "z", "--size",
                                 "1G"}}) {
    const Ran refused = velo->run(words);
    EXPECT_NE(refused.exit_status, 0);
    EXPECT_NE(refused.err.find("no ZFS"), std::string::npos) << refused.all();
    EXPECT_FALSE(fs::exists(directory.path() / "z"));
  }
  expect_nothing_made();
}

TEST(SetupAsAUser, NeedsRootAndSaysSo) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may; lane e2e-user is an ordinary user's";
  const Velo velo;
  const Ran ran = velo.fails(1, "setup --size 1G");
  EXPECT_NE(ran.err.find("sudo velo setup"), std::string::npos) << ran.all();
}

}  // namespace
}  // namespace velo::test
