// `velo setup`: a file-backed btrfs pool for machines without a copy-on-write file system. Needs
// root.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "engine/observer.h"

namespace velo::engine {

/// Where `velo setup` mounts its pool, and where `--storage auto` looks for one. Root's VELO_HOME
/// is /var/lib/velo and its default pool place is VELO_HOME/pool: the same directory.
inline const std::filesystem::path system_pool = "/var/lib/velo/pool";

struct SetupRequest {
  std::uint64_t size = 0;  ///< bytes
  std::filesystem::path file = "/var/lib/velo/pool.btrfs";
  std::filesystem::path mount_point = system_pool;
  std::filesystem::path fstab = "/etc/fstab";
  std::string group = "velo";  ///< whose members may use what setup gives them
  bool sparse = false;
  bool dry_run = false;
};

struct SetupStep {
  std::string description;  ///< "Make /var/lib/velo/pool.btrfs, 20.00 GB, preallocated"
  bool already_done = false;
};

/// Idempotent. Returns the steps in order; with dry_run nothing is changed. An existing pool file
/// is never formatted again or resized.
Result<std::vector<SetupStep>> setup_pool(const SetupRequest& request, Observer& observer,
                                          const Cancellation& cancel);

/// Turns direct I/O on for the loop device below a pool that setup made (fstab's `loop` cannot ask
/// for it); nothing when it is on, is no loop device, or the caller is not root. `velo up` calls
/// it.
void ensure_direct_io(const std::filesystem::path& mount_point);

}  // namespace velo::engine
