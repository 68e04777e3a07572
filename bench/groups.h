// What is measured: a function for each section, which makes what it needs and answers with what it
// measured.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "bench/floor.h"
#include "bench/options.h"
#include "bench/parent.h"
#include "bench/rounds.h"
#include "bench/velo_home.h"

namespace velo::bench {

/// What all sections share.
struct Bench {
  const Options* options = nullptr;
  const VeloHome* velo = nullptr;
  std::vector<Measured> results;
  std::map<std::string, std::string> pictures;  ///< SVG, by the name of its file without ".svg"
};

/// Names of series, which the targets look for.
inline constexpr const char* floor_name = "bare floor";
inline constexpr const char* create_name = "velo branch create";

/// Titles of groups, likewise.
inline constexpr const char* docker_title =
    "A branch to its first answered query, docker on btrfs, parent idle";
inline constexpr const char* replay_title = "Replay pgbench's WAL out of an archive";
inline constexpr const char* replay_by_cp = "restore_command = cp";
inline constexpr const char* replay_by_velo = "velo wal fetch";
inline constexpr const char* wal_info_title = "Looking at an archive of 20,000 segments";
inline constexpr const char* pool_title =
    "A branch out of a pool to its first answered query, btrfs";
inline constexpr const char* run_from_pool = "velo run, from the pool";
inline constexpr const char* create_from_pool = "velo branch create --from-pool";
inline constexpr const char* busy_latency_title =
    "The 99th percentile of the parent's latency meanwhile, pgbench -c 8";
inline constexpr const char* plain_name = "plain PostgreSQL";
inline constexpr const char* branch_name = "branch";
inline constexpr const char* size_name = "as velo measures it";
std::string busy_title(const std::string& way);  ///< "checkpoint", "replay", "auto"
std::string busy_floor(const std::string& way);
std::string busy_create(const std::string& way);
std::string own_title(const std::string& driver);
std::string size_title(const std::string& driver);
std::string create_title(const std::string& driver, bool loaded);
std::string status_title(int branches);

inline constexpr const char* many_first = "the first creates";
inline constexpr const char* many_last = "the last creates";
inline constexpr const char* many_status = "velo status at the end";
inline constexpr const char* many_list = "velo branch list --json at the end";
inline constexpr const char* memory_default = "PostgreSQL's defaults";
inline constexpr const char* memory_small = "the small profile";
std::string many_title(const std::string& driver, std::size_t branches);
std::string memory_title(const std::string& driver);
std::string stopped_title(std::size_t branches);
inline constexpr const char* at_once_in_turn = "velo branch create, one after the other";
inline constexpr const char* at_once_processes = "16 commands at once";
inline constexpr const char* at_once_count = "velo branch create --count 16";
std::string at_once_title(const std::string& driver);

/// `velo branch create` and the floor on one driver, the parent idle and then under load.
Result<void> measure_create(Bench& bench, const Parent& parent, CloneHow how);
/// The same in containers, the parent idle.
Result<void> measure_docker(Bench& bench, const Parent& parent);
/// reset, delete, stop and start on btrfs.
Result<void> measure_life(Bench& bench, const Parent& parent);
/// `velo status` with more and more branches.
Result<void> measure_status(Bench& bench, const Parent& parent);
/// Branches out of a pool, on btrfs.
Result<void> measure_pool(Bench& bench, const Parent& parent);
/// The only word of this program's when `velo run` runs it for that measurement: it connects where
/// its environment says, asks, and prints CLOCK_MONOTONIC's nanoseconds.
inline constexpr std::string_view first_query_word = "first-query";
Result<void> tell_first_query();
/// `velo wal push` and `velo wal fetch`, on segments of that parent's, in the homes' place.
Result<void> measure_archive(Bench& bench, const Parent& parent);
/// `velo wal info`, on a project of its own beside that parent's.
Result<void> measure_wal_info(Bench& bench, const Parent& parent);
/// A recovery by `velo wal fetch` and one by cp, of what pgbench wrote on that parent. Minutes.
Result<void> measure_replay(Bench& bench, const Parent& parent);
/// Up to a thousand running branches of one parent, of little data: their making and deleting, the
/// memory, and looking at them. An error with the reason where the machine does not bear as many.
Result<void> measure_many(Bench& bench, const Parent& parent, const std::string& driver,
                          CloneHow how);
/// Up to ten thousand that do not run, on btrfs.
Result<void> measure_stopped(Bench& bench, const Parent& parent);
/// What docs/performance.md gives an idle branch to make it small.
const std::vector<std::string>& small_profile();
/// Sixteen at once, beside one after the other, on btrfs.
Result<void> measure_at_once(Bench& bench, const Parent& parent);
/// The same on a parent of PostgreSQL 18, beside CREATE DATABASE.
Result<void> measure_at_once_beside_databases(Bench& bench, const Parent& parent);
/// Creates by checkpoint and by replay beside a busy parent, on btrfs.
Result<void> measure_busy(Bench& bench, const Parent& parent);
/// Transactions a second in a branch, beside plain PostgreSQL on the same file system.
Result<void> measure_tps(Bench& bench, const Parent& parent);
/// A branch of a branch of …: its making, its reads and its writes.
Result<void> measure_depth(Bench& bench, const Parent& parent);
/// What a branch takes of the disk that just started.
Result<void> measure_sizes(Bench& bench, const Parent& parent);
/// What needs no PostgreSQL 18: pg_basebackup and pg_dump, on the reflink parent.
Result<void> measure_copying_rivals(Bench& bench, const Parent& parent);
/// CREATE DATABASE of PostgreSQL 18, on a parent of that major.
Result<void> measure_create_database(Bench& bench, const Parent& parent);

/// Measures one `velo branch create` to the first answered query. The clock stands still while the
/// branch's password is asked for. Leaves the branch there.
Result<Millis> create_and_ask(const VeloHome& velo, const std::string& branch,
                              const std::vector<std::string>& options = {});
/// The same of the bare floor, whose server goes again.
Result<Millis> create_floor(const Parent& parent, CloneHow how);
/// pg_basebackup of the parent, for a server that was prepared with CloneHow::copy.
Result<void> clone_by_base_backup(FloorServer& server, const Parent& parent);
/// A small pool of the parent's branches: made, full and the disk at rest, removed.
Result<void> set_pool(const VeloHome& velo, const Parent& parent);
Result<void> await_pool(const VeloHome& velo, const Parent& parent);
Result<void> remove_pool(const VeloHome& velo, const Parent& parent);
enum class Clock : std::uint8_t { from_exec, from_connect };
/// `velo branch create --from-pool` and the first query, or the query alone. Deletes the branch.
Result<Millis> take_and_ask(const VeloHome& velo, const Parent& parent, Clock clock);
/// A name for a branch that was not there yet.
std::string fresh_branch(const Parent& parent);
/// `velo branch delete`, and the disk comes to rest.
Result<void> delete_branch(const VeloHome& velo, const Parent& parent, const std::string& branch);

}  // namespace velo::bench
