// A ZFS pool of a test's own, in a file. Needs root.
#pragma once

#include <filesystem>
#include <string>

#include "support/place.h"

namespace velo::test {

class FilePool {
 public:
  explicit FilePool(std::uint64_t size = 512ULL << 20U);
  FilePool(const FilePool&) = delete;
  FilePool& operator=(const FilePool&) = delete;
  FilePool(FilePool&&) = delete;
  FilePool& operator=(FilePool&&) = delete;
  /// Ends the servers on it and destroys it.
  ~FilePool();

  const std::string& name() const { return name_; }
  std::filesystem::path volumes() const;
  /// Whether `zpool export` did it.
  bool try_export();
  void import();
  /// Takes all of its space but this much with one large file.
  void fill_up_to(std::uint64_t bytes_left);
  void empty();
  std::uint64_t free_bytes() const;

 private:
  TempDirectory directory_;
  std::string name_;
};

}  // namespace velo::test
