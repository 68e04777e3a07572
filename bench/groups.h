// What is measured: a function for each section, which makes what it needs and answers with what it
// measured.
#pragma once

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
std::string create_title(const std::string& driver, bool loaded);
std::string status_title(int branches);

/// `velo branch create` and the floor on one driver, the parent idle and then under load.
Result<void> measure_create(Bench& bench, const Parent& parent, CloneHow how);
/// The same in containers, the parent idle.
Result<void> measure_docker(Bench& bench, const Parent& parent);
/// reset, delete, stop and start on btrfs.
Result<void> measure_life(Bench& bench, const Parent& parent);
/// `velo status` with more and more branches.
Result<void> measure_status(Bench& bench, const Parent& parent);
/// `velo wal push` and `velo wal fetch`, on segments of that parent's, in the homes' place.
Result<void> measure_archive(Bench& bench, const Parent& parent);
/// `velo wal info`, on a project of its own beside that parent's.
Result<void> measure_wal_info(Bench& bench, const Parent& parent);
/// A recovery by `velo wal fetch` and one by cp, of what pgbench wrote on that parent. Minutes.
Result<void> measure_replay(Bench& bench, const Parent& parent);
/// What needs no PostgreSQL 18: pg_basebackup and pg_dump, on the reflink parent.
Result<void> measure_copying_rivals(Bench& bench, const Parent& parent);
/// CREATE DATABASE of PostgreSQL 18, on a parent of that major.
Result<void> measure_create_database(Bench& bench, const Parent& parent);

/// Measures one `velo branch create` to the first answered query. The clock stands still while the
/// branch's password is asked for. Leaves the branch there.
Result<Millis> create_and_ask(const VeloHome& velo, const std::string& branch);
/// A name for a branch that was not there yet.
std::string fresh_branch(const Parent& parent);
/// `velo branch delete`, and the disk comes to rest.
Result<void> delete_branch(const VeloHome& velo, const Parent& parent, const std::string& branch);

}  // namespace velo::bench
