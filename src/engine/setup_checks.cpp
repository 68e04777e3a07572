#include "engine/setup_checks.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/crypto.h"
#include "base/files.h"
#include "base/os_user.h"
#include "base/size.h"
#include "engine/mounts.h"
#include "storage/registry.h"

namespace velo::engine {
namespace {

/// Below this btrfs has no room for its own trees beside one cluster.
constexpr std::uint64_t smallest_pool = 256ULL << 20U;

/// The magic of a btrfs superblock (btrfs on-disk format: the superblock is at 64 KiB, its magic 64
/// bytes into it). A file that we may not read counts as one, so that a dry run needs no root.
Result<bool> holds_btrfs(const fs::path& file) {
  constexpr std::string_view magic = "_BHRfS_M";
  const auto fd = open_file(file, O_RDONLY | O_NOFOLLOW);
  if (!fd && fd.error().code == Errc::permission) return true;
  if (!fd) return std::unexpected(fd.error());
  std::array<char, magic.size()> bytes{};
  if (::pread(fd->get(), bytes.data(), bytes.size(), 0x10040) < 0) {
    return fail_errno(errno, fmt::format("read {}", file.string()));
  }
  return std::string_view(bytes.data(), bytes.size()) == magic;
}

/// Mounting over a directory hides what is in it: branches, when it was a pool of another driver.
Result<void> check_mount_point(const fs::path& target) {
  if (!path_exists(target)) return {};
  auto names = list_directory(target);
  if (!names && names.error().code == Errc::permission) return {};
  if (!names) return std::unexpected(names.error());
  std::erase_if(*names, [&](const std::string& name) {
    const auto inside = list_directory(target / name);
    return name == "velo" && inside && inside->empty();
  });
  if (names->empty()) return {};
  return fail_with_hint(
      Errc::in_use,
      fmt::format("{} is not empty: a pool mounted there would hide what it holds",
                  target.string()),
      "choose another directory with --mount, or move its content away first");
}

Result<bool> check_fstab(const SetupRequest& request) {
  if (!path_exists(request.fstab)) return false;
  const auto line = find_in_fstab(TRY(read_file(request.fstab)), request.mount_point.string());
  if (!line) return false;
  if (line->source == request.file.string()) return true;
  return fail_with_hint(Errc::already_exists,
                        fmt::format("{} already mounts {} at {}", request.fstab.string(),
                                    line->source, request.mount_point.string()),
                        "remove that line, or choose another directory with --mount");
}

Result<void> check_file(const SetupRequest& request, const std::vector<Mount>& all) {
  if (!TRY(holds_btrfs(request.file))) {
    return fail_with_hint(
        Errc::already_exists,
        fmt::format("{} exists and holds no btrfs; it was left alone", request.file.string()),
        "choose another file with --file, or remove this one yourself");
  }
  const auto device = loop_device_of(request.file);
  if (!device) return {};
  for (const Mount& mount : all) {
    if (mount.source == *device && mount.target != request.mount_point) {
      return fail(Errc::in_use, "{} is already mounted at {}", request.file.string(),
                  mount.target.string());
    }
  }
  return {};
}

/// Why no driver has a pool of its own to share: " (zfs: this machine's kernel has no ZFS loaded)".
std::string why_no_pool() {
  std::string reasons;
  for (const storage::DriverInfo& driver : storage::drivers()) {
    if (driver.sharing == nullptr) continue;
    const auto usable = driver.probe("");
    if (usable) continue;
    reasons +=
        fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", driver.name, usable.error().message);
  }
  return reasons.empty() ? "" : fmt::format(" ({})", reasons);
}

bool is_open_to_all(const fs::path& directory) {
  struct stat status{};
  return ::stat(directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         (status.st_mode & 07777U) == 01777;
}

/// The nearest directory above that exists, where a new file would take its space from.
fs::path existing_parent(fs::path path) {
  do {
    path = path.parent_path();
  } while (!path_exists(path) && path.has_relative_path());
  return path;
}

Result<void> check_space(const SetupRequest& request) {
  const fs::path where = existing_parent(request.file);
  const Space space = TRY(space_of(where));
  if (request.sparse || space.free >= request.size) return {};
  return fail_with_hint(
      Errc::no_space,
      fmt::format("{} needs {}, and the file system of {} has {} free", request.file.string(),
                  to_size(request.size), where.string(), to_size(space.free)),
      "take a smaller --size, or a --file on a larger disk");
}

}  // namespace

Result<std::string> btrfs_id(const fs::path& file) {
  constexpr std::size_t id_size = 16;
  constexpr off_t id_at = 0x10020;  // the superblock's fsid
  if (!TRY(holds_btrfs(file))) return fail(Errc::storage, "{} holds no btrfs", file.string());
  const Fd fd = TRY(open_file(file, O_RDONLY | O_NOFOLLOW));
  std::string id(id_size, '\0');
  if (::pread(fd.get(), id.data(), id.size(), id_at) != static_cast<ssize_t>(id_size)) {
    return fail(Errc::storage, "{} holds no whole btrfs", file.string());
  }
  return to_hex(id);
}

Result<fs::path> find_tool(std::string_view name, std::string_view package) {
  for (const std::string_view directory :
       {"/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/bin"}) {
    fs::path path = fs::path(directory) / name;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return fail_with_hint(Errc::unsupported, fmt::format("{} is not installed", name),
                        fmt::format("sudo apt install {}", package));
}

Result<Found> look_around(const SetupRequest& request) {
  const auto all = TRY(mounts());
  Found found;
  if (const auto mount = mounted_at(all, request.mount_point)) {
    if (mount->type != "btrfs") {
      return fail_with_hint(Errc::in_use,
                            fmt::format("{} is mounted at {} already ({})", mount->source,
                                        request.mount_point.string(), mount->type),
                            "choose another directory with --mount");
    }
    found.mounted = true;
    const auto device = loop_device_of(request.file);
    found.mounted_from_file = device && *device == mount->source;
  } else {
    TRY(check_mount_point(request.mount_point));
  }
  found.file = path_exists(request.file);
  // A pool of another origin needs neither the file nor a line about it.
  if (found.mounted && !found.mounted_from_file) found.file = found.fstab = true;
  if (found.file && !found.mounted) TRY(check_file(request, all));
  if (!found.fstab) found.fstab = TRY(check_fstab(request));
  found.directory = found.mounted && is_open_to_all(request.mount_point / "velo");
  return found;
}

Result<void> check_is_root(const SetupRequest& request) {
  if (request.dry_run || running_as_root()) return {};
  return fail_with_hint(Errc::permission, "velo setup needs root",
                        "sudo velo setup, with the same options");
}

Result<void> check_request(const SetupRequest& request, const Found& found) {
  if (!request.dry_run && !running_as_root()) {
    return fail_with_hint(Errc::permission, "velo setup needs root",
                          fmt::format("sudo velo setup --size {}",
                                      request.size == 0 ? "20G" : to_size_argument(request.size)));
  }
  if (found.file) return {};
  if (request.size == 0) {
    return fail_with_hint(
        Errc::usage,
        fmt::format("there is no pool to set up{}; setup would make a btrfs pool in {}, mounted at "
                    "{}: how large should it be?",
                    why_no_pool(), request.file.string(), request.mount_point.string()),
        "sudo velo setup --size 20G");
  }
  if (request.size < smallest_pool) {
    return fail_with_hint(
        Errc::usage,
        fmt::format("a pool of {} is too small: at least {} are needed",
                    to_size_argument(request.size), to_size_argument(smallest_pool)),
        "leave room for what databases become: velo setup --size 20G");
  }
  TRY(find_tool("mkfs.btrfs", "btrfs-progs"));
  return check_space(request);
}

}  // namespace velo::engine
