// What `velo setup` finds before it changes anything, and what it refuses.
#pragma once

#include "base/error.h"
#include "engine/setup.h"

namespace velo::engine {

/// What there is before anything is changed.
struct Found {
  bool file = false;
  bool mounted = false;
  bool mounted_from_file = false;  ///< the pool at the mount point is this file
  bool directory = false;          ///< <mount>/velo, open to all
  bool fstab = false;
};

/// Looks at the mount point, the file and fstab. Refuses what cannot be meant: a mount point that
/// holds files or another file system, a file without btrfs, a line in fstab about something else.
/// Expects clean absolute paths.
Result<Found> look_around(const SetupRequest& request);

/// Errc::permission for anybody else, unless nothing is changed.
Result<void> check_is_root(const SetupRequest& request);

/// Errc::permission, usage or no_space; Errc::unsupported without mkfs.btrfs.
Result<void> check_request(const SetupRequest& request, const Found& found);

/// The identity of the btrfs in a file, as hex digits; Errc::storage when there is none.
Result<std::string> btrfs_id(const std::filesystem::path& file);

/// A program in the directories that Debian keeps out of an ordinary user's PATH.
/// Errc::unsupported names the package to install.
Result<std::filesystem::path> find_tool(std::string_view name, std::string_view package);

}  // namespace velo::engine
