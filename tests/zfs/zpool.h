// A ZFS pool of a test's own, in a file. Needs root.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "support/place.h"
#include "support/velo.h"

namespace velo::test {

/// Its exit status.
int run_zpool(const std::vector<std::string>& arguments);

/// A directory in memory, which has room for a small pool and not for what such a pool promises.
class SmallMemory {
 public:
  SmallMemory();
  SmallMemory(const SmallMemory&) = delete;
  SmallMemory& operator=(const SmallMemory&) = delete;
  SmallMemory(SmallMemory&&) = delete;
  SmallMemory& operator=(SmallMemory&&) = delete;
  ~SmallMemory();

  const std::filesystem::path& path() const { return directory_.path(); }
  /// So that everything fits.
  void enlarge() const;

 private:
  TempDirectory directory_;
};

class FilePool {
 public:
  /// `in`: the directory that its file is made in.
  explicit FilePool(const std::filesystem::path& in = homes(), std::uint64_t size = 512ULL << 20U);
  FilePool(const FilePool&) = delete;
  FilePool& operator=(const FilePool&) = delete;
  FilePool(FilePool&&) = delete;
  FilePool& operator=(FilePool&&) = delete;
  /// Ends the servers on it and destroys it.
  ~FilePool();

  const std::string& name() const { return name_; }
  std::filesystem::path volumes() const;
  /// "ONLINE", "SUSPENDED", as the kernel says it.
  std::string state() const;
  /// Whether `zpool export` did it.
  bool try_export(const std::vector<std::string>& options = {});
  void import(const std::vector<std::string>& options = {});
  /// Gives it a mirror, and makes that FAULTED.
  void degrade();
  /// Has a suspended one try again.
  void clear();
  /// Takes all of its space but this much with one large file.
  void fill_up_to(std::uint64_t bytes_left);
  void empty();
  std::uint64_t free_bytes() const;

 private:
  TempDirectory directory_;
  std::string name_;
};

}  // namespace velo::test
