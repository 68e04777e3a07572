// What deleted things still hold of a pool: for whoever needs room in it.
#pragma once

#include <string>

#include "base/error.h"
#include "engine/engine.h"
#include "storage/driver.h"

namespace velo::engine {

/// "120 MB are kept of what was deleted or reset: velo branch delete demo/old --now frees them";
/// empty when nothing is kept there. Measures: some 20–130 ms for each volume.
Result<std::string> advice_on_kept(Engine& engine, const storage::Driver& driver,
                                   const std::string& pool);

}  // namespace velo::engine
