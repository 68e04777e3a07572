// What can be said about a ZFS place, and making it ready.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "storage/driver.h"

namespace velo::storage::zfs {

/// Whether the calling user can make volumes there; the error says what would have to change.
Result<void> check_place(const std::string& place);

/// Whether the pool is imported and answers: else a command would wait for ever, or call a volume
/// gone that comes back with its pool. No process is started.
Result<void> check_pool(const std::string& place);

/// Where to look for a place that is not there: an imported pool lacks the dataset, or the pool is
/// not imported.
std::string hint_for_missing(const std::string& place);

/// The pools that are imported here, whether usable or not; empty where there is no ZFS.
std::vector<std::string> find_places();

/// Makes the base dataset with its properties, where there is none yet. Errc::already_exists when
/// there is one that Velo did not make: it is left alone. For setup, and for root's first volume.
Result<void> prepare_place(const std::string& place);

/// The groups of this process, which `zfs` goes by: not those that the next login will give.
std::vector<std::string> groups_of_caller();

Result<PoolState> state_of_place(const std::string& place);

/// What `free` of state_of_place() is, as an attached volume's mount tells it (which knows of all
/// quotas above it); nothing when it is not mounted or not writable. No process is started.
std::optional<std::uint64_t> room_seen_in(const std::string& place, const std::string& volume);

}  // namespace velo::storage::zfs
