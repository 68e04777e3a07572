// A small file system of a test's own, to fill up or to make read-only. Needs root.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "support/environment.h"

namespace velo::test {

class SmallPool {
 public:
  /// `type`: "btrfs", "ext4" or "xfs"; 512 MiB. `options`: of its mount, besides the usual ones.
  explicit SmallPool(const std::string& type, const std::string& options = {});
  SmallPool(const SmallPool&) = delete;
  SmallPool& operator=(const SmallPool&) = delete;
  SmallPool(SmallPool&&) = delete;
  SmallPool& operator=(SmallPool&&) = delete;
  /// Ends the servers on it and unmounts it.
  ~SmallPool();

  std::filesystem::path place() const { return directory_.path() / "mount"; }
  /// The names of the volumes in it, in order.
  std::vector<std::string> volumes() const;
  /// Takes it away, as a pool that was not mounted after a reboot.
  void unmount();
  /// The same, if nobody works on it any more.
  void try_unmount();
  bool is_mounted() const { return mounted_; }
  /// Brings it back.
  void mount();
  void remount(const std::string& options);
  /// Takes all of its space but this much with one large file.
  void fill_up_to(std::uint64_t bytes_left);
  void empty();

 private:
  TempDirectory directory_;
  std::string options_;
  bool mounted_ = false;
};

}  // namespace velo::test
