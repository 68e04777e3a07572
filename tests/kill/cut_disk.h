// A disk whose power can be cut: a file system in a file, and copies of that file as it was at one
// moment.
//
// A copy is one FICLONE on XFS, which no write to the file comes between: it holds what the file
// system had given to its disk by then, in the order in which it did, and nothing of what was only
// in memory. (A real disk may also lose, or reorder, what it was given since its last flush; this
// one does not.) Needs root and VELO_TEST_XFS.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "support/environment.h"

namespace velo::test {

class CutDisk {
 public:
  /// `type`: "btrfs", "xfs" or "ext4".
  explicit CutDisk(std::string type);
  CutDisk(const CutDisk&) = delete;
  CutDisk& operator=(const CutDisk&) = delete;
  CutDisk(CutDisk&&) = delete;
  CutDisk& operator=(CutDisk&&) = delete;
  ~CutDisk();

  std::filesystem::path mount_point() const { return directory_.path() / "mount"; }
  /// What is on the disk now: one more copy. Which one it is.
  std::size_t cut();
  /// Ends the servers and mounts that copy in place of what is there, as after a reboot.
  void boot(std::size_t copy);

 private:
  std::filesystem::path image() const { return directory_.path() / "image"; }
  std::filesystem::path copy(std::size_t number) const;
  void mount();
  void unmount();

  std::string type_;
  TempDirectory directory_;
  std::size_t copies_ = 0;
};

}  // namespace velo::test
