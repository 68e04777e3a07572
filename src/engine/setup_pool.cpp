// The steps that make a btrfs pool in a file, mounted now and after a reboot.

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.h"
#include "base/process.h"
#include "base/size.h"
#include "engine/mounts.h"
#include "engine/setup_steps.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

std::unexpected<Error> fail_on(std::string_view verb, const fs::path& path) {
  const int err = errno;
  return fail_errno(err, fmt::format("{} {}", verb, path.string()));
}

/// A file with holes. Blocks that the host file system keeps for a file's own map count as well, so
/// a preallocated file never looks sparse.
bool is_sparse(const fs::path& file) {
  struct stat status{};
  return ::stat(file.c_str(), &status) == 0 && status.st_blocks * 512 < status.st_size;
}

/// Preallocated by default: when the host fills up, a hole that cannot be filled turns a branch's
/// fsync into an I/O error.
Result<void> give_size(const SetupRequest& request, const Fd& fd, const fs::path& path) {
  const auto size = static_cast<off_t>(request.size);
  if (request.sparse) {
    if (::ftruncate(fd.get(), size) != 0) return fail_on("give its size to", path);
    return {};
  }
  const int err = ::posix_fallocate(fd.get(), 0, size);
  if (err != 0) return fail_errno(err, fmt::format("preallocate {}", path.string()));
  return {};
}

Result<void> format(const fs::path& path, const Cancellation& cancel) {
  const fs::path mkfs = TRY(find_tool("mkfs.btrfs", "btrfs-progs"));
  const Outcome made =
      TRY(run({.argv = {mkfs.string(), "--quiet", "--label", "velo", "--nodiscard", path.string()},
               .environment = clean_environment(),
               .user = {},
               .input = {}},
              10min, cancel));
  if (made.exit_status == 0) return {};
  return std::unexpected(Error{.code = Errc::storage,
                               .message = fmt::format("mkfs.btrfs failed on {} (exit code {})",
                                                      path.string(), made.exit_status),
                               .hint = {},
                               .detail = made.err});
}

/// Beside the name, which the file gets only once it holds a file system and the record knows which
/// one: a crash leaves what the next run throws away.
Result<void> make_file(const SetupWorld& world, const Note& note) {
  const SetupRequest& request = world.request;
  const fs::path beside = request.file.string() + ".new";
  TRY(remove_file(beside));
  const Fd fd = TRY(open_file(beside, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  TRY(give_size(request, fd, beside));
  TRY(format(beside, world.cancel));
  if (::fsync(fd.get()) != 0) return fail_on("sync", beside);
  TRY(note("file_system", TRY(btrfs_id(beside))));
  if (::rename(beside.c_str(), request.file.c_str()) != 0) return fail_on("rename", beside);
  return sync_directory(request.file.parent_path());
}

/// What user_subvol_rm_allowed and nodiscard are for: users delete their own branches without root,
/// and a preallocated file keeps its blocks (btrfs's default discard would punch holes into it).
std::string btrfs_options(const SetupRequest& request) {
  return is_sparse(request.file) ? "user_subvol_rm_allowed" : "user_subvol_rm_allowed,nodiscard";
}

Result<void> mount_file(const SetupRequest& request, const Note& note) {
  if (!path_exists(request.mount_point)) {
    TRY(note("made_directory", "yes"));
    TRY(create_directory(request.mount_point, 0755));
  }
  std::string device;
  LoopDevice made;
  if (const auto attached = loop_device_of(request.file)) {
    device = *attached;
  } else {
    made = TRY(attach_loop_device(request.file));
    device = made.path;
  }
  if (::mount(device.c_str(), request.mount_point.c_str(), "btrfs", MS_NOATIME,
              btrfs_options(request).c_str()) != 0) {
    return fail_on(fmt::format("mount {} at", request.file.string()), request.mount_point);
  }
  return {};
}

Result<void> make_directory(const SetupRequest& request) {
  const fs::path directory = request.mount_point / "velo";
  TRY(ensure_directory(directory, 01777));
  if (::chmod(directory.c_str(), 01777) != 0) return fail_on("set the mode of", directory);
  return sync_directory(request.mount_point);
}

Result<void> add_to_fstab(const SetupWorld& world, const Note& note) {
  const SetupRequest& request = world.request;
  const fs::path path = fs::weakly_canonical(request.fstab);  // the file, not a link to it
  std::string text;
  mode_t mode = 0644;
  if (path_exists(path)) {
    text = TRY(read_file(path));
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0) mode = status.st_mode & 07777U;
  } else {
    TRY(note("made_file", "yes"));
  }
  std::string added = "# Velo's pool, made by `velo setup`\n";
  added += to_text({.source = request.file.string(),
                    .target = request.mount_point.string(),
                    .type = "btrfs",
                    .options = "loop,noatime,nofail," + btrfs_options(request)});
  if (!text.empty() && !text.ends_with('\n')) added.insert(0, "\n");
  TRY(note("added", added));
  TRY(write_file_durably(path, text + added, mode));
  if (!reload_systemd(path, world.cancel)) {
    world.observer.warning("systemd did not reload; run systemctl daemon-reload");
  }
  return {};
}

std::string file_step(const SetupWorld& world) {
  const SetupRequest& request = world.request;
  if (world.found.file) return fmt::format("Make {}", request.file.string());
  return fmt::format("Make {}, {}, {}", request.file.string(), to_size(request.size),
                     request.sparse ? "sparse" : "preallocated");
}

}  // namespace

std::vector<Step> pool_steps(const SetupWorld& world) {
  const SetupRequest& request = world.request;
  const std::string file = request.file.string();
  const std::string target = request.mount_point.string();
  return {{.description = file_step(world),
           .already_done = world.found.file,
           .deed = {.kind = "pool_file", .args = {{"file", file}, {"mount_point", target}}},
           .work = [&world](const Note& note) { return make_file(world, note); },
           .new_groups_of = {}},
          {.description = fmt::format("Mount it at {} with direct I/O", target),
           .already_done = world.found.mounted,
           .deed = {.kind = "mount", .args = {{"file", file}, {"mount_point", target}}},
           .work = [&world](const Note& note) { return mount_file(world.request, note); },
           .new_groups_of = {}},
          {.description = fmt::format("Open {}/velo to all users", target),
           .already_done = world.found.directory,
           .deed = {},
           .work = [&world](const Note&) { return make_directory(world.request); },
           .new_groups_of = {}},
          {.description = fmt::format("Mount it at boot ({})", request.fstab.string()),
           .already_done = world.found.fstab,
           .deed = {.kind = "fstab", .args = {{"fstab", request.fstab.string()}}},
           .work = [&world](const Note& note) { return add_to_fstab(world, note); },
           .new_groups_of = {}}};
}

}  // namespace velo::engine
