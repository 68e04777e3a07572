#include "engine/engine.h"

#include "catalog/catalog.h"
#include "catalog/health.h"

namespace velo::engine {

Engine::Engine(Home home, std::unique_ptr<catalog::Catalog> catalog, Observer& observer,
               const Cancellation& cancel, Options options)
    : home_(std::move(home)),
      catalog_(std::move(catalog)),
      observer_(&observer),
      cancel_(&cancel),
      command_(std::move(options.command)),
      path_variable_(std::move(options.path_variable)),
      program_(std::move(options.program)) {}

Engine::Engine(Engine&&) noexcept = default;
Engine::~Engine() = default;

Result<Engine> Engine::open(Options options, Observer& observer, const Cancellation& cancel) {
  Home home = TRY(Home::open(options.home));
  auto catalog = std::make_unique<catalog::Catalog>(TRY(catalog::Catalog::open(home.database())));
  return Engine(std::move(home), std::move(catalog), observer, cancel, std::move(options));
}

Result<Engine> Engine::read(Options options, Observer& observer, const Cancellation& cancel) {
  const bool is_there = TRY(Home::exists(options.home));
  if (is_there) return open(std::move(options), observer, cancel);
  auto nothing = std::make_unique<catalog::Catalog>(TRY(catalog::Catalog::in_memory()));
  return Engine(Home::at(options.home), std::move(nothing), observer, cancel, std::move(options));
}

Result<Engine> Engine::look(Options options, Observer& observer, const Cancellation& cancel) {
  Home home = Home::at(options.home);
  const catalog::Health health = TRY(catalog::examine(home.database()));
  if (!health.damage.empty()) {
    return fail(Errc::state, "{} is damaged: {}", home.database().string(), health.damage.front());
  }
  if (health.schema_version != health.newest_version) {
    return fail(Errc::state, "{} has schema version {}, and this velo's is {}",
                home.database().string(), health.schema_version, health.newest_version);
  }
  auto catalog = std::make_unique<catalog::Catalog>(TRY(catalog::Catalog::open(home.database())));
  return Engine(std::move(home), std::move(catalog), observer, cancel, std::move(options));
}

}  // namespace velo::engine
