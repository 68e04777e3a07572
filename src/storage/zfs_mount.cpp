#include "storage/zfs_mount.h"

#include <fcntl.h>
#include <mntent.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "base/fd.h"
#include "base/files.h"
#include "base/time.h"

namespace velo::storage::zfs {
namespace {

constexpr std::chrono::seconds busy_patience{10};
constexpr std::chrono::milliseconds busy_pause{50};

struct CloseTable {
  void operator()(FILE* table) const { ::endmntent(table); }
};

std::unexpected<Error> in_the_way(const fs::path& path, std::string_view what) {
  return fail_with_hint(Errc::storage, fmt::format("{} {}", path.string(), what),
                        "volumes are mounted only through directories that are root's alone");
}

/// The directory `path`, reached from / through directories that only root can change. Those that
/// are missing are made.
Result<Fd> enter(const fs::path& path) {
  Fd here(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  fs::path so_far = "/";
  for (const fs::path& part : path.relative_path()) {
    so_far /= part;
    const bool is_last = so_far == path;
    Fd next(::openat(here.get(), part.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next && errno == ENOENT) {
      const mode_t mode = is_last ? 0700 : 0711;  // whatever the umask: servers pass through
      if (::mkdirat(here.get(), part.c_str(), mode) == 0) {
        ::fchmodat(here.get(), part.c_str(), mode, 0);
      } else if (errno != EEXIST) {
        const int err = errno;
        return fail_errno(err, fmt::format("make {}", so_far.string()));
      }
      next = Fd(::openat(here.get(), part.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    }
    if (!next) {
      const int err = errno;
      if (err == ENOTDIR || err == ELOOP) return in_the_way(so_far, "is not a directory");
      return fail_errno(err, fmt::format("enter {}", so_far.string()));
    }
    struct stat status{};
    if (::fstat(next.get(), &status) != 0) {
      const int err = errno;
      return fail_errno(err, fmt::format("look at {}", so_far.string()));
    }
    if (status.st_uid != 0) return in_the_way(so_far, "does not belong to root");
    if ((status.st_mode & 0022U) != 0) return in_the_way(so_far, "can be written by others");
    here = std::move(next);
  }
  return here;
}

bool is_empty(const fs::path& directory) {
  const auto names = list_directory(directory);
  return names && names->empty();
}

}  // namespace

bool is_mounted(const std::string& dataset, const fs::path& mountpoint) {
  const std::unique_ptr<FILE, CloseTable> table(::setmntent("/proc/self/mounts", "re"));
  if (!table) return false;
  std::string seen;  // the last one at that path lies on top
  mntent entry{};
  std::array<char, 8192> buffer{};
  while (::getmntent_r(table.get(), &entry, buffer.data(), buffer.size()) != nullptr) {
    if (mountpoint != entry.mnt_dir) continue;
    seen = std::string_view(entry.mnt_type) == "zfs" ? entry.mnt_fsname : "";
  }
  return seen == dataset;
}

Result<void> mount_dataset(const std::string& dataset, const fs::path& mountpoint) {
  if (is_mounted(dataset, mountpoint)) return {};
  const Fd directory = TRY(enter(mountpoint));
  const std::string target = fmt::format("/proc/self/fd/{}", directory.get());
  if (!is_empty(target)) {
    return fail_with_hint(Errc::storage,
                          fmt::format("{} is not empty: mounting {} would hide what it holds",
                                      mountpoint.string(), dataset),
                          "look at what it is, and move it away");
  }
  // "zfsutil" is what mount.zfs(8) gives for a dataset whose mountpoint is a property.
  if (::mount(dataset.c_str(), target.c_str(), "zfs", MS_NOSUID | MS_NODEV | MS_NOATIME,
              "zfsutil") == 0) {
    return {};
  }
  const int err = errno;
  ::rmdir(mountpoint.c_str());
  if (err == EBUSY && is_mounted(dataset, mountpoint)) return {};
  return fail_errno(err, fmt::format("mount {} at {}", dataset, mountpoint.string()));
}

Result<void> unmount_dataset(const std::string& dataset, const fs::path& mountpoint) {
  const Deadline deadline(busy_patience);
  while (is_mounted(dataset, mountpoint)) {
    if (::umount2(mountpoint.c_str(), UMOUNT_NOFOLLOW) == 0) continue;
    const int err = errno;
    if (err != EBUSY) {
      return fail_errno(err, fmt::format("unmount {}", mountpoint.string()));
    }
    if (deadline.passed()) {
      return fail_with_hint(Errc::storage,
                            fmt::format("{} is in use: a process works in it", mountpoint.string()),
                            fmt::format("find it with: fuser -vm {}", mountpoint.string()));
    }
    std::this_thread::sleep_for(busy_pause);
  }
  ::rmdir(mountpoint.c_str());  // one that is not empty, or was never made, stays as it is
  return {};
}

}  // namespace velo::storage::zfs
