// A small file system of a test's own, to fill up or to make read-only. Needs root.
#pragma once

#include <filesystem>
#include <string>

#include "support/environment.h"

namespace velo::test {

class SmallPool {
 public:
  /// `type`: "btrfs" or "ext4"; 512 MiB.
  explicit SmallPool(const std::string& type);
  SmallPool(const SmallPool&) = delete;
  SmallPool& operator=(const SmallPool&) = delete;
  SmallPool(SmallPool&&) = delete;
  SmallPool& operator=(SmallPool&&) = delete;
  /// Ends the servers on it and unmounts it.
  ~SmallPool();

  std::filesystem::path place() const { return directory_.path() / "mount"; }
  /// Takes it away, as a pool that was not mounted after a reboot.
  void unmount();
  void remount(const std::string& options);
  /// Takes all of its space but this much with one large file.
  void fill_up_to(std::uint64_t bytes_left);
  void empty();

 private:
  TempDirectory directory_;
  bool mounted_ = true;
};

}  // namespace velo::test
