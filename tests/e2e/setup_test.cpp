// `velo setup`: a pool in a file, mounted now and after a reboot. With files and an fstab of its
// own.
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

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
    std::ofstream(fstab) << "# the machine's own\nproc /proc proc defaults 0 0";  // no newline
  }
  void TearDown() override {
    if (!is_mounted()) return;
    end_servers_below(mount);
    run_tool({"/usr/bin/umount", mount.string()});
    EXPECT_FALSE(engine::loop_device_of(file)) << "a loop device is left";
  }

  bool is_mounted() const {
    return engine::mounted_at(engine::mounts().value(), mount).has_value();
  }

  std::vector<std::string> line(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all = {"setup",   "--size", "512M",    "--file", file,
                                    "--mount", mount,    "--fstab", fstab};
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
  }

  TempDirectory directory{homes()};
  fs::path file;
  fs::path mount;
  fs::path fstab;
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
  EXPECT_FALSE(engine::loop_device_of(file)) << "umount must let go of the loop device";
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
  words[2] = "1M";
  velo->fails(2, words);
  words[2] = "0";
  velo->fails(2, words);
  velo->fails(2, "setup");
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

TEST(SetupAsAUser, NeedsRootAndSaysSo) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may; lane e2e-user is an ordinary user's";
  Velo velo;
  const Ran ran = velo.fails(1, "setup --size 1G");
  EXPECT_NE(ran.err.find("sudo velo setup"), std::string::npos) << ran.all();
}

}  // namespace
}  // namespace velo::test
