#include "storage/zfs_attach.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/os_user.h"
#include "base/process.h"
#include "base/text.h"
#include "storage/zfs_command.h"
#include "storage/zfs_layout.h"
#include "storage/zfs_mount.h"

namespace velo::storage::zfs {
namespace {

constexpr std::chrono::minutes helper_patience{1};
constexpr std::string_view setup_hint = "sudo velo setup installs it and grants the right";

std::string sudo_program() {
  for (const char* path : {"/usr/bin/sudo", "/usr/local/bin/sudo"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  return "";
}

Result<void> ask_helper(std::string_view verb, const std::string& dataset) {
  TRY(check_mount_helper());
  const std::string sudo = sudo_program();
  if (sudo.empty()) {
    return fail_with_hint(Errc::permission,
                          fmt::format("to {} {} takes root, and there is no sudo", verb, dataset),
                          "install sudo, or run velo as root");
  }
  const Cancellation never;
  const Outcome outcome =
      TRY(run({.argv = {sudo, "-n", std::string(mount_helper)},
               .environment = {"PATH=/usr/sbin:/sbin:/usr/bin:/bin", "LC_ALL=C"},
               .user = {},
               .input = fmt::format("{} {}\n", verb, dataset)},
              helper_patience, never));
  if (outcome.exit_status == 0) return {};
  // sudo's own refusals ("sudo: a password is required") are about the right to run it.
  Error error = error_of(outcome.err);
  if (error.message.starts_with("sudo:")) {
    error.code = Errc::permission;
    error.hint = setup_hint;
  }
  error.message = fmt::format("cannot {} {}: {}", verb, dataset, error.message);
  return std::unexpected(std::move(error));
}

}  // namespace

Result<void> check_mount_helper() {
  struct stat status{};
  const std::string path(mount_helper);
  if (::lstat(path.c_str(), &status) != 0) {
    return fail_with_hint(
        Errc::permission,
        fmt::format("mounting takes root, and the mount helper {} is not there", path),
        std::string(setup_hint));
  }
  if (!S_ISREG(status.st_mode) || status.st_uid != 0 || (status.st_mode & 0022U) != 0 ||
      (status.st_mode & 0111U) == 0) {
    return fail_with_hint(
        Errc::permission,
        fmt::format("{} is not a program of root's that nobody else can write", path),
        std::string(setup_hint));
  }
  return {};
}

Result<void> attach_volume(const std::string& place, const std::string& volume) {
  const std::string dataset = dataset_of(place, volume);
  const std::filesystem::path mountpoint = mountpoint_of(place, volume);
  if (is_mounted(dataset, mountpoint)) return {};
  return running_as_root() ? mount_dataset(dataset, mountpoint) : ask_helper("mount", dataset);
}

Result<void> detach_volume(const std::string& place, const std::string& volume) {
  const std::string dataset = dataset_of(place, volume);
  const std::filesystem::path mountpoint = mountpoint_of(place, volume);
  if (running_as_root()) return unmount_dataset(dataset, mountpoint);
  if (!is_mounted(dataset, mountpoint)) return {};
  return ask_helper("unmount", dataset);
}

}  // namespace velo::storage::zfs
