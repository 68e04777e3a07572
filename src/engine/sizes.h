// Measuring what a life's volume weighs, into the catalog's cache.
#pragma once

#include "base/error.h"
#include "catalog/records.h"
#include "engine/engine.h"

namespace velo::engine {

/// What cannot be measured (the pool is not mounted) leaves the cache as it is.
Result<void> measure_life(Engine& engine, const catalog::Project& project,
                          const catalog::Incarnation& life);

}  // namespace velo::engine
