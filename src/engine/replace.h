// A branch's next life in the place of its present one: what reset and restore share.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "engine/branches.h"
#include "engine/engine.h"
#include "engine/records.h"
#include "engine/recovery.h"

namespace velo::engine {

/// What becomes of the life that is replaced.
enum class Replaced {
  kept_for_grace,    ///< `branch undelete` brings it back until the grace period ends
  kept_as_snapshot,  ///< it is a snapshot of the branch until somebody deletes it
};

struct Replacement {
  std::string kind;      ///< of the operation: "branch.reset"
  BranchRecords old;     ///< the branch as it is; locked exclusively by the caller
  BranchRecords source;  ///< whose cluster the new life is cloned from; locked at least shared
  Replaced replaced = Replaced::kept_for_grace;
  std::optional<catalog::Snapshot> snapshot =
      std::nullopt;                                   ///< that the source is, where it is one
  std::optional<RecoveryPlan> replay = std::nullopt;  ///< of the source's clone, up to its target
};

/// Clones the source beside the old life, stops the old server, starts the new one if the branch
/// should run, commits, and only then lets clients in. Port, password and children stay.
Result<CreatedBranch> replace_life(Engine& engine, const Replacement& replacement);

}  // namespace velo::engine
