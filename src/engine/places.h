// Where volumes live: choosing a project's pool and driver, the room that must stay free, names for
// volumes, and ports.
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "base/os_user.h"
#include "catalog/records.h"
#include "engine/engine.h"
#include "engine/records.h"
#include "storage/driver.h"

namespace velo::engine {

struct Placement {
  std::string driver;
  std::string pool;
  std::string reason;
};

/// Where new projects' volumes live where no pool is found: root's VELO_HOME/pool; for an ordinary
/// user the pool that setup made, if they may use it, or their own VELO_HOME/pool.
std::filesystem::path default_directory(const Home& home);

/// Where choose_place would put a project that names neither storage nor pool; its errors. With an
/// engine `velo config get pool` counts as well.
Result<std::filesystem::path> default_place(const Home& home);
Result<std::filesystem::path> default_place(Engine& engine);

/// `storage`: "auto" or a driver's name. `pool`: a place, or empty for: `velo config get pool`;
/// else the one pool that a driver finds by itself (zfs), Errc::usage when there are several; else
/// default_directory().
/// `owner`, whose files the volumes will hold, must be able to reach it.
Result<Placement> choose_place(Engine& engine, const std::string& storage, const std::string& pool,
                               const OsUser& owner);

/// Makes the pool ready for a first volume. Errc::storage when it has volumes by the catalog and is
/// away: it is not made a second time in the place where it was.
Result<void> prepare_pool(Engine& engine, storage::Driver& driver, const std::string& pool);

/// Errc::no_space when the pool has less free than the guard (`velo config get guard`) after
/// another `needed` bytes; Errc::permission when it is read-only; Errc::storage when it is gone.
/// `beside` is a volume on it through which the room may be seen at once; empty: none.
Result<void> check_room(Engine& engine, const storage::Driver& driver, const std::string& pool,
                        const std::string& beside, std::uint64_t needed);

/// What a clone of this life needs at once. Nothing where it is one atomic snapshot. Else three
/// segments of WAL: the backup's begin and end each have the parent switch to a new one, and the
/// clone's recovery ends in one of its own (2 were seen to be written on ext4, 2 to 3 on XFS, none
/// where the parent has old ones to use again). And where cloning is copying all of the volume's
/// bytes: the WAL that is copied along is not more than what pg_wal holds, which is in them.
Result<std::uint64_t> room_for_clone(const storage::Driver& driver, const BranchRecords& source);

/// "demo-dev", or with .2, .3… the first that neither the catalog, nor a reservation, nor the pool
/// has, nor `refused` contains. Called inside the transaction that reserves it.
Result<std::string> free_volume_name(Engine& engine, const storage::Driver& driver,
                                     const std::string& pool, const std::string& project,
                                     const std::string& branch,
                                     const std::set<std::string>& refused);
/// The reservation's key for a volume.
std::string volume_key(const std::string& pool, const std::string& volume);

/// A port that no branch has and nobody listens on.
struct FreePort {
  int number = 0;
  /// Keeps other homes of this machine from choosing it too (runtime::hold_port), until the server
  /// listens there: let go earlier, another home could hold it between this and the server's bind.
  /// None where the port was asked for.
  Fd hold;
};

/// `wanted`, or with 0 the next free port outside the kernel's ephemeral range
/// (/proc/sys/net/ipv4/ip_local_port_range): not in the catalog, not reserved, nobody listens on
/// it. Errc::in_use for a wanted one that is taken. Called inside the transaction that reserves it.
Result<FreePort> free_port(Engine& engine, int wanted);

/// Errc::usage for what is no IPv4 address.
Result<void> check_address(const std::string& address);

}  // namespace velo::engine
