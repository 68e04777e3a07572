#include "cut_disk.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/fd.h"
#include "base/files.h"
#include "base/text.h"
#include "support/velo.h"

namespace velo::test {
namespace {

/// Whether a loop device has it.
bool is_attached(const fs::path& file) {
  std::error_code ignored;
  for (const auto& device : fs::directory_iterator("/sys/block", ignored)) {
    const auto backing = read_file(device.path() / "loop/backing_file");
    if (backing && trim(*backing) == file.string()) return true;
  }
  return false;
}

}  // namespace

CutDisk::CutDisk(std::string type) : type_(std::move(type)), directory_(xfs_place().value()) {
  std::ofstream(image()).close();
  fs::resize_file(image(), 1536ULL << 20U);
  fs::create_directory(mount_point());
  run_tool({"/usr/sbin/mkfs." + type_, "-q", image().string()});
  mount();
  ::chmod(mount_point().c_str(), 0755);
}

CutDisk::~CutDisk() {
  unmount();
}

fs::path CutDisk::copy(std::size_t number) const {
  return directory_.path() / ("copy-" + std::to_string(number));
}

void CutDisk::mount() {
  run_tool({"/usr/bin/mount", "-t", type_, "-o", "loop,noatime", image().string(),
            mount_point().string()});
}

void CutDisk::unmount() {
  end_servers_below(mount_point());
  // A command of an archiver may still be there.
  EXPECT_TRUE(wait_until([&] { return ::umount2(mount_point().c_str(), 0) == 0; }));
  // A mount namespace that began meanwhile (a container's) has it mounted until it ends or lets go,
  // and two file systems of one id are never mounted, or are taken for one.
  EXPECT_TRUE(wait_until([&] { return !is_attached(image()); }, std::chrono::minutes(2)));
}

std::size_t CutDisk::cut() {
  const Fd from(::open(image().c_str(), O_RDONLY | O_CLOEXEC));
  const Fd to(::open(copy(copies_).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  EXPECT_EQ(::ioctl(to.get(), FICLONE, from.get()), 0) << image();
  return copies_++;
}

void CutDisk::boot(std::size_t number) {
  unmount();
  fs::rename(copy(number), image());
  mount();
}

}  // namespace velo::test
