// An ordinary user on a pool that root set up: the whole flow, and what the mount helper refuses.
//
// The helper, its list of places and the line in sudoers are put where `velo setup` puts them.
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/files.h"
#include "storage/zfs_layout.h"
#include "storage/zfs_place.h"
#include "user_fixture.h"

namespace velo::test {
namespace {

namespace zfs = storage::zfs;

class ZfsUser : public ZfsUserTest {
 protected:
  void SetUp() override {
    ZfsUserTest::SetUp();
    if (velo) install();
  }

  void install() {
    const fs::path helper(zfs::mount_helper);
    fs::create_directories(helper.parent_path());
    fs::copy_file(Velo::binary("velo-mount-helper"), helper, fs::copy_options::overwrite_existing);
    ::chmod(helper.c_str(), 0755);
    fs::create_directories(fs::path(zfs::places_file).parent_path());
    write_file(zfs::places_file, place + "\n", 0644).value();
    run_tool({"/usr/sbin/groupadd", "--force", "velo"});
    run_tool({"/usr/sbin/usermod", "--append", "--groups", "velo", user.name});
    write_file(zfs::sudoers_file, zfs::sudoers_line("velo"), 0440).value();
    run_tool({"/usr/sbin/visudo", "--check", "--quiet"});
    ASSERT_TRUE(zfs::prepare_place(place));
    for (const zfs::Grant& grant : zfs::grants(place, "-u", user.name)) {
      std::vector<std::string> words{"allow"};
      words.insert(words.end(), grant.begin(), grant.end());
      run_zfs(words);
    }
  }

  std::string run_velo(const std::string& line) {
    const Outcome ran = as_user(velo_words(line));
    EXPECT_EQ(ran.exit_status, 0) << line << "\n" << ran.out << ran.err;
    return ran.out;
  }
  std::string value(const std::string& branch, const std::string& statement) {
    std::string url = run_velo("branch url " + branch);
    while (url.ends_with('\n')) url.pop_back();
    return Sql(url).value(statement);
  }

  /// What the helper says to a request; it must refuse it.
  void expect_refused(const std::string& input, const std::vector<std::string>& arguments = {},
                      const std::vector<std::string>& environment = {}) {
    std::vector<std::string> argv{"/usr/bin/sudo", "-n", std::string(zfs::mount_helper)};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const Outcome ran = as_user(argv, input, environment);
    EXPECT_NE(ran.exit_status, 0) << input << ran.out;
    EXPECT_NE(ran.err, "") << input;
  }
  std::string mounted() {
    std::string text;
    std::ifstream file("/proc/self/mounts");
    for (std::string line; std::getline(file, line);) {
      if (line.find(" zfs ") != std::string::npos) text += line + "\n";
    }
    return text;
  }
  std::string dataset(const std::string& volume) { return zfs::dataset_of(place, volume); }
};

TEST_F(ZfsUser, TheWholeFlowNeedsNoRootOnceItIsSetUp) {
  run_velo("config set pool " + place);
  run_velo("project create demo");
  EXPECT_EQ(value("demo/main", "CREATE TABLE t AS SELECT 1 AS x; SELECT x FROM t"), "1");
  run_velo("branch create demo/dev");
  EXPECT_EQ(value("demo/dev", "UPDATE t SET x = 2; SELECT x FROM t"), "2");
  run_velo("branch create demo/child --parent demo/dev");
  run_velo("config set grace 0");
  run_velo("branch reset demo/dev --force");  // the child's origin goes
  EXPECT_EQ(value("demo/dev", "SELECT x FROM t"), "1");
  EXPECT_EQ(value("demo/child", "SELECT x FROM t"), "2");
  EXPECT_NE(mounted().find("nosuid,nodev"), std::string::npos) << mounted();

  // After a reboot: what is needed is mounted again.
  run_velo("branch stop demo/child");
  run_zfs({"unmount", dataset("demo-child")});
  run_velo("branch start demo/child");
  EXPECT_EQ(value("demo/child", "SELECT x FROM t"), "2");

  run_velo("branch delete demo/dev --force");
  // This is root's look: it does not know which one is the base of main's moments.
  EXPECT_EQ(velo->volume_names(), (std::vector<std::string>{"demo-main", "demo-main.2"}));
  run_velo("project delete demo --force");
  EXPECT_EQ(velo->volume_names(), (std::vector<std::string>{}));
  EXPECT_EQ(run_zfs({"list", "-H", "-r", "-t", "snapshot", "-o", "name", place}), "");
}

TEST_F(ZfsUser, SnapshotsRecoveryAndRebootsNeedNoRootEither) {
  run_velo("config set pool " + place);
  run_velo("project create demo");
  EXPECT_EQ(value("demo/main", "CREATE TABLE t AS SELECT 1 AS x; SELECT x FROM t"), "1");
  run_velo("snapshot create demo/main --label one");
  EXPECT_EQ(value("demo/main", "UPDATE t SET x = 2; SELECT x FROM t"), "2");
  run_velo("branch create demo/then --snapshot one");
  EXPECT_EQ(value("demo/then", "SELECT x FROM t"), "1");
  run_velo("branch create demo/moment --pitr now");
  EXPECT_EQ(value("demo/moment", "SELECT x FROM t"), "2");
  run_velo("branch delete demo/moment");
  run_velo("branch undelete demo/moment");
  EXPECT_EQ(value("demo/moment", "SELECT x FROM t"), "2");
  run_velo("branch restore demo/main --snapshot one");
  EXPECT_EQ(value("demo/main", "SELECT x FROM t"), "1");
  EXPECT_NE(run_velo("branch password demo/main").find("postgres"), std::string::npos);
  run_velo("branch restart demo/main");
  EXPECT_NE(run_velo("snapshot list").find("one"), std::string::npos);
  run_velo("branch stop demo/then");

  end_servers_below(velo->volumes());
  for (const char* volume : {"demo-main.2", "demo-moment"}) run_zfs({"unmount", dataset(volume)});
  EXPECT_NE(run_velo("status").find("is not mounted"), std::string::npos);
  run_velo("up");
  EXPECT_EQ(value("demo/main", "SELECT x FROM t"), "1");
  EXPECT_EQ(value("demo/moment", "SELECT x FROM t"), "2");
  run_velo("config set grace 0");
  run_velo("snapshot delete demo/main@one");
  run_velo("project delete demo --force");  // with what is not mounted
  EXPECT_EQ(velo->volume_names(), (std::vector<std::string>{}));
}

TEST_F(ZfsUser, WithoutTheRightsItIsSaidWhichAreMissing) {
  run_zfs({"unallow", "-l", "-u", user.name, zfs::base_of(place)});
  Outcome refused = as_user(velo_words("project create demo --pool " + place));
  EXPECT_NE(refused.exit_status, 0);
  EXPECT_NE(refused.err.find("lacks rights"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("velo setup"), std::string::npos) << refused.err;
  fs::remove(zfs::mount_helper);
  refused = as_user(velo_words("project create demo --pool " + place));
  EXPECT_NE(refused.err.find(zfs::mount_helper), std::string::npos) << refused.err;
  EXPECT_EQ(velo->volume_names(), (std::vector<std::string>{}));
}

TEST_F(ZfsUser, RightsThatAreTakenAwayLaterAreMissedAndNothingIsLost) {
  run_velo("project create demo --pool " + place);
  run_zfs({"unallow", "-l", "-u", user.name, "create", zfs::base_of(place)});
  const Outcome refused = as_user(velo_words("branch create demo/dev"));
  EXPECT_EQ(refused.exit_status, 1) << refused.out << refused.err;
  EXPECT_NE(refused.err.find("permission denied"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("velo doctor"), std::string::npos) << refused.err;
  const Outcome doctor = as_user(velo_words("doctor"));
  EXPECT_NE(doctor.out.find("lacks rights on " + zfs::base_of(place) + ": create"),
            std::string::npos)
      << doctor.out;
  const std::string group = user.name + " is in the group velo";
  EXPECT_NE(doctor.out.find(group + ", and this login began before that"), std::string::npos)
      << doctor.out;
  EXPECT_NE(in_new_login(velo_words("doctor")).out.find("✓ " + group), std::string::npos);
  EXPECT_EQ(velo->volume_names(), (std::vector<std::string>{"demo-main", "demo-main.2"}));
  EXPECT_EQ(value("demo/main", "SELECT 1"), "1");
  run_zfs({"allow", "-l", "-u", user.name, "create", zfs::base_of(place)});
  run_velo("branch create demo/dev");
}

TEST_F(ZfsUser, TheHelperMountsNothingButTheCallersVolumes) {
  const std::string mark = R"(velo:mark={"home_id":"1"})";
  const std::string outside = place + "/outside";
  run_zfs({"create", "-u", "-o", mark, "-o", "mountpoint=/mnt/velo-outside", outside});
  run_zfs({"create", "-u", "-o", mark, dataset("roots")});
  run_zfs({"create", "-u", dataset("unmarked")});
  run_zfs({"create", "-u", "-o", mark, "-o", "mountpoint=/etc/skel", dataset("elsewhere")});
  run_zfs({"create", "-u", "-o", mark, "-o", "mountpoint=legacy", dataset("legacy")});
  EXPECT_EQ(as_user({"/usr/sbin/zfs", "create", "-u", "-o", mark, dataset("own")}).exit_status, 0);
  const std::string before = mounted();
  const std::string own = dataset("own");

  for (const std::string& other : std::vector<std::string>{outside,
                                                           dataset("roots"),
                                                           dataset("unmarked"),
                                                           dataset("elsewhere"),
                                                           dataset("legacy"),
                                                           dataset("nothing"),
                                                           zfs::base_of(place),
                                                           place,
                                                           std::string("tank"),
                                                           own + "/..",
                                                           own + "/../roots",
                                                           zfs::base_of(place) + "/../../outside",
                                                           own + "@snap",
                                                           own + " /etc",
                                                           own + "\n",
                                                           own + " -o suid",
                                                           "-o suid " + own,
                                                           " " + own,
                                                           own + ";id",
                                                           "$(id)",
                                                           "`id`",
                                                           std::string("/etc"),
                                                           std::string("/dev/vda"),
                                                           own + std::string(1, '\0') + "x",
                                                           std::string(600, 'a')}) {
    expect_refused("mount " + other + "\n");
    EXPECT_EQ(mounted(), before) << other;
  }
  for (const std::string& request : std::vector<std::string>{
           std::string(), std::string("\n"), "mount " + own, own + "\n", "remount " + own + "\n",
           "mount\n", "MOUNT " + own + "\n", "mount  " + own + "\n",
           "mount " + own + "\nmount " + dataset("roots") + "\n"}) {
    expect_refused(request);
    EXPECT_EQ(mounted(), before) << request;
  }
  // Extra words are sudo's to refuse: the rule ends in "".
  expect_refused("mount " + own + "\n", {"mount"});
  expect_refused("mount " + own + "\n", {own, "-o", "suid"});
  EXPECT_EQ(mounted(), before);

  // What stands in the way of its mountpoint.
  const fs::path mountpoint = zfs::mountpoint_of(place, "own");
  fs::create_directories(mountpoint.parent_path());
  fs::create_directory_symlink("/etc", mountpoint);
  expect_refused("mount " + own + "\n");
  fs::remove(mountpoint);
  fs::create_directory(mountpoint);
  std::ofstream(mountpoint / "file") << "in the way";
  expect_refused("mount " + own + "\n");
  fs::remove_all(mountpoint);
  ASSERT_EQ(::chmod(mountpoint.parent_path().c_str(), 0777), 0);
  expect_refused("mount " + own + "\n");
  ASSERT_EQ(::chmod(mountpoint.parent_path().c_str(), 0711), 0);
  EXPECT_EQ(mounted(), before);
  // A directory on the way that was exchanged for a link, or is another user's.
  const fs::path mounts = mountpoint.parent_path();
  const fs::path trap = home->path() / "trap";
  fs::create_directory(trap);
  fs::rename(mounts, mounts.string() + "-away");
  fs::create_directory_symlink(trap, mounts);
  expect_refused("mount " + own + "\n");
  fs::remove(mounts);
  fs::create_directory(mounts);
  ASSERT_EQ(::chown(mounts.c_str(), user.uid, user.gid), 0);
  expect_refused("mount " + own + "\n");
  fs::remove_all(mounts);
  fs::rename(mounts.string() + "-away", mounts);
  EXPECT_TRUE(fs::is_empty(trap));
  EXPECT_EQ(mounted(), before);

  // Who may write the list of places chooses what is mounted.
  ASSERT_EQ(::chmod(std::string(zfs::places_file).c_str(), 0666), 0);
  expect_refused("mount " + own + "\n");
  write_file(zfs::places_file, "# " + place + "\n" + place + "x\n", 0644).value();
  expect_refused("mount " + own + "\n");
  const std::string places(zfs::places_file);
  write_file(home->path() / "places", place + "\n", 0644).value();
  fs::remove(places);
  fs::create_symlink(home->path() / "places", places);
  expect_refused("mount " + own + "\n");
  fs::remove(places);
  const fs::path configuration = fs::path(places).parent_path();
  ASSERT_EQ(::chmod(configuration.c_str(), 0777), 0);
  write_file(places, place + "\n", 0644).value();
  expect_refused("mount " + own + "\n");
  ASSERT_EQ(::chmod(configuration.c_str(), 0755), 0);
  write_file(places, std::string(70000, '#') + "\n" + place + "\n", 0644).value();
  expect_refused("mount " + own + "\n");
  EXPECT_EQ(mounted(), before);
  write_file(places, place + "  # for the team\n", 0644).value();

  // With nothing wrong it works, whatever the environment says.
  std::ofstream(home->path() / "zfs") << "#!/bin/sh\ntouch " << home->path().string() << "/ran\n";
  ::chmod((home->path() / "zfs").c_str(), 0755);
  const std::vector<std::string> hostile{"PATH=" + home->path().string(),
                                         "LD_PRELOAD=" + home->path().string() + "/x.so",
                                         "LD_LIBRARY_PATH=" + home->path().string(),
                                         "IFS=/",
                                         "SUDO_UID=0",
                                         "BASH_ENV=" + home->path().string() + "/zfs"};
  const std::vector<std::string> helper{"/usr/bin/sudo", "-n", std::string(zfs::mount_helper)};
  const Outcome done = as_user(helper, "mount " + own + "\n", hostile);
  EXPECT_EQ(done.exit_status, 0) << done.err;
  EXPECT_FALSE(fs::exists(home->path() / "ran"));
  EXPECT_NE(mounted().find(own + " " + mountpoint.string() + " zfs rw,nosuid,nodev"),
            std::string::npos)
      << mounted();
  // What is mounted is unmounted only where it is, never through a link.
  fs::rename(mounts, mounts.string() + "-away");
  fs::create_directory_symlink(mounts.string() + "-away", mounts);
  as_user(helper, "unmount " + own + "\n");
  EXPECT_NE(mounted().find(own + " "), std::string::npos) << mounted();
  fs::remove(mounts);
  fs::rename(mounts.string() + "-away", mounts);
  // Nor by whoever could have exchanged it.
  ASSERT_EQ(::chmod(mounts.c_str(), 0777), 0);
  expect_refused("unmount " + own + "\n");
  ASSERT_EQ(::chmod(mounts.c_str(), 0711), 0);

  run_zfs({"mount", dataset("roots")});
  expect_refused("unmount " + dataset("roots") + "\n", {}, hostile);
  EXPECT_EQ(as_user(helper, "unmount " + own + "\n").exit_status, 0);
  EXPECT_FALSE(fs::exists(mountpoint));
  // Without sudo it is nobody.
  EXPECT_NE(as_user({std::string(zfs::mount_helper)}, "mount " + own + "\n").exit_status, 0);
}

TEST_F(ZfsUser, NobodyHasRightsOnWhatAnotherMade) {
  run_zfs({"create", "-u", "-o", R"(velo:mark={"home_id":"1"})", dataset("roots")});
  run_zfs({"snapshot", dataset("roots") + "@x"});
  const auto tried = [&](const std::vector<std::string>& words) {
    std::vector<std::string> argv{"/usr/sbin/zfs"};
    argv.insert(argv.end(), words.begin(), words.end());
    return as_user(argv).exit_status;
  };
  EXPECT_NE(tried({"destroy", "-r", zfs::base_of(place)}), 0);
  EXPECT_NE(tried({"destroy", dataset("roots") + "@x"}), 0);
  EXPECT_NE(tried({"clone", dataset("roots") + "@x", dataset("own")}), 0);
  EXPECT_NE(tried({"snapshot", dataset("roots") + "@y"}), 0);
  EXPECT_EQ(tried({"create", "-u", dataset("own")}), 0);
  EXPECT_NE(tried({"set", "mountpoint=/etc", dataset("own")}), 0);
  EXPECT_NE(tried({"set", "setuid=on", dataset("own")}), 0);
  EXPECT_EQ(velo->volume_names(), (std::vector<std::string>{"own", "roots"}));
}

}  // namespace
}  // namespace velo::test
