#include "support/environment.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

namespace velo::test {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> path_from(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return fs::path(value);
}

}  // namespace

std::optional<fs::path> btrfs_place() {
  return path_from("VELO_TEST_BTRFS");
}
std::optional<fs::path> xfs_place() {
  return path_from("VELO_TEST_XFS");
}
std::optional<fs::path> zfs_place() {
  return path_from("VELO_TEST_ZFS");
}

std::optional<fs::path> ext4_place() {
  auto place = path_from("VELO_TEST_EXT4");
  return place ? place : fs::temp_directory_path();
}

std::optional<std::string> docker_daemon() {
  const auto daemon = path_from("VELO_TEST_DOCKER");
  return daemon ? std::optional(daemon->string()) : std::nullopt;
}

bool places_are_required() {
  const char* value = std::getenv("VELO_TEST_REQUIRE");
  return value != nullptr && std::string_view(value) == "1";
}

OsUser server_user() {
  if (!running_as_root()) return current_user().value();
  auto postgres = find_user("postgres");
  return postgres ? *postgres : find_user("nobody").value();
}

TempDirectory::TempDirectory(const fs::path& place) {
  std::string path = (place / "velo-test-XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr || ::chmod(path.c_str(), 0711) != 0) {
    throw std::system_error(errno, std::generic_category(), path);
  }
  path_ = path;
}

TempDirectory::~TempDirectory() {
  // Not velo::remove_tree, which rightly stops at subvolumes as at any other file system.
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace velo::test
