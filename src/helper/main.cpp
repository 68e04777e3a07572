// velo-mount-helper: mounts and unmounts volumes of ordinary users, as root.
//
// sudoers lets users run exactly this program, without arguments. What it is to do comes as one
// line on its standard input: "mount DATASET" or "unmount DATASET". It serves a dataset only when
//
//   - it lies directly below the base dataset of a place that root wrote into zfs-places,
//   - ZFS itself says that it is a file system with Velo's mark whose mountpoint is inherited from
//     that base dataset, and is the one path where Velo has it (storage/zfs_layout.h),
//   - its files belong to whoever asks (sudo says who that is).
//
// It starts no shell, takes over nothing of its environment, and mounts with nosuid and nodev
// through directories that only root can change (storage/zfs_mount.h). It ends with 0, or with 1
// and a line that says why not.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "base/fd.h"
#include "base/files.h"
#include "base/text.h"
#include "storage/zfs_command.h"
#include "storage/zfs_layout.h"
#include "storage/zfs_mount.h"

namespace velo {
namespace {

namespace zfs = storage::zfs;

constexpr std::size_t longest_line = 512;

struct Request {
  bool mount = false;
  std::string dataset;
  zfs::Volume volume;
};

/// Who asked sudo to run this; root when nobody did.
Result<uid_t> caller() {
  const char* text = std::getenv("SUDO_UID");
  if (text == nullptr) return ::getuid();
  const std::string_view digits = text;
  uid_t user = 0;
  const auto [end, status] = std::from_chars(digits.begin(), digits.end(), user);
  if (status != std::errc{} || end != digits.end()) {
    return fail(Errc::usage, "SUDO_UID is no number");
  }
  return user;
}

Result<Request> read_request() {
  std::array<char, longest_line> buffer{};
  std::size_t length = 0;
  while (length < buffer.size()) {
    const ssize_t got = ::read(STDIN_FILENO, buffer.data() + length, buffer.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "read the request");
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  std::string_view line(buffer.data(), length);
  if (!line.ends_with('\n')) return fail(Errc::usage, "the request is not one whole line");
  line.remove_suffix(1);
  Request request;
  for (const std::string_view verb : {"mount ", "unmount "}) {
    if (!line.starts_with(verb)) continue;
    request.mount = verb == "mount ";
    request.dataset = line.substr(verb.size());
  }
  const auto volume = zfs::volume_of(request.dataset);
  if (!volume) {
    return fail(
        Errc::usage,
        "the request is neither \"mount DATASET\" nor \"unmount DATASET\" with a dataset of "
        "Velo's");
  }
  request.volume = *volume;
  return request;
}

/// The file's words count only if nobody but root could have written them.
Result<void> check_place(const std::string& place) {
  const std::string path(zfs::places_file);
  for (const fs::path& one : {fs::path(path).parent_path(), fs::path(path)}) {
    struct stat status{};
    if (::lstat(one.c_str(), &status) != 0) {
      return fail_errno(errno, fmt::format("look at {}", one.string()));
    }
    const bool of_its_kind = one == path ? S_ISREG(status.st_mode) : S_ISDIR(status.st_mode);
    if (!of_its_kind || status.st_uid != 0 || (status.st_mode & 0022U) != 0) {
      return fail(Errc::permission, "{} is not root's alone to write", one.string());
    }
  }
  const std::string text = TRY(read_file(path, 65536));
  for (const std::string_view line : lines_of(text)) {
    if (trim(line.substr(0, line.find('#'))) == place) return {};
  }
  return fail(Errc::permission, "{} does not name the place {}", path, place);
}

Result<void> check_dataset(const Request& request) {
  const auto properties =
      TRY(zfs::get({"type", "mountpoint", std::string(zfs::mark_property)}, request.dataset));
  const std::string base = zfs::base_of(request.volume.place);
  if (properties[0].value != "filesystem") {
    return fail(Errc::permission, "{} is no file system", request.dataset);
  }
  if (properties[1].value !=
          zfs::mountpoint_of(request.volume.place, request.volume.volume).string() ||
      properties[1].source != "inherited from " + base) {
    return fail(Errc::permission, "the mountpoint of {} is not where Velo has it", request.dataset);
  }
  if (!properties[2].is_set_here()) {
    return fail(Errc::permission, "{} carries no mark of Velo's", request.dataset);
  }
  return {};
}

Result<void> check_owner(const fs::path& root, uid_t asking) {
  if (TRY(zfs::owner_of_mounted(root)) == asking || asking == 0) return {};
  return fail(Errc::permission, "{} belongs to another user", root.string());
}

Result<void> serve(uid_t asking) {
  const Request request = TRY(read_request());
  TRY(check_place(request.volume.place));
  TRY(check_dataset(request));
  const fs::path mountpoint = zfs::mountpoint_of(request.volume.place, request.volume.volume);
  if (!request.mount) {
    if (!zfs::is_mounted(request.dataset, mountpoint)) return {};
    TRY(check_owner(mountpoint, asking));
    return zfs::unmount_dataset(request.dataset, mountpoint);
  }
  if (zfs::is_mounted(request.dataset, mountpoint)) return {};
  TRY(zfs::mount_dataset(request.dataset, mountpoint));
  auto owned = check_owner(mountpoint, asking);
  if (!owned) TRY(zfs::unmount_dataset(request.dataset, mountpoint));
  return owned;
}

Result<void> run_as_root(int argument_count) {
  if (argument_count != 1) return fail(Errc::usage, "it takes no arguments");
  if (::geteuid() != 0) return fail(Errc::permission, "it works only as root, through sudo");
  const uid_t asking = TRY(caller());
  ::clearenv();
  ::umask(022);
  ::syscall(SYS_close_range, 3U, ~0U, 0U);
  if (::chdir("/") != 0 || ::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0) {
    return fail_errno(errno, "become root wholly");
  }
  return serve(asking);
}

}  // namespace
}  // namespace velo

int main(int argc, char** /*argv*/) try {
  const auto served = velo::run_as_root(argc);
  if (served) return 0;
  fmt::print(stderr, "velo-mount-helper: {}\n", served.error().message);
  return 1;
} catch (...) {  // no memory, or nobody to read what it says
  return 1;
}
