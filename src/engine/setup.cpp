#include "engine/setup.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <ranges>

#include "base/files.h"
#include "base/lock.h"
#include "base/os_user.h"
#include "base/process.h"
#include "base/size.h"
#include "base/time.h"
#include "engine/mounts.h"
#include "engine/setup_checks.h"

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

/// Undoes, latest first, what was made by a setup that fails.
class Rollback {
 public:
  Rollback() = default;
  Rollback(const Rollback&) = delete;
  Rollback& operator=(const Rollback&) = delete;
  Rollback(Rollback&&) = delete;
  Rollback& operator=(Rollback&&) = delete;
  ~Rollback() {
    for (const auto& undo : undos_ | std::views::reverse) undo();
  }
  void add(std::function<void()> undo) { undos_.push_back(std::move(undo)); }
  void dismiss() { undos_.clear(); }

 private:
  std::vector<std::function<void()>> undos_;
};

class Setup {
 public:
  Setup(const SetupRequest& request, const Found& found, Observer& observer,
        const Cancellation& cancel)
      : request_(request), found_(found), observer_(observer), cancel_(cancel) {}

  Result<std::vector<SetupStep>> work() {
    const std::string target = request_.mount_point.string();
    if (!request_.dry_run) observer_.begin(fmt::format("Setting up a pool at {}", target));
    TRY(step(file_step(), found_.file, [&] { return make_file(); }));
    TRY(step(fmt::format("Mount it at {} with direct I/O", target), found_.mounted,
             [&] { return mount_file(); }));
    TRY(step(fmt::format("Open {}/velo to all users", target), found_.directory,
             [&] { return make_directory(); }));
    TRY(step(fmt::format("Mount it at boot ({})", request_.fstab.string()), found_.fstab,
             [&] { return add_to_fstab(); }));
    rollback_.dismiss();
    return std::move(steps_);
  }

 private:
  std::string file_step() const {
    if (found_.file) return fmt::format("Make {}", request_.file.string());
    return fmt::format("Make {}, {}, {}", request_.file.string(), to_size(request_.size),
                       request_.sparse ? "sparse" : "preallocated");
  }

  Result<void> step(const std::string& name, bool already_done,
                    const std::function<Result<void>()>& work) {
    steps_.push_back({.description = name, .already_done = already_done});
    if (already_done || request_.dry_run) return {};
    TRY(cancel_.check());
    const Stopwatch watch;
    observer_.step_started(name);
    TRY(work());
    observer_.step_finished(name, watch.elapsed());
    return {};
  }

  /// Beside the name, which the file gets only once it holds a file system: a crash leaves what the
  /// next run throws away.
  Result<void> make_file() {
    // 0711: root's VELO_HOME may be this very directory, and servers run as another user.
    TRY(ensure_directory(request_.file.parent_path(), 0711));
    const fs::path beside = request_.file.string() + ".new";
    TRY(remove_file(beside));
    rollback_.add([beside] { (void)remove_file(beside); });
    const Fd fd = TRY(open_file(beside, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    TRY(give_size(fd, beside));
    TRY(format(beside));
    if (::fsync(fd.get()) != 0) return fail_on("sync", beside);
    if (::rename(beside.c_str(), request_.file.c_str()) != 0) return fail_on("rename", beside);
    rollback_.add([file = request_.file] { (void)remove_file(file); });
    return sync_directory(request_.file.parent_path());
  }

  /// Preallocated by default: when the host fills up, a hole that cannot be filled turns a branch's
  /// fsync into an I/O error.
  Result<void> give_size(const Fd& fd, const fs::path& path) const {
    const auto size = static_cast<off_t>(request_.size);
    if (request_.sparse) {
      if (::ftruncate(fd.get(), size) != 0) return fail_on("give its size to", path);
      return {};
    }
    const int err = ::posix_fallocate(fd.get(), 0, size);
    if (err != 0) return fail_errno(err, fmt::format("preallocate {}", path.string()));
    return {};
  }

  Result<void> format(const fs::path& path) const {
    const fs::path mkfs = TRY(find_tool("mkfs.btrfs", "btrfs-progs"));
    const Outcome made = TRY(
        run({.argv = {mkfs.string(), "--quiet", "--label", "velo", "--nodiscard", path.string()},
             .environment = clean_environment(),
             .user = {},
             .input = {}},
            10min, cancel_));
    if (made.exit_status == 0) return {};
    return std::unexpected(Error{.code = Errc::storage,
                                 .message = fmt::format("mkfs.btrfs failed on {} (exit code {})",
                                                        path.string(), made.exit_status),
                                 .hint = {},
                                 .detail = made.err});
  }

  /// What user_subvol_rm_allowed and nodiscard are for: users delete their own branches without
  /// root, and a preallocated file keeps its blocks (btrfs's default discard would punch holes into
  /// it).
  std::string btrfs_options() const {
    return is_sparse(request_.file) ? "user_subvol_rm_allowed" : "user_subvol_rm_allowed,nodiscard";
  }

  Result<void> mount_file() {
    TRY(ensure_directory(request_.mount_point.parent_path(), 0711));
    if (!path_exists(request_.mount_point)) {
      TRY(create_directory(request_.mount_point, 0755));
      rollback_.add([target = request_.mount_point] { ::rmdir(target.c_str()); });
    }
    std::string device;
    LoopDevice made;
    if (const auto attached = loop_device_of(request_.file)) {
      device = *attached;
    } else {
      made = TRY(attach_loop_device(request_.file));
      device = made.path;
    }
    if (::mount(device.c_str(), request_.mount_point.c_str(), "btrfs", MS_NOATIME,
                btrfs_options().c_str()) != 0) {
      return fail_on(fmt::format("mount {} at", request_.file.string()), request_.mount_point);
    }
    rollback_.add([target = request_.mount_point] { ::umount2(target.c_str(), 0); });
    return {};
  }

  Result<void> make_directory() const {
    const fs::path directory = request_.mount_point / "velo";
    TRY(ensure_directory(directory, 01777));
    if (::chmod(directory.c_str(), 01777) != 0) return fail_on("set the mode of", directory);
    return sync_directory(request_.mount_point);
  }

  Result<void> add_to_fstab() const {
    const fs::path path = fs::weakly_canonical(request_.fstab);  // the file, not a link to it
    std::string text;
    mode_t mode = 0644;
    if (path_exists(path)) {
      text = TRY(read_file(path));
      struct stat status{};
      if (::stat(path.c_str(), &status) == 0) mode = status.st_mode & 07777U;
    }
    if (!text.empty() && !text.ends_with('\n')) text += '\n';
    text += "# Velo's pool, made by `velo setup`\n";
    text += to_text({.source = request_.file.string(),
                     .target = request_.mount_point.string(),
                     .type = "btrfs",
                     .options = "loop,noatime,nofail," + btrfs_options()});
    TRY(write_file_durably(path, text, mode));
    if (path == "/etc/fstab") reload_systemd();
    return {};
  }

  /// systemd reads fstab at boot and when told; without this it would complain at the next mount.
  void reload_systemd() const {
    const auto systemctl = find_tool("systemctl", "systemd");
    if (!systemctl || !path_exists("/run/systemd/system")) return;
    const auto outcome = run({.argv = {systemctl->string(), "daemon-reload"},
                              .environment = clean_environment(),
                              .user = {},
                              .input = {}},
                             30s, cancel_);
    if (!outcome || outcome->exit_status != 0) {
      observer_.warning("systemd did not reload; run systemctl daemon-reload");
    }
  }

  const SetupRequest& request_;
  const Found& found_;
  Observer& observer_;
  const Cancellation& cancel_;
  std::vector<SetupStep> steps_;
  Rollback rollback_;
};

Result<fs::path> clean_path(const fs::path& path) {
  if (!path.is_absolute()) return fail(Errc::usage, "{} is not an absolute path", path.string());
  std::error_code ignored;
  fs::path clean = fs::weakly_canonical(path, ignored);
  if (ignored) clean = path.lexically_normal();
  return clean.has_filename() ? clean : clean.parent_path();
}

}  // namespace

Result<std::vector<SetupStep>> setup_pool(const SetupRequest& given, Observer& observer,
                                          const Cancellation& cancel) {
  SetupRequest request = given;
  request.file = TRY(clean_path(given.file));
  request.mount_point = TRY(clean_path(given.mount_point));
  std::optional<FileLock> lock;  // two setups at once would format each other's file
  if (!request.dry_run && running_as_root()) {
    lock = TRY(FileLock::acquire("/run/velo-setup.lock", LockMode::exclusive, 10min, cancel, {}));
  }
  const Found found = TRY(look_around(request));
  TRY(check_request(request, found));
  return Setup(request, found, observer, cancel).work();
}

void ensure_direct_io(const fs::path& mount_point) {
  if (!running_as_root()) return;
  const auto all = mounts();
  if (!all) return;
  const auto mount = mounted_at(*all, mount_point);
  if (mount && mount->source.starts_with("/dev/loop")) set_direct_io(mount->source);
}

}  // namespace velo::engine
