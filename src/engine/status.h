// Everything at a glance, and the journal. Only reads: mends nothing, waits for nothing, starts no
// process. (One exception, so that sizes exist at all: sizes.h, measured_survey.)
#pragma once

#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/views.h"

namespace velo::engine {

Result<StatusView> status(Engine& engine);
/// The newest first; at most `limit`.
Result<std::vector<OperationView>> operations(Engine& engine, int limit);

}  // namespace velo::engine
