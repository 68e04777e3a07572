// `velo setup`: makes a machine ready for Velo, writes down what it did, and can take exactly that
// back. Needs root.
//
// What it makes: the group velo and the memberships that a user needs; on a pool that a driver
// finds by itself (zfs) what that driver says users need there, else a file-backed btrfs pool for
// machines without a copy-on-write file system. Its steps are listed by one function
// (setup_steps.h).
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
  /// Which of the pools that drivers find is to be shared ("tank"); empty: the only usable one, or
  /// with a size, or where there is none, a btrfs pool in `file`.
  std::string pool;
  std::filesystem::path
      create_pool;         ///< the pool to share is made in this file; empty: it is there
  std::uint64_t size = 0;  ///< bytes
  std::filesystem::path file = "/var/lib/velo/pool.btrfs";
  std::filesystem::path mount_point = system_pool;
  std::filesystem::path fstab = "/etc/fstab";
  std::filesystem::path record = "/var/lib/velo/setup.json";  ///< root's: what undo reads
  std::string user;            ///< who is to use Velo without root; empty: nobody but root
  std::string group = "velo";  ///< whose members may use what setup gives them
  bool sparse = false;
  bool dry_run = false;
};

struct SetupStep {
  std::string description;  ///< "Make /var/lib/velo/pool.btrfs, 20.00 GB, preallocated"
  bool already_done = false;
};

struct SetupReport {
  std::vector<SetupStep> steps;
  std::string login_due;  ///< the user whose new groups count from the next login on; or empty
};

/// Idempotent. The steps in order; with dry_run nothing is changed. An existing pool file is never
/// formatted again or resized. A failure takes back what this call did.
Result<SetupReport> setup(const SetupRequest& request, Observer& observer,
                          const Cancellation& cancel);

struct UndoRequest {
  std::filesystem::path record = SetupRequest{}.record;
  bool with_data = false;  ///< destroy a pool that holds something
  bool dry_run = false;
};

struct UndoStep {
  std::string description;  ///< "Unmount /var/lib/velo/pool"
  std::string left;         ///< why it was left as it is; empty: it was done
};

/// What the pools that setup made hold: the names of what an undo would destroy. Empty: nothing.
/// Errc::in_use where it cannot be seen.
Result<std::vector<std::string>> data_in_pools(const UndoRequest& request);

/// Takes back what setup did, the last thing first, each only where it is still as setup left it.
/// Errc::in_use when a pool holds data and `with_data` is not given, or is in use; what is left to
/// undo stays recorded. Errc::permission for a record that others could have written.
Result<std::vector<UndoStep>> undo_setup(const UndoRequest& request, Observer& observer,
                                         const Cancellation& cancel);

/// Turns direct I/O on for the loop device below a pool that setup made (fstab's `loop` cannot ask
/// for it); nothing when it is on, is no loop device, or the caller is not root. `velo up` calls
/// it.
void ensure_direct_io(const std::filesystem::path& mount_point);

}  // namespace velo::engine
