#include "user_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "storage/zfs_layout.h"

namespace velo::test {

namespace zfs = storage::zfs;

void ZfsUserTest::SetUp() {
  if (::geteuid() != 0) GTEST_SKIP() << "setting a pool up needs root";
  const char* name = std::getenv("VELO_TEST_USER");
  if (std::getenv("VELO_TEST_MAY_INSTALL") == nullptr || name == nullptr) {
    GTEST_SKIP() << "VELO_TEST_MAY_INSTALL and VELO_TEST_USER are not set";
  }
  user = find_user(name).value();
  set_up({.driver = "zfs"});
  if (!velo) return;
  place = velo->place().path().string();
  remove_what_is_installed();
  home = std::make_unique<TempDirectory>(homes());
  ASSERT_EQ(::chown(home->path().c_str(), user.uid, user.gid), 0);
  ASSERT_EQ(::chmod(home->path().c_str(), 0700), 0);
}

void ZfsUserTest::TearDown() {
  if (!velo) return;
  end_servers_below(velo->volumes());
  remove_what_is_installed();
}

void ZfsUserTest::remove_what_is_installed() {
  for (const std::string_view file : {zfs::mount_helper, zfs::places_file, zfs::sudoers_file}) {
    fs::remove(file);
    std::error_code ignored;  // others may live there
    if (file != zfs::sudoers_file) fs::remove(fs::path(file).parent_path(), ignored);
  }
}

std::vector<std::string> ZfsUserTest::environment() const {
  return {"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LANG=C.UTF-8", "HOME=" + home->path().string(),
          "VELO_HOME=" + (home->path() / "velo").string()};
}

Outcome ZfsUserTest::as_user(const std::vector<std::string>& argv, const std::string& input,
                             const std::vector<std::string>& more_environment) const {
  std::vector<std::string> all = environment();
  all.insert(all.end(), more_environment.begin(), more_environment.end());
  const Cancellation never;
  return velo::run({.argv = argv, .environment = all, .user = user, .input = input},
                   std::chrono::minutes(15), never)
      .value();
}

Outcome ZfsUserTest::in_new_login(const std::vector<std::string>& argv) const {
  std::vector<std::string> all{"/usr/sbin/runuser", "-u", user.name, "--"};
  all.insert(all.end(), argv.begin(), argv.end());
  const Cancellation never;
  return velo::run({.argv = all, .environment = environment(), .user = {}, .input = {}},
                   std::chrono::minutes(15), never)
      .value();
}

std::vector<std::string> ZfsUserTest::velo_words(const std::string& line) {
  std::vector<std::string> argv{Velo::binary("velo").string()};
  for (std::string& word : words(line)) argv.push_back(std::move(word));
  return argv;
}

}  // namespace velo::test
