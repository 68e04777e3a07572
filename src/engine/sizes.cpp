#include "engine/sizes.h"

#include "catalog/catalog.h"
#include "engine/records.h"

namespace velo::engine {

Result<void> measure_life(Engine& engine, const catalog::Project& project,
                          const catalog::Incarnation& life) {
  const auto driver = TRY(driver_of(project));
  const auto sizes = driver->measure({life.volume});
  if (!sizes || sizes->size() != 1) return {};
  return engine.catalog().remember({.incarnation_id = life.id,
                                    .referenced = sizes->front().referenced,
                                    .exclusive = sizes->front().exclusive,
                                    .measured_at = now()});
}

}  // namespace velo::engine
