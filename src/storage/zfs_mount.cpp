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

enum class Missing { make, refuse };

/// The directory `path`, reached from / through directories that only root can change. Those that
/// are missing are made, or are Errc::not_found.
Result<Fd> enter(const fs::path& path, Missing missing) {
  Fd here(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  fs::path so_far = "/";
  for (const fs::path& part : path.relative_path()) {
    so_far /= part;
    Fd next(::openat(here.get(), part.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next && errno == ENOENT && missing == Missing::make) {
      // Whatever the umask: servers pass through. Of what is not mounted its owner must see that it
      // is empty, and can see no more.
      constexpr mode_t mode = 0711;
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

/// What is at the mountpoint, named from the directory above it, which nobody else can exchange. (A
/// descriptor of the mount itself would keep it from being unmounted.)
class Mountpoint {
 public:
  static Result<Mountpoint> find(const fs::path& path) {
    return Mountpoint(TRY(enter(path.parent_path(), Missing::refuse)), path.filename());
  }

  int unmount() const {
    const std::string target = fmt::format("/proc/self/fd/{}/{}", above_.get(), name_);
    return ::umount2(target.c_str(), UMOUNT_NOFOLLOW);
  }
  /// One that is not empty stays as it is.
  void remove() const { ::unlinkat(above_.get(), name_.c_str(), AT_REMOVEDIR); }
  int look(struct stat& status) const {
    return ::fstatat(above_.get(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW);
  }

 private:
  Mountpoint(Fd above, std::string name) : above_(std::move(above)), name_(std::move(name)) {}

  Fd above_;
  std::string name_;
};

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
  const Fd directory = TRY(enter(mountpoint, Missing::make));
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
  if (const auto made = Mountpoint::find(mountpoint)) made->remove();
  if (err == EBUSY && is_mounted(dataset, mountpoint)) return {};
  return fail_errno(err, fmt::format("mount {} at {}", dataset, mountpoint.string()));
}

Result<void> unmount_dataset(const std::string& dataset, const fs::path& mountpoint) {
  const auto found = Mountpoint::find(mountpoint);
  const Deadline deadline(busy_patience);
  while (is_mounted(dataset, mountpoint)) {
    if (!found) return std::unexpected(found.error());
    if (found->unmount() == 0) continue;
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
  if (found) found->remove();
  return {};
}

Result<uid_t> owner_of_mounted(const fs::path& mountpoint) {
  struct stat status{};
  if (TRY(Mountpoint::find(mountpoint)).look(status) != 0) {
    const int err = errno;
    return fail_errno(err, fmt::format("look at {}", mountpoint.string()));
  }
  return status.st_uid;
}

}  // namespace velo::storage::zfs
