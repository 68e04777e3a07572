// The catalog's rows as types. schema/*.sql says what each column means.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/time.h"

namespace velo::catalog {

struct Project {
  std::string id;
  std::string name;
  std::string driver;
  std::string pool;
  std::string storage_reason;
  std::string runtime;
  std::string runtime_reason;
  int pg_major = 0;
  std::string os_user;
  std::string database;
  std::string main_branch_id;
  Timestamp created_at;
  std::optional<Timestamp> deleted_at;
};

struct Branch {
  std::string id;
  std::string project_id;
  std::string name;
  std::optional<std::string> parent_id;
  std::string incarnation_id;
  std::string superuser;
  int password_counter = 0;
  bool wants_running = false;
  bool archives = true;
  std::map<std::string, std::string> settings;
  Timestamp created_at;
  std::optional<Timestamp> reset_at;
  std::optional<Timestamp> deleted_at;
};

struct Incarnation {
  std::string id;
  std::string branch_id;
  std::string volume;
  std::optional<std::string> parent_incarnation_id;
  std::optional<int> timeline;
  std::optional<std::string> fork_lsn;
  std::optional<Timestamp> forked_at;
  std::string bin_directory;
  std::string image;
  std::string image_digest;
  bool basic_archive = false;
  std::string pg_version;
  bool first_start = false;
  Timestamp created_at;
  std::optional<Timestamp> kept_since;
  std::optional<Timestamp> kept_until;
  std::string kept_reason;
  std::string drift_told;
};

struct Snapshot {
  std::string incarnation_id;     ///< its own: the volume, the build
  std::string of_incarnation_id;  ///< the life that it shows
  std::string label;
  std::string purpose;
  Timestamp taken_at;
};

/// How often a branch is kept, and how many of those snapshots stay.
struct Schedule {
  std::string branch_id;
  std::chrono::seconds every{};
  std::string keep;  ///< "24h:1h,30d:1d"
};

struct Endpoint {
  std::string branch_id;
  std::string address;
  int port = 0;
  bool active = true;
};

struct Size {
  std::string incarnation_id;
  std::uint64_t referenced = 0;
  std::uint64_t exclusive = 0;
  Timestamp measured_at;
};

/// A pool's size when it was last asked for, which may take a process.
struct PoolSize {
  std::string driver;
  std::string place;
  std::uint64_t bytes = 0;
  Timestamp seen_at;
};

/// Branches of one parent that are kept started and idle.
struct BranchPool {
  std::string parent_id;
  int size = 0;
  std::string snapshot_id;  ///< empty: the parent's newest
  bool ephemeral = false;
  std::string error;
};

inline constexpr auto spare_role = "spare";  ///< waits in its parent's pool
inline constexpr auto run_role = "run";      ///< goes when the command that it serves ends

/// A branch that no person named.
struct Temporary {
  std::string branch_id;
  std::string role;
  int pid = 0;
  bool ephemeral = false;
  std::string snapshot_id;
  std::string snapshot;
  Timestamp as_of;
};

struct Operation {
  std::int64_t id = 0;
  std::string kind;
  std::string subject;
  std::string command;
  int pid = 0;
  std::string plan;  ///< JSON
  std::string state;
  Timestamp started_at;
  std::optional<Timestamp> ended_at;
  std::string recovery;
  std::string recovered_by;
  std::string error;
};

struct Reservation {
  std::string kind;
  std::string key;
};

}  // namespace velo::catalog
