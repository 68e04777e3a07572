// Volumes that delete and reset left in their grace period.
#pragma once

#include <chrono>

#include "base/error.h"
#include "catalog/records.h"
#include "engine/engine.h"

namespace velo::engine {

/// `velo config get grace`; zero: nothing is kept.
Result<std::chrono::seconds> grace_period(Engine& engine);

/// Deletes the kept volumes whose time is over, and the records that nothing else needs. Those
/// whose branch another command holds, or whose pool is away, are left for the next time. Part of
/// mend().
Result<void> reap(Engine& engine);

/// What is kept is kept for this long at most from now on. Within the caller's transaction.
Result<void> shorten_kept(Engine& engine, std::chrono::seconds grace);

/// Takes an incarnation's record away, and its branch's and project's when they are deleted and
/// nothing of them is left. Within the caller's transaction.
Result<void> forget_incarnation(Engine& engine, const catalog::Incarnation& incarnation);

}  // namespace velo::engine
