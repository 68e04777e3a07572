#include "engine/sizes.h"

#include "catalog/catalog.h"
#include "engine/records.h"

namespace velo::engine {

Result<void> remember_sizes(Engine& engine, const std::string& incarnation_id,
                            const storage::Sizes& sizes) {
  return engine.catalog().remember({.incarnation_id = incarnation_id,
                                    .referenced = sizes.referenced,
                                    .exclusive = sizes.exclusive,
                                    .measured_at = now()});
}

Result<void> measure_life(Engine& engine, const catalog::Project& project,
                          const catalog::Incarnation& life) {
  const auto driver = TRY(driver_of(project));
  const auto sizes = driver->measure({life.volume});
  if (!sizes || sizes->size() != 1) return {};
  return remember_sizes(engine, life.id, sizes->front());
}

}  // namespace velo::engine
