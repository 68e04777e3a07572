#include "storage/directory_volume.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/fault.h"
#include "base/fd.h"
#include "base/files.h"
#include "storage/mark.h"

namespace velo::storage {
namespace {

/// The kinds that driver.h promises, for the errors of what lies below.
template <class T>
Result<T> as_storage(Result<T> result) {
  if (!result && (result.error().code == Errc::failed || result.error().code == Errc::in_use)) {
    result.error().code = Errc::storage;
  }
  return result;
}

Result<void> check_name(const std::string& volume) {
  if (!volume.empty() && volume.front() != '.' && volume.find('/') == std::string::npos &&
      volume.find('\0') == std::string::npos) {
    return {};
  }
  return fail(Errc::storage, "\"{}\" cannot name a volume", volume);
}

constexpr std::string_view remedy_for_missing =
    "is its file system mounted? findmnt and /etc/fstab say";

/// Only what is surely not there is not.
Result<bool> is_there(const fs::path& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) return true;
  const int err = errno;
  if (err == ENOENT || err == ENOTDIR) return false;
  return fail_errno(err, fmt::format("look at {}", path.string()));
}

mode_t mode_for_servers() {
  return running_as_root() ? 0711 : 0700;
}

}  // namespace

Result<void> give_root(const fs::path& root, const OsUser& owner) {
  const Fd fd = TRY(open_file(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  const bool same_user = owner.uid == ::geteuid() && owner.gid == ::getegid();
  if ((!same_user && ::fchown(fd.get(), owner.uid, owner.gid) != 0) ||
      ::fchmod(fd.get(), 0700) != 0) {
    const int err = errno;
    return fail_errno(err, fmt::format("give {} to {}", root.string(), owner.name));
  }
  return {};
}

fs::path DirectoryVolumeDriver::root_of(const std::string& volume) const {
  return directory_of(volume) / "fs";
}

Result<void> DirectoryVolumeDriver::prepare_base() const {
  if (!path_exists(base())) {
    TRY(ensure_directory(place_, mode_for_servers()));
    TRY(ensure_directory(base(), mode_for_servers()));
    TRY(sync_directory(place_));
    TRY(sync_directory(place_.parent_path()));
  }
  struct stat status{};
  if (::lstat(base().c_str(), &status) != 0) {
    const int err = errno;
    return fail_errno(err, fmt::format("look at {}", base().string()));
  }
  if (!S_ISDIR(status.st_mode)) {
    return fail(Errc::storage, "{} is not a directory", base().string());
  }
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return fail(Errc::permission,
                "{} belongs to another user (uid {}), who could exchange the volumes in it",
                base().string(), status.st_uid);
  }
  return {};
}

/// Held open while something is looked for in it, so that "it is not there" is no unmounting.
Result<Fd> DirectoryVolumeDriver::open_base() const {
  auto opened = open_file(base(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (opened || opened.error().code != Errc::not_found) return opened;
  return fail_with_hint(
      Errc::storage,
      fmt::format("the pool {} is not mounted, or its directory was moved: there is no {}",
                  place_.string(), base().string()),
      fmt::format("mount it (findmnt and /etc/fstab tell what belongs there) or put the directory "
                  "back; only where all that it held is lost for good: mkdir -p {}, then try again",
                  base().string()));
}

Result<void> DirectoryVolumeDriver::prepare() {
  return as_storage(prepare_base());
}

Result<void> DirectoryVolumeDriver::check_there() const {
  auto opened = as_storage(open_base());
  if (!opened) return std::unexpected(std::move(opened).error());
  return {};
}

Result<void> DirectoryVolumeDriver::claim(const std::string& volume, const Mark& mark) {
  TRY(check_name(volume));
  TRY(prepare_base());
  if (auto made = create_directory(directory_of(volume), 0700); !made) {
    if (made.error().code == Errc::already_exists) {
      return fail(Errc::already_exists, "the volume {} already exists in {}", volume,
                  base().string());
    }
    return made;
  }
  auto marked = fault_point(Fault::volume_claimed);
  if (marked) marked = write_mark(directory_of(volume), mark);
  if (marked) marked = fault_point(Fault::volume_marked);
  return marked ? Result<void>{} : take_back(volume, std::move(marked));
}

/// Lets a server that runs as another user reach its root.
Result<void> DirectoryVolumeDriver::open_to(const std::string& volume, const OsUser& owner) const {
  const fs::path directory = directory_of(volume);
  if (owner.uid == ::geteuid() || ::chmod(directory.c_str(), 0711) == 0) return {};
  const int err = errno;
  return fail_errno(err, fmt::format("set the mode of {}", directory.string()));
}

/// The last step of create and clone: makes the names durable, or takes everything back. The two
/// syncs cost next to nothing after a snapshot or a sync of the file system.
Result<void> DirectoryVolumeDriver::settle(const std::string& volume, Result<void> made) {
  if (made) made = fault_point(Fault::volume_filled);
  if (made) made = sync_directory(root_of(volume));
  if (made) made = sync_directory(directory_of(volume));
  if (made) made = sync_directory(base());
  return made ? Result<void>{} : take_back(volume, std::move(made));
}

/// Removes what was made before `failure`, which is returned.
Result<void> DirectoryVolumeDriver::take_back(const std::string& volume, Result<void> failure) {
  auto removed = remove_root(root_of(volume));
  if (removed) removed = remove_claim(volume);
  if (!removed) {
    failure.error().detail = "what was made of it is still there: " + removed.error().message;
  }
  return failure;
}

Result<void> DirectoryVolumeDriver::create(const std::string& volume, const Mark& mark,
                                           const OsUser& owner) {
  const auto make = [&]() -> Result<void> {
    TRY(make_root(root_of(volume)));
    TRY(give_root(root_of(volume), owner));
    return open_to(volume, owner);
  };
  if (auto claimed = claim(volume, mark); !claimed) return as_storage(std::move(claimed));
  return as_storage(settle(volume, make()));
}

Result<void> DirectoryVolumeDriver::clone(const std::string& source, const std::string& target,
                                          const Mark& mark, const OsUser& owner,
                                          const FileFilter& leave_out) {
  const auto prepare = [&]() -> Result<void> {
    TRY(check_name(source));
    if (!path_exists(root_of(source))) {
      return fail(Errc::not_found, "there is no volume {} in {}", source, base().string());
    }
    return claim(target, mark);
  };
  const auto make = [&]() -> Result<void> {
    TRY(open_to(target, owner));
    return clone_root(root_of(source), root_of(target), owner, leave_out);
  };
  if (auto prepared = prepare(); !prepared) return as_storage(std::move(prepared));
  return as_storage(settle(target, make()));
}

Result<void> DirectoryVolumeDriver::check_ours(const std::string& volume,
                                               const std::string& home_id) const {
  const fs::path directory = directory_of(volume);
  struct stat status{};
  if (::lstat(directory.c_str(), &status) != 0) {
    const int err = errno;
    return fail_errno(err, fmt::format("look at {}", directory.string()));
  }
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid()) {
    return fail(Errc::storage, "{} was not made by this user; it was left alone",
                directory.string());
  }
  const auto mark = read_mark(directory);
  if (mark) {
    if (mark->home_id == home_id) return {};
    return fail(Errc::storage, "{} belongs to another Velo home ({}); it was left alone",
                directory.string(), mark->home_id);
  }
  if (mark.error().code != Errc::not_found && mark.error().code != Errc::storage) {
    return std::unexpected(mark.error());
  }
  const auto names = TRY(list_directory(directory));
  if (std::ranges::all_of(names, &is_mark_or_draft)) return {};
  return fail(Errc::storage, "{} carries no mark of Velo's; it was left alone", directory.string());
}

Result<void> DirectoryVolumeDriver::remove_claim(const std::string& volume) const {
  const fs::path directory = directory_of(volume);
  TRY(fault_point(Fault::volume_emptied));
  TRY(remove_mark(directory));
  TRY(fault_point(Fault::volume_unmarked));
  if (::rmdir(directory.c_str()) != 0 && errno != ENOENT) {
    const int err = errno;
    return fail_errno(err, fmt::format("remove {}", directory.string()));
  }
  return sync_directory(base());
}

Result<void> DirectoryVolumeDriver::remove(const std::string& volume, const std::string& home_id) {
  const auto take_away = [&]() -> Result<void> {
    TRY(check_name(volume));
    const Fd in = TRY(open_base());
    struct stat status{};
    if (::fstatat(in.get(), volume.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      const int err = errno;
      if (err == ENOENT) return {};
      return fail_errno(err, fmt::format("look at {}", directory_of(volume).string()));
    }
    TRY(check_ours(volume, home_id));
    TRY(remove_root(root_of(volume)));
    return remove_claim(volume);
  };
  return as_storage(take_away());
}

Result<void> DirectoryVolumeDriver::attach(const std::string& /*volume*/) {
  return {};
}
Result<void> DirectoryVolumeDriver::detach(const std::string& /*volume*/) {
  return {};
}

Result<Presence> DirectoryVolumeDriver::presence_of(const std::string& volume) const {
  TRY(check_name(volume));
  if (TRY(is_there(root_of(volume)))) return Presence::attached;
  TRY(check_there());
  return Presence::gone;
}

Result<Mark> DirectoryVolumeDriver::mark_of(const std::string& volume) const {
  TRY(check_name(volume));
  auto mark = read_mark(directory_of(volume));
  if (mark || mark.error().code == Errc::permission) return mark;
  return fail(Errc::not_found, "there is no volume {} of Velo's in {}: {}", volume, base().string(),
              mark.error().message);
}

Result<void> DirectoryVolumeDriver::update_mark(const std::string& volume, const Mark& mark) {
  if (TRY(mark_of(volume)).home_id != mark.home_id) {
    return fail(Errc::not_found, "{} belongs to another Velo home", directory_of(volume).string());
  }
  return as_storage(replace_mark(directory_of(volume), mark));
}

Result<std::vector<std::string>> DirectoryVolumeDriver::list() const {
  auto names = list_directory(base());
  if (!names) {
    if (names.error().code == Errc::not_found) return std::vector<std::string>{};
    return as_storage(std::move(names));
  }
  std::erase_if(*names, [&](const std::string& name) {
    return !check_name(name) || !read_mark(directory_of(name));
  });
  return names;
}

Result<std::vector<Sizes>> DirectoryVolumeDriver::measure(
    const std::vector<std::string>& volumes) const {
  std::vector<fs::path> roots;
  roots.reserve(volumes.size());
  for (const std::string& volume : volumes) roots.push_back(root_of(volume));
  return measure_trees(roots, accounting());
}

Result<PoolState> DirectoryVolumeDriver::pool_state() const {
  struct statvfs status{};
  if (::statvfs(place_.c_str(), &status) != 0) {
    const int err = errno;
    const bool missing = err == ENOENT || err == ENOTDIR;
    if (!missing) return PoolState{.health = std::generic_category().message(err)};
    return PoolState{.health = "MISSING", .remedy = std::string(remedy_for_missing)};
  }
  const std::uint64_t block = status.f_frsize;
  const bool read_only = (status.f_flag & ST_RDONLY) != 0;
  return PoolState{.health = read_only ? "READ-ONLY" : "ONLINE",
                   .size = status.f_blocks * block,
                   .used = (status.f_blocks - status.f_bfree) * block,
                   .free = status.f_bavail * block,
                   .remedy = read_only ? "see dmesg for why, then remount it" : ""};
}

}  // namespace velo::storage
