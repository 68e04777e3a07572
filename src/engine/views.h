// What the engine answers with: plain data for whoever shows it. Sizes are bytes, times are UTC.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace velo::engine {

enum class ServerState {
  running,   ///< answers, or is about to stop
  starting,  ///< has a process, is not ready yet (crash recovery)
  stopped,   ///< was stopped, or never started
  down,      ///< should run by the record, and does not: crashed, killed, or the machine restarted
  missing,   ///< its volume is not there (pool away, or removed by hand): the remark says which
};
/// "running", …
std::string_view name_of(ServerState state);

struct Sizes {
  std::uint64_t referenced = 0;
  std::uint64_t exclusive = 0;
  Timestamp measured_at;
};

/// What deleting a branch comes to, as `branch get` measures it.
struct Freed {
  /// What its volume, and those kept of its earlier lives, have of their own. What only these share
  /// among themselves comes back as well and is not counted.
  std::uint64_t bytes = 0;
  std::chrono::seconds grace{0};         ///< after which they come back
  std::uint64_t stays = 0;               ///< the rest of its data, which others have too
  std::vector<std::string> shared_with;  ///< its parent and children: "demo/main"
};

/// What `branch undelete` would bring back.
struct KeptView {
  std::string branch;  ///< "demo/dev"
  std::string volume;
  std::string reason;  ///< "deleted" or "reset"
  Timestamp kept_since;
  Timestamp kept_until;                    ///< the next change after it deletes the volume
  std::optional<std::uint64_t> exclusive;  ///< bytes of its own; where it was measured
  /// What undelete is to be given: "demo/dev", or "demo" for a deleted project. What was deleted
  /// with its parent or project comes back with that.
  std::string comes_back_with;
};

struct BranchView {
  std::string id;
  std::string project;
  std::string name;                   ///< "dev"
  std::string full_name;              ///< "demo/dev"
  std::optional<std::string> parent;  ///< "demo/main"; none for main
  bool is_main = false;
  std::string role;  ///< of a temporary branch: "run" or "spare"; empty: it stays
  ServerState state = ServerState::stopped;
  std::optional<Timestamp> started_at;  ///< of the server, when it runs
  std::optional<int> pid;
  std::string remark;   ///< what was changed behind Velo's back, or why its state cannot be told
  std::string address;  ///< "127.0.0.1"
  int port = 0;
  std::optional<Sizes> sizes;  ///< as last measured; listings do not measure anew
  Timestamp created_at;
  std::optional<Timestamp> reset_at;
  std::string driver;      ///< "btrfs"
  std::string runtime;     ///< "native"
  std::string pg_version;  ///< "15.18"
  std::string image;       ///< "postgres:17-alpine"; empty where servers are processes
  std::string image_digest;
  std::string volume;  ///< the volume's name in the pool
  std::string data_directory;
  std::string log_file;
  std::map<std::string, std::string> settings;  ///< --pg-conf of this branch
  bool archives = false;       ///< its servers keep their WAL, from their next start on
  bool forgets = false;        ///< --no-archive: whatever `config get archive` says, they do not
  std::vector<KeptView> kept;  ///< earlier volumes still in their grace period
  std::optional<Freed> freed;  ///< of branch get alone; main goes with its project
};

struct ProjectView {
  std::string id;
  std::string name;
  std::string runtime;
  std::string runtime_reason;  ///< why this runtime
  std::string driver;
  std::string storage_reason;  ///< why this driver
  std::string pool;            ///< the place
  int pg_major = 0;
  std::string pg_version;  ///< of main's server build
  std::string bin_directory;
  std::string image;  ///< of main's server; empty where servers are processes
  std::string image_digest;
  Timestamp created_at;
  std::vector<BranchView> branches;  ///< main first, then by creation
};

/// What a branch began with, where that is not its parent as it was when it was asked for.
struct Basis {
  std::string snapshot_id;
  std::string label;  ///< the snapshot's; empty: it has none
  Timestamp as_of;    ///< nothing in it was committed later by the parent
};

struct BranchPoolView {
  std::string parent;  ///< "demo/main"
  int size = 0;
  int ready = 0;                  ///< spares of the snapshot that they are to be of
  int stale = 0;                  ///< spares that are to be replaced
  bool ephemeral = false;         ///< with fsync off; only `velo run` takes them
  bool follows = false;           ///< the parent's newest snapshot, whichever it is
  std::optional<Basis> based_on;  ///< none: that snapshot is gone
  std::string error;              ///< why it could not be filled
};

struct PoolView {
  std::string driver;
  std::string place;
  std::string health;  ///< "ONLINE", …
  std::uint64_t size = 0;
  std::uint64_t used = 0;
  std::uint64_t free = 0;
};

enum class OperationState { running, interrupted, done, undone };
/// "running", "interrupted" (its process is gone, the next change mends it), "done",
/// "undone" (nothing of it remains).
std::string_view name_of(OperationState state);

struct OperationView {
  std::int64_t id = 0;
  std::string kind;     ///< "branch.create"
  std::string subject;  ///< "demo/dev"
  std::string command;  ///< the command line that began it
  int pid = 0;
  OperationState state = OperationState::done;
  Timestamp started_at;
  std::optional<Timestamp> ended_at;
  /// For one that a crash interrupted: "undone" or "finished", and the command that did it.
  std::string recovery;
  std::string recovered_by;
  std::string error;  ///< why it was undone, when it was not a crash
};

struct StatusView {
  std::vector<PoolView> pools;
  std::vector<ProjectView> projects;
  std::vector<OperationView> unfinished;  ///< running or interrupted
  std::vector<KeptView> kept;             ///< everything in its grace period
  std::vector<BranchPoolView> branch_pools;
};

struct ConnectionView {
  std::string branch;
  std::string url;  ///< postgresql://postgres:…@127.0.0.1:20000/postgres
  std::string host;
  int port = 0;
  std::string user;
  std::string password;
  std::string database;
  std::string certificate;  ///< path of the server's certificate, for sslrootcert
  /// The URL with *** for the password.
  std::string masked_url;
};

}  // namespace velo::engine
