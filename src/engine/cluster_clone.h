// Cloning a parent's cluster into a new volume, losing nothing that was committed.
//
// The rules are section "Cloning" of docs/architecture.md: CHECKPOINT and one snapshot on drivers
// whose snapshot is one moment; PostgreSQL's backup API around the clone of the files on the
// others; a parent that is down as it stands.
#pragma once

#include <filesystem>
#include <functional>
#include <future>
#include <optional>
#include <string>

#include "base/error.h"
#include "engine/checkpoint_choice.h"
#include "engine/engine.h"
#include "engine/operation.h"
#include "engine/records.h"
#include "engine/servers.h"
#include "postgres/connection.h"
#include "storage/driver.h"

namespace velo::engine {

struct ClonedCluster {
  FirstStart first_start;
  /// Whether its first start recovers, and so syncs all of it by itself (SyncDataDirectory in
  /// src/backend/storage/file/fd.c); else whoever commits it syncs it.
  bool will_recover = false;
};

/// A parent that can be cloned: its volume is there (and is attached), no tablespace lies outside
/// of it. Before any plan is written.
Result<void> check_clonable(Engine& engine, storage::Driver& driver, const BranchRecords& parent);

/// The way into a parent, found by a thread of its own: a connection takes the server a process and
/// some milliseconds, and a checkpoint more, which go by while the plan is written. Neither changes
/// anything, so whoever then refuses just lets go of it.
class Approach {
 public:
  /// `engine` and `parent` must outlive it, and stay as they are until clone_cluster returns. With
  /// `checkpoint` the server is told to make one, unless its WAL will be replayed instead, as soon
  /// as it can be told.
  Approach(Engine& engine, const BranchRecords& parent, std::filesystem::path pgdata,
           bool checkpoint, const Taking& taking = {});
  Approach(const Approach&) = delete;
  Approach& operator=(const Approach&) = delete;
  Approach(Approach&&) = delete;
  Approach& operator=(Approach&&) = delete;
  /// Waits for the thread, which looks at the engine's cancellation.
  ~Approach();

  struct Source {
    bool runs = false;
    std::optional<postgres::Connection> connection;
    bool checkpoints = false;  ///< the connection waits for the end of a CHECKPOINT
    /// It needs none: all that was committed is in so many bytes of WAL on disk.
    std::optional<Replayed> replayed;
    /// Not asked while a checkpoint runs, which may take long: the answer locks others out.
    std::optional<bool> may_have_subscriptions;
    std::string superuser;  ///< see FirstStart::superuser
    Error refusal;          ///< why there is no connection although it runs
  };
  /// What was found; looks again when it was taken before. With `needs_connection` a parent that
  /// recovers from a crash is waited for; a snapshot need not, its own recovery replays the same
  /// WAL.
  Result<Source> take(bool needs_connection);

 private:
  Result<Source> look() const;
  Engine* engine_;
  const BranchRecords* parent_;
  std::filesystem::path pgdata_;
  bool checkpoint_;
  Taking taking_;
  std::future<Result<Source>> found_;
};

/// The steps checkpoint, clone and prepare of `operation`: makes the volume
/// `child.incarnation.volume` with the mark of `child`. When another home has a volume of that
/// name, the operation is planned anew by `draft`, which chooses another one for the child.
Result<ClonedCluster> clone_cluster(Engine& engine, Operation& operation, storage::Driver& driver,
                                    const BranchRecords& parent, const BranchRecords& child,
                                    Approach& approach,
                                    const std::function<Result<Draft>()>& draft);

/// The record of a life that will be cloned from `source`, of the same build, never started as
/// itself; without a volume yet.
Result<catalog::Incarnation> life_cloned_from(const catalog::Incarnation& source,
                                              const std::string& branch_id);

}  // namespace velo::engine
