// Branches for a command, which go with it: `velo run`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/branches.h"
#include "engine/engine.h"
#include "engine/temporary.h"

namespace velo::engine {

struct RunRequest {
  std::string parent;    ///< "demo/dev", or "demo" for its main
  std::string snapshot;  ///< of the parent's, as find_snapshot takes it; empty: as it is now
  /// With fsync off: quick, and lost when the machine goes down.
  bool ephemeral = false;
  int copies = 1;  ///< so many branches, of one moment
  /// False: as if the parent had no pool. With a pool the branches are of its snapshot.
  bool from_pool = true;
};

/// A running branch for as long as this object and its process live.
struct Loan {
  Lease lease;
  std::string branch;  ///< "demo/run-1a2b3c4d"
  ConnectionView connection;
  std::optional<Basis> based_on;  ///< none: the parent as it was when it was asked for
  bool ephemeral = false;
};

/// All of them, or an error and none.
Result<std::vector<Loan>> lend_branches(Engine& engine, const RunRequest& request);

/// Deletes it for good. One that cannot be deleted now is deleted by whoever finds it afterwards.
Result<void> give_back(Engine& engine, Loan loan);

}  // namespace velo::engine
