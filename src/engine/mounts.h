// What is mounted, what fstab says, and loop devices: the parts of `velo setup` that know Linux.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace velo::engine {

struct Mount {
  std::string source;  ///< "/dev/loop3"
  std::filesystem::path target;
  std::string type;  ///< "btrfs"
};

/// The lines of /proc/self/mountinfo (proc_pid_mountinfo(5)).
std::vector<Mount> parse_mountinfo(std::string_view text);
Result<std::vector<Mount>> mounts();
/// What is mounted exactly there: the topmost, when several lie on one another.
std::optional<Mount> mounted_at(const std::vector<Mount>& mounts,
                                const std::filesystem::path& target);

/// One line of fstab(5). Blanks and backslashes in paths are written as octal, e.g. \040.
struct FstabLine {
  std::string source;
  std::string target;
  std::string type;
  std::string options;
};
std::string to_text(const FstabLine& line);
/// The first line that is mounted at `target`; empty when there is none.
std::optional<FstabLine> find_in_fstab(std::string_view fstab, std::string_view target);

/// The loop device that is attached to this file already, e.g. "/dev/loop3".
std::optional<std::string> loop_device_of(const std::filesystem::path& file);

/// A loop device over a file. It lets go of the file by itself (autoclear) once nothing has it open
/// or mounted any more: a crash before the mount leaves no device behind, and umount detaches it.
struct LoopDevice {
  std::string path;  ///< "/dev/loop3"
  Fd fd;             ///< keep it open until the mount
};
/// Asks for direct I/O, so that pages are not cached twice; a host file system that cannot do it
/// gives a device that works without.
Result<LoopDevice> attach_loop_device(const std::filesystem::path& file);
/// Turns direct I/O on for an attached device; false when it was on, or cannot be had.
bool set_direct_io(const std::string& device);

}  // namespace velo::engine
