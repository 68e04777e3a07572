// A branch's server: starting it, what its first start as itself needs, opening its gate, stopping
// it.
//
// None of these writes the journal; they are the steps and actions of operations that do.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "engine/engine.h"
#include "engine/records.h"
#include "engine/recovery.h"
#include "postgres/connection.h"

namespace velo::engine {

/// What a first start is told by whoever made the clone.
struct FirstStart {
  /// The source may have subscriptions: their workers must not run before they are disabled.
  bool may_have_subscriptions = true;
  /// The superuser's name, as the running parent told it; and what the server will run is what the
  /// parent's runs, so that no drift is to be looked for. Empty: the server is asked itself, which
  /// on its first query takes it some milliseconds.
  std::string superuser = {};
  /// How many files a recovery will find (recovery_sync.h); 0: there will be none.
  std::size_t files_to_sync = 0;
  /// It replays so much WAL that it had better promote than write it all out first.
  bool promotes = false;
  /// It is a snapshot's clone, and its WAL is replayed up to this moment before anything else.
  std::optional<RecoveryPlan> replay = std::nullopt;
};

/// Starts the server of `branch.incarnation` and waits until it is ready; its gate stays as it is.
/// When the incarnation was never started as itself (first_start) it does, before anybody is let
/// in: subscriptions disabled with slot_name = NONE, the password set by its SCRAM verifier,
/// prepared transactions reported. Then `branch` is changed (first_start, superuser, fork_lsn): the
/// caller writes it into the catalog. On failure no server runs.
Result<void> start_server(Engine& engine, BranchRecords& branch, const FirstStart& first,
                          const Cancellation& cancel);

/// What every cluster on that driver is given where nobody says otherwise.
postgres::Settings default_settings(const storage::Driver& driver);

/// After it began a timeline of its own: there its WAL became its own. On the first timeline there
/// is nothing to note.
Result<void> note_switch_point(BranchRecords& branch, const std::filesystem::path& pgdata);

/// Makes the cluster of a new project in its empty volume; no server runs.
Result<void> make_new_cluster(Engine& engine, const BranchRecords& branch,
                              const Cancellation& cancel);
/// As start_server for that cluster's first start: makes the control role too.
Result<void> start_new_cluster(Engine& engine, BranchRecords& branch, const Cancellation& cancel);

/// Lets everybody in, and has the server read that. Repeatable.
Result<void> open_server(Engine& engine, const BranchRecords& branch);

constexpr std::chrono::milliseconds connect_patience = std::chrono::seconds(10);

/// The control connection to a running server, waited for while that starts or recovers. A server
/// that was started by hand is found by its own postmaster.pid. When the connection is refused
/// because the user edited pg_hba.conf, puts Velo's lines back, has the server reload, and tries
/// again. The error's hint says what else can be done.
Result<postgres::Connection> connect_to(Engine& engine, const BranchRecords& branch,
                                        const Cancellation& cancel,
                                        std::chrono::milliseconds patience = connect_patience);

/// Whether the server that runs on the branch's cluster listens elsewhere than Velo would have it.
bool was_started_by_hand(const Engine& engine, const BranchRecords& branch,
                         const runtime::Seen& seen);

/// A branch's server as its runtime is told of it, made of the records.
Result<runtime::ServerSpec> spec_of(const Engine& engine, const BranchRecords& branch);

/// Errc::permission when `user` cannot pass through every directory on the way to `path`, naming
/// the first that is closed. Paths that do not exist yet count as passable.
Result<void> check_reachable(const std::filesystem::path& path, const OsUser& user);

}  // namespace velo::engine
