// The changes that a branch's way from create to delete makes on a pool.
//
// They go through libzfs_core where that is there (zfs_core_library.h), else through `zfs`. What
// the library refuses the command is asked for once more: it does what the library cannot
// (unmount), or says why not in the words that error_of() knows. So both ways end the same, and
// only a change that fails pays for a process. Errors are those of zfs_command.h's zfs(). Callers
// have looked at the pool's health.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace velo::storage::zfs {

struct UserProperty {
  std::string_view name;
  std::string value;
};

/// Errc::already_exists when the snapshot's name is taken.
Result<void> take_snapshot(const std::string& snapshot, const UserProperty& property);

/// Makes the dataset; whether it is mounted afterwards is not said. Errc::already_exists,
/// Errc::not_found.
Result<void> make_clone(const std::string& snapshot, const std::string& dataset,
                        const UserProperty& property);

/// Once nothing is cloned from it any more, which may be now. One that is gone is success.
Result<void> destroy_snapshot_when_free(const std::string& snapshot);
/// Errc::storage when something is cloned from it. One that is gone is success.
Result<void> destroy_snapshot(const std::string& snapshot);
/// One that is gone is success.
Result<void> destroy_dataset(const std::string& dataset);

/// Gives the snapshots that a clone was made of, and those before, to the clone.
Result<void> promote(const std::string& dataset);

/// Whether there is such a dataset; nothing where only a process could tell.
std::optional<bool> exists(const std::string& dataset);

/// For tests: from now on as if the library were not there, or not.
void use_commands_only(bool only);

}  // namespace velo::storage::zfs
