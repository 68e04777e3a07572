// A new place for volumes, of the kind that a driver wants: a directory, or on ZFS a dataset.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/environment.h"

namespace velo::test {

/// Where tests make places for this driver; empty where this machine has none.
std::optional<std::filesystem::path> places_for(const std::string& driver);

/// `zfs` or another of root's tools, to its end; its output, and a failed test if it fails.
std::string run_zfs(const std::vector<std::string>& arguments);

/// Removed at the end with all that is in it: servers must be gone by then.
class Place {
 public:
  /// `parent`: a directory, or on ZFS ("tank") the name of a pool or dataset.
  explicit Place(const std::filesystem::path& parent);
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  Place(Place&&) = delete;
  Place& operator=(Place&&) = delete;
  ~Place();

  /// What --pool takes.
  const std::filesystem::path& path() const { return path_; }
  bool is_dataset() const { return !directory_; }
  /// The directory that a directory for each volume is in.
  std::filesystem::path volumes() const;
  /// The names of what lies there, sorted; on ZFS of all datasets, mounted or not.
  std::vector<std::string> volume_names() const;
  /// On ZFS: all snapshots in it that are not about to go with their clone.
  std::vector<std::string> leaked_snapshots() const;

 private:
  std::unique_ptr<TempDirectory> directory_;
  std::filesystem::path path_;
};

}  // namespace velo::test
