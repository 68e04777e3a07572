// Replaying a clone's WAL up to a target, as its first start does for a branch of an earlier
// moment.
#pragma once

#include <filesystem>

#include "base/cancel.h"
#include "base/error.h"
#include "engine/engine.h"
#include "engine/recovery.h"
#include "postgres/connection.h"
#include "runtime/runtime.h"

namespace velo::engine {

/// Starts the server on a snapshot's clone and returns when it has reached the target and takes
/// writes, however long that takes. Servers that can run this program fetch WAL by it; those in
/// containers are fed meanwhile. A branch that committed nothing after the target is replayed to
/// the end of its WAL. Errc::not_found, with what can be had, when its WAL does not reach that far;
/// on failure no server runs.
Result<void> replay(Engine& engine, const RecoveryPlan& plan, runtime::Runtime& runtime,
                    const runtime::ServerSpec& spec, const Cancellation& cancel);

/// Afterwards, over the new server's connection: that nothing later than the target is in it, and
/// tells a person what was reached. `b` gets the fork that its own WAL begins at.
Result<void> finish_replay(Engine& engine, const RecoveryPlan& plan, BranchRecords& b,
                           postgres::Connection& connection);

}  // namespace velo::engine
