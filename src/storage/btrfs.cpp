// Volumes as btrfs subvolumes: a clone is one snapshot, which the kernel commits before it returns.
//
// No qgroups: they need root and tax every write. An ordinary user can always make subvolumes and
// snapshots of its own; deleting one in a single call needs the mount option
// user_subvol_rm_allowed, and without it the files go one by one (Linux lets an empty subvolume be
// removed like a directory).

#include <btrfsutil.h>
#include <fcntl.h>

#include <cerrno>
#include <memory>

#include "base/fd.h"
#include "base/files.h"
#include "base/os_user.h"
#include "storage/builtin.h"
#include "storage/directory_volume.h"
#include "storage/place.h"

namespace velo::storage {
namespace {

Result<void> check(btrfs_util_error status, std::string_view doing, const fs::path& path) {
  const int err = errno;
  if (status == BTRFS_UTIL_OK) return {};
  const std::string what = fmt::format("{} {}", doing, path.string());
  // These two come without an errno.
  if (status == BTRFS_UTIL_ERROR_NOT_BTRFS || status == BTRFS_UTIL_ERROR_NOT_SUBVOLUME) {
    return fail(Errc::storage, "cannot {}: {}", what, btrfs_util_strerror(status));
  }
  return fail_errno(err, what);
}

struct FreeIterator {
  void operator()(btrfs_util_subvolume_iterator* it) const {
    btrfs_util_destroy_subvolume_iterator(it);
  }
};

struct Nested {
  fs::path path;  ///< relative to the subvolume that it lies in
  std::uint64_t id;
};

/// The subvolumes below a subvolume, the deepest first.
std::vector<Nested> nested_in(int subvolume) {
  std::vector<Nested> found;
  btrfs_util_subvolume_iterator* raw = nullptr;
  if (btrfs_util_create_subvolume_iterator_fd(
          subvolume, 0, BTRFS_UTIL_SUBVOLUME_ITERATOR_POST_ORDER, &raw) != BTRFS_UTIL_OK) {
    return found;
  }
  const std::unique_ptr<btrfs_util_subvolume_iterator, FreeIterator> iterator(raw);
  char* path = nullptr;
  std::uint64_t id = 0;
  while (btrfs_util_subvolume_iterator_next(iterator.get(), &path, &id) == BTRFS_UTIL_OK) {
    found.push_back({.path = path, .id = id});
    ::free(path);  // NOLINT: the library's malloc
  }
  return found;
}

/// Whether the kernel deleted the subvolume: it has none within, and this user may.
bool delete_at_once(const fs::path& path) {
  bool read_only = false;
  if (btrfs_util_get_subvolume_read_only(path.c_str(), &read_only) == BTRFS_UTIL_OK && read_only) {
    static_cast<void>(btrfs_util_set_subvolume_read_only(path.c_str(), false));
  }
  return btrfs_util_delete_subvolume(path.c_str(), 0) == BTRFS_UTIL_OK;
}

Result<void> remove_subvolume(const fs::path& path) {
  if (delete_at_once(path)) return {};
  return remove_tree(path);
}

/// What a user made inside a volume. The server's user can exchange directories under our feet, so
/// root goes by number and not by path; for anyone else a path leads only to what is theirs.
Result<void> remove_nested(const fs::path& root) {
  const Fd fd = TRY(open_file(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  for (const Nested& one : nested_in(fd.get())) {
    if (running_as_root()) {
      TRY(check(btrfs_util_delete_subvolume_by_id_fd(fd.get(), one.id), "delete", root / one.path));
    } else {
      TRY(remove_subvolume(root / one.path));
    }
  }
  return {};
}

class Btrfs final : public DirectoryVolumeDriver {
 public:
  using DirectoryVolumeDriver::DirectoryVolumeDriver;

  std::string_view name() const override { return btrfs_driver.name; }
  Capabilities capabilities() const override {
    return {.atomic_snapshot = true, .cost = CloneCost::constant, .copies_on_write = true};
  }

 private:
  Result<void> make_root(const fs::path& root) override {
    return check(btrfs_util_create_subvolume(root.c_str(), 0, nullptr, nullptr),
                 "make the subvolume", root);
  }

  Result<void> clone_root(const fs::path& source, const fs::path& target, const OsUser& /*owner*/,
                          const FileFilter& /*leave_out*/) override {
    return check(btrfs_util_create_snapshot(source.c_str(), target.c_str(), 0, nullptr, nullptr),
                 "make a snapshot for", target);
  }

  Result<void> remove_root(const fs::path& root) override {
    if (!path_exists(root)) return {};
    if (!delete_at_once(root)) {
      TRY(remove_nested(root));
      TRY(remove_subvolume(root));
    }
    // The kernel frees a deleted subvolume's space when its transaction thread next wakes up, up to
    // 30 seconds later. This wakes it.
    std::uint64_t transaction = 0;
    static_cast<void>(btrfs_util_start_sync(root.parent_path().c_str(), &transaction));
    return {};
  }

  Accounting accounting() const override { return Accounting::extents; }
};

Result<void> probe(const fs::path& place) {
  if (!is_btrfs(place)) {
    return fail(Errc::unsupported, "{} is on {}", place.string(), file_system_name(place));
  }
  return check_writable(place);
}

std::unique_ptr<Driver> open(const fs::path& place) {
  return std::make_unique<Btrfs>(place);
}

}  // namespace

constinit const DriverInfo btrfs_driver{.name = "btrfs",
                                        .description = "btrfs snapshots, instant whatever the size",
                                        .probe = probe,
                                        .open = open};

}  // namespace velo::storage
