#include "storage/place.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

#include "base/files.h"
#include "base/os_user.h"

namespace velo::storage {
namespace {

// Not all of them are in <linux/magic.h>: ZFS and bcachefs live outside it.
struct KnownFileSystem {
  long magic;
  std::string_view name;
};
constexpr std::array known{
    KnownFileSystem{BTRFS_SUPER_MAGIC, "btrfs"},
    KnownFileSystem{XFS_SUPER_MAGIC, "XFS"},
    KnownFileSystem{EXT4_SUPER_MAGIC, "ext4"},
    KnownFileSystem{TMPFS_MAGIC, "tmpfs"},
    KnownFileSystem{OVERLAYFS_SUPER_MAGIC, "overlayfs"},
    KnownFileSystem{NFS_SUPER_MAGIC, "NFS"},
    KnownFileSystem{0x2fc12fc1, "ZFS"},
    KnownFileSystem{0xca451a4e, "bcachefs"},
    KnownFileSystem{F2FS_SUPER_MAGIC, "F2FS"},
    KnownFileSystem{0x65735546, "FUSE"},
};

}  // namespace

fs::path nearest_directory(const fs::path& place) {
  std::error_code ignored;
  fs::path path = place / "velo";
  while (path.has_relative_path() && !fs::exists(path, ignored)) path = path.parent_path();
  return path;
}

Result<void> check_writable(const fs::path& place) {
  const fs::path directory = nearest_directory(place);
  std::error_code ignored;
  if (!fs::is_directory(directory, ignored)) {
    return fail_with_hint(Errc::storage, fmt::format("{} is not a directory", directory.string()),
                          "name a directory, for example --pool /srv/velo");
  }
  const Space space = TRY(space_of(directory));
  if (space.size == 0) {  // proc, sysfs and the like
    return fail_with_hint(
        Errc::storage,
        fmt::format("{} is on a file system that stores no data", directory.string()),
        "name a directory on a disk, for example --pool /srv/velo");
  }
  if (space.read_only) {
    return fail_with_hint(
        Errc::permission,
        fmt::format("{} is on a file system that is mounted read-only", directory.string()),
        fmt::format(
            "mount it for writing (findmnt -T {} shows what it is), or choose another place",
            directory.string()));
  }
  if (::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    const int err = errno;
    const auto user = current_user();
    auto error = fail_errno(
        err, fmt::format("write to {} as {}", directory.string(), user ? user->name : "this user"));
    if (error.error().hint.empty()) {
      error.error().hint = "have its owner or root give this user write access, or choose another";
    }
    return error;
  }
  return {};
}

std::string file_system_name(const fs::path& place) {
  const auto magic = file_system_magic(nearest_directory(place));
  if (!magic) return "an unknown file system";
  for (const KnownFileSystem& one : known) {
    if (one.magic == *magic) return std::string(one.name);
  }
  return fmt::format("a file system of type {:#x}", static_cast<unsigned long>(*magic));
}

bool is_btrfs(const fs::path& place) {
  const auto magic = file_system_magic(nearest_directory(place));
  return magic && *magic == BTRFS_SUPER_MAGIC;
}

}  // namespace velo::storage
