#include "zpool.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>

#include "base/crypto.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "storage/zfs_layout.h"
#include "support/velo.h"

namespace velo::test {

int run_zpool(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv{"/usr/sbin/zpool"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const Cancellation never;
  const auto ran =
      velo::run({.argv = argv, .environment = clean_environment(), .user = {}, .input = {}},
                std::chrono::minutes(1), never);
  return ran ? ran->exit_status : -1;
}

SmallMemory::SmallMemory() : directory_(homes()) {
  run_tool({"/usr/bin/mount", "-t", "tmpfs", "-o", "size=160M", "tmpfs", path().string()});
}

SmallMemory::~SmallMemory() {
  run_tool({"/usr/bin/umount", path().string()});
}

void SmallMemory::enlarge() const {
  run_tool({"/usr/bin/mount", "-o", "remount,size=1G", path().string()});
}

FilePool::FilePool(const fs::path& in, std::uint64_t size)
    : directory_(in), name_("velotest" + random_id().value().substr(0, 8)) {
  const fs::path file = directory_.path() / "vdev";
  std::ofstream(file).close();
  fs::resize_file(file, size);
  EXPECT_EQ(run_zpool({"create", "-O", "mountpoint=none", name_, file.string()}), 0);
}

FilePool::~FilePool() {
  end_servers_below(volumes());
  if (!fs::exists(fs::path("/proc/spl/kstat/zfs") / name_)) import();
  EXPECT_EQ(run_zpool({"destroy", name_}), 0);
  std::error_code ignored;
  fs::remove(volumes(), ignored);
}

fs::path FilePool::volumes() const {
  return storage::zfs::mounts_of(name_);
}

std::string FilePool::state() const {
  return std::string(
      trim(read_file(fs::path("/proc/spl/kstat/zfs") / name_ / "state").value_or("")));
}

bool FilePool::try_export(const std::vector<std::string>& options) {
  std::vector<std::string> words{"export"};
  words.insert(words.end(), options.begin(), options.end());
  words.push_back(name_);
  return run_zpool(words) == 0;
}

void FilePool::import(const std::vector<std::string>& options) {
  std::vector<std::string> words{"import", "-d", directory_.path().string()};
  words.insert(words.end(), options.begin(), options.end());
  words.push_back(name_);
  EXPECT_EQ(run_zpool(words), 0);
}

void FilePool::degrade() {
  const fs::path vdev = directory_.path() / "vdev";
  const fs::path mirror = directory_.path() / "mirror";
  std::ofstream(mirror).close();
  fs::resize_file(mirror, fs::file_size(vdev));
  EXPECT_EQ(run_zpool({"attach", name_, vdev.string(), mirror.string()}), 0);
  EXPECT_EQ(run_zpool({"offline", "-f", name_, mirror.string()}), 0);
  EXPECT_EQ(state(), "DEGRADED");
}

void FilePool::clear() {
  EXPECT_EQ(run_zpool({"clear", name_}), 0);
}

std::uint64_t FilePool::free_bytes() const {
  return std::stoull(run_zfs({"get", "-H", "-p", "-o", "value", "available", name_}));
}

void FilePool::fill_up_to(std::uint64_t bytes_left) {
  const fs::path ballast = directory_.path() / "ballast";
  fs::create_directory(ballast);
  run_zfs({"create", "-o", "compression=off", "-o", "mountpoint=" + ballast.string(),
           name_ + "/ballast"});
  const std::uint64_t bytes = free_bytes() > bytes_left ? free_bytes() - bytes_left : 0;
  {
    const Fd fd(::open((ballast / "file").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const std::string block(1U << 20U, 'x');
    for (std::uint64_t written = 0; written < bytes; written += block.size()) {
      if (::write(fd.get(), block.data(), block.size()) < 0) break;
    }
  }
  EXPECT_EQ(run_zpool({"sync", name_}), 0);
}

void FilePool::empty() {
  run_zfs({"destroy", name_ + "/ballast"});
  EXPECT_EQ(run_zpool({"sync", name_}), 0);
}

}  // namespace velo::test
