// Parents as production has them: a project on each driver, and what its tests share.
//
// Each test makes demo/main unusual in one way, and expects of a branch that it is right, and that
// neither the parent nor anybody else has noticed it.
#pragma once

#include "support/velo.h"

namespace velo::test {

/// A test on each driver, on Debian's own major: it has the tools and extensions that some need.
class ParentTest : public PlacesTest {
 protected:
  /// The branch's URL, for another database of it.
  std::string url_of(const std::string& branch, const std::string& database) const;
  Sql sql_in(const std::string& branch, const std::string& database) const;
  /// Whether clones of this driver are one moment, and so can do without the parent's help.
  bool atomic() const { return GetParam().driver == "btrfs" || GetParam().driver == "zfs"; }
  /// A container sees of this machine its volume, and nothing beside it.
  bool in_container() const { return GetParam().runtime == "docker"; }
  /// A directory of the test's own, outside of all volumes.
  fs::path beside() const { return velo->home().parent_path(); }
  /// Whom files in volumes belong to: in containers the image's user.
  OsUser owner() const;
  /// The root of the branch's volume, in which its data directory is.
  fs::path volume_of(const std::string& branch) const;
  /// A new directory, owned by whom the servers run as.
  void make_server_directory(const fs::path& path) const { make_directory(path, owner()); }
  static void make_directory(const fs::path& path, const OsUser& user);
  /// A program of the server's own build of Debian's major.
  static fs::path tool(const std::string& name);
  /// Runs a program as the servers' user; expects success, and returns what it printed.
  static std::string run_as_server(const std::vector<std::string>& argv);

  static constexpr int major = 15;
};

inline auto every_driver(int major = 15) {
  return testing::Values(
      Where{.driver = "btrfs", .major = major}, Where{.driver = "reflink", .major = major},
      Where{.driver = "copy", .major = major}, Where{.driver = "zfs", .major = major});
}
/// Where containers could make a difference.
inline auto in_containers() {
  return testing::Values(Where{.driver = "btrfs", .major = 15, .runtime = "docker"});
}

}  // namespace velo::test
