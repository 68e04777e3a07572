// Deleting and bringing back whole sets of branches, as branches and as projects do it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/projects.h"
#include "engine/records.h"

namespace velo::engine {

/// A branch and all of its descendants, children before parents.
Result<std::vector<BranchRecords>> family_of(Engine& engine, const BranchRecords& root);

/// Deletes these branches (children first) and, when given, their project, in one operation named
/// `kind` on `subject`. Their locks are held by the caller. Volumes stay for the grace period.
Result<Deletion> bury(Engine& engine, const std::string& kind, const std::string& subject,
                      const std::vector<BranchRecords>& branches,
                      const std::optional<catalog::Project>& project);

/// Brings these deleted branches back (parents first), with their project when it is deleted too. A
/// port that is taken by now is replaced, with a notice. Those that should run are started.
Result<void> unbury(Engine& engine, const std::string& kind, const std::string& subject,
                    std::vector<BranchRecords> branches,
                    const std::optional<catalog::Project>& project);

Deletion describe(const std::vector<BranchRecords>& branches, std::chrono::seconds grace);

}  // namespace velo::engine
