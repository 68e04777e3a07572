// What a life's volume weighs, in the catalog's cache.
#pragma once

#include "base/error.h"
#include "catalog/records.h"
#include "engine/engine.h"
#include "storage/driver.h"

namespace velo::engine {

class Survey;

/// Measured now.
Result<void> remember_sizes(Engine& engine, const std::string& incarnation_id,
                            const storage::Sizes& sizes);
/// What cannot be measured (the pool is not mounted) leaves the cache as it is.
Result<void> measure_life(Engine& engine, const catalog::Project& project,
                          const catalog::Incarnation& life);

/// Survey::take for a listing with sizes. Where one question answers for all volumes of a place it
/// is asked anew each time; elsewhere those are measured that never were, within some milliseconds:
/// large ones by `branch get` only.
Result<Survey> measured_survey(Engine& engine);

}  // namespace velo::engine
