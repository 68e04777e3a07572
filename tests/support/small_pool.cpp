#include "support/small_pool.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/fd.h"
#include "base/files.h"
#include "support/velo.h"

namespace velo::test {

SmallPool::SmallPool(const std::string& type, const std::string& options)
    : directory_(homes()), options_("loop,noatime" + (options.empty() ? "" : "," + options)) {
  const std::filesystem::path image = directory_.path() / "image";
  std::ofstream(image).close();
  std::filesystem::resize_file(image, 512ULL << 20U);
  std::filesystem::create_directory(place());
  run_tool({"/usr/sbin/mkfs." + type, "-q", image.string()});
  mount();
}

std::vector<std::string> SmallPool::volumes() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(place() / "velo")) {
    names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  return names;
}

SmallPool::~SmallPool() {
  end_servers_below(place());
  if (mounted_) unmount();
}

void SmallPool::mount() {
  run_tool(
      {"/usr/bin/mount", "-o", options_, (directory_.path() / "image").string(), place().string()});
  mounted_ = true;
}

void SmallPool::try_unmount() {
  if (mounted_ && ::umount2(place().c_str(), 0) == 0) mounted_ = false;
}

void SmallPool::unmount() {
  run_tool({"/usr/bin/umount", place().string()});
  mounted_ = false;
}

void SmallPool::remount(const std::string& options) {
  run_tool({"/usr/bin/mount", "-o", "remount," + options, place().string()});
}

void SmallPool::fill_up_to(std::uint64_t bytes_left) {
  const Fd fd(
      ::open((place() / "ballast").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  const std::string megabyte(1U << 20U, 'x');  // written, not reserved: btrfs counts it then
  while (velo::space_of(place())->free > bytes_left) {
    if (::write(fd.get(), megabyte.data(), megabyte.size()) < 0) break;
    ::fsync(fd.get());
  }
}

void SmallPool::empty() {
  std::filesystem::remove(place() / "ballast");
  ::sync();
}

}  // namespace velo::test
