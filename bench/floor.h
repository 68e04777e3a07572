// The bare floor: what no tool that gives people a branch can do without, written as directly as
// possible. CHECKPOINT over an open connection, the kernel's own clone, postmaster.pid away, fork
// and exec of `postgres`, the first query. Nothing of Velo's is on this path; the servers have the
// settings that Velo's have, and the clone is as durable as Velo's once the server is ready
// (PostgreSQL's recovery syncs a directory before it begins: SyncDataDirectory in fd.c).
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "bench/parent.h"

namespace velo::bench {

enum class CloneHow {
  snapshot,  ///< btrfs: one call for all of it
  reflink,   ///< FICLONE for each file
  copy,      ///< copy_file_range for each file
};

/// Waits until the server on this data directory is ready; an error when it has ended.
Result<void> await_ready(const fs::path& pgdata, const std::function<bool()>& has_ended);

/// One server of the floor's. Takes itself away: process and files.
class FloorServer {
 public:
  /// What can be had ready beforehand: directories, a port, the command line, an open connection
  /// to the parent.
  static Result<FloorServer> prepare(const Parent& parent, CloneHow how);
  FloorServer(FloorServer&& other) noexcept;
  FloorServer& operator=(FloorServer&&) = delete;
  FloorServer(const FloorServer&) = delete;
  FloorServer& operator=(const FloorServer&) = delete;
  ~FloorServer();

  /// Checkpoint (or backup) and clone; with `replay`, on a snapshot, what is committed gets there
  /// by the WAL in it alone.
  enum class By { checkpoint, replay };
  Result<void> clone(By by = By::checkpoint);
  /// A data directory that something else makes, e.g. pg_basebackup, in the clone's place.
  Result<void> clone_by(const std::function<Result<void>(const fs::path& pgdata)>& make);
  /// Settings ("name=value") in which this server differs from the parent's.
  void add_settings(const std::vector<std::string>& settings);
  /// Starts `postgres`, waits until it is ready, and asks the first query.
  Result<void> start();
  /// Sends the signal and waits until the postmaster is gone.
  Result<void> stop(int signal);
  const fs::path& directory() const { return directory_; }  ///< fs/pgdata and run are in it
  const Address& address() const { return address_; }
  /// Deletes the clone; the server must be down.
  Result<void> remove();

 private:
  FloorServer(const Parent& parent, CloneHow how, Client client)
      : parent_(&parent), how_(how), client_(std::move(client)) {}
  Result<void> clone_by_files();

  const Parent* parent_;
  CloneHow how_;
  Client client_;  ///< to the parent
  fs::path directory_;
  std::vector<std::string> argv_;
  Address address_;
  pid_t pid_ = 0;
  bool made_ = false;
};

}  // namespace velo::bench
