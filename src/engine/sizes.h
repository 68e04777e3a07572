// What a life's volume weighs, in the catalog's cache.
#pragma once

#include "base/error.h"
#include "catalog/records.h"
#include "engine/engine.h"
#include "storage/driver.h"

namespace velo::engine {

/// Measured now.
Result<void> remember_sizes(Engine& engine, const std::string& incarnation_id,
                            const storage::Sizes& sizes);
/// What cannot be measured (the pool is not mounted) leaves the cache as it is.
Result<void> measure_life(Engine& engine, const catalog::Project& project,
                          const catalog::Incarnation& life);

}  // namespace velo::engine
