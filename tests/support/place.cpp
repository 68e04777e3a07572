#include "support/place.h"

#include <unistd.h>

#include <algorithm>

#include "base/crypto.h"
#include "base/process.h"
#include "base/text.h"
#include "storage/zfs_layout.h"

namespace velo::test {
namespace {

namespace fs = std::filesystem;
namespace zfs = storage::zfs;

/// Only root can make and mount datasets; an ordinary user's tests say `sudo` where they may.
std::vector<std::string> as_root(std::vector<std::string> argv) {
  if (::geteuid() != 0) argv.insert(argv.begin(), {"/usr/bin/sudo", "-n"});
  return argv;
}

}  // namespace

std::optional<fs::path> places_for(const std::string& driver) {
  if (driver == "zfs") return zfs_place();
  if (driver == "btrfs") return btrfs_place();
  if (driver == "reflink") return xfs_place();
  return ext4_place();
}

std::string run_zfs(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv{"/usr/sbin/zfs"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const Cancellation never;
  auto ran = velo::run(
      {.argv = as_root(argv), .environment = clean_environment(), .user = {}, .input = {}},
      std::chrono::minutes(1), never);
  EXPECT_TRUE(ran && ran->exit_status == 0)
      << "zfs " << join_words(arguments) << ": " << (ran ? ran->err : ran.error().message);
  return ran ? ran->out : "";
}

Place::Place(const fs::path& parent) {
  if (parent.is_absolute()) {
    directory_ = std::make_unique<TempDirectory>(parent);
    path_ = directory_->path();
    return;
  }
  path_ = parent / ("velo-test-" + random_id().value().substr(0, 8));
  run_zfs({"create", "-u", "-o", "mountpoint=none", path_.string()});
}

Place::~Place() {
  if (directory_) return;
  run_zfs({"destroy", "-r", path_.string()});
  std::error_code ignored;
  for (const auto& left : fs::directory_iterator(volumes(), ignored)) fs::remove(left, ignored);
  fs::remove(volumes(), ignored);
}

fs::path Place::volumes() const {
  return directory_ ? path_ / "velo" : zfs::mounts_of(path_.string());
}

std::vector<std::string> Place::volume_names() const {
  std::vector<std::string> names;
  if (directory_) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(volumes(), ignored)) {
      names.push_back(entry.path().filename());
    }
  } else {
    const std::string list =
        run_zfs({"list", "-H", "-o", "name", "-r", "-t", "filesystem", path_.string()});
    for (const std::string_view dataset : lines_of(list)) {
      if (const auto found = zfs::volume_of(dataset)) names.push_back(found->volume);
    }
  }
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> Place::leaked_snapshots() const {
  std::vector<std::string> names;
  if (directory_) return names;
  const std::string list =
      run_zfs({"list", "-H", "-o", "name,defer_destroy", "-r", "-t", "snapshot", path_.string()});
  for (const std::string_view line : lines_of(list)) {
    if (line.ends_with("\toff")) names.emplace_back(line.substr(0, line.find('\t')));
  }
  return names;
}

}  // namespace velo::test
