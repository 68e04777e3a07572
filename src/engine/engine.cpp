#include "engine/engine.h"

#include "base/files.h"
#include "catalog/backup.h"
#include "catalog/catalog.h"
#include "catalog/health.h"
#include "catalog/replace.h"
#include "engine/whereabouts.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

/// Whoever puts another catalog in place needs no longer.
constexpr auto patience = 30s;
constexpr auto backups_at_most_every = 60s;

Result<FileLock> lock_catalog(const Home& home, LockMode mode, const Cancellation& cancel) {
  return FileLock::acquire(home.catalog_lock(), mode, patience, cancel, {});
}

/// Shared; first carries out what somebody decided and did not live to do.
Result<FileLock> share_catalog(const Home& home, const Cancellation& cancel) {
  for (;;) {
    {
      FileLock shared = TRY(lock_catalog(home, LockMode::shared, cancel));
      if (!catalog::is_replacement_due(home.database())) return shared;
    }
    const FileLock alone = TRY(lock_catalog(home, LockMode::exclusive, cancel));
    TRY(catalog::finish_replacement(home.database()));
  }
}

}  // namespace

Engine::Engine(Home home, std::optional<FileLock> lock, std::unique_ptr<catalog::Catalog> catalog,
               Observer& observer, const Cancellation& cancel, Options options)
    : home_(std::move(home)),
      lock_(std::move(lock)),
      catalog_(std::move(catalog)),
      observer_(&observer),
      cancel_(&cancel),
      command_(std::move(options.command)),
      path_variable_(std::move(options.path_variable)),
      program_(std::move(options.program)) {}

Engine::Engine(Engine&&) noexcept = default;

// What could throw here is running out of memory, after which nothing is promised.
// NOLINTNEXTLINE(bugprone-exception-escape)
Engine::~Engine() {
  if (!catalog_ || !backs_up_) return;
  catalog_.reset();
  // A backup that fails is no reason to call what was done a failure; doctor tells how old the last
  // one is.
  static_cast<void>(catalog::back_up(home_.database(), home_.backups(), backups_at_most_every));
}

Result<Engine> Engine::open(Options options, Observer& observer, const Cancellation& cancel) {
  Home home = TRY(Home::open(options.home));
  FileLock lock = TRY(share_catalog(home, cancel));
  auto catalog = std::make_unique<catalog::Catalog>(
      TRY(catalog::Catalog::open(home.database(), home.has_lived() ? catalog::WhenMissing::refuse
                                                                   : catalog::WhenMissing::make)));
  TRY(ensure_whereabouts(home, *catalog));
  Engine engine(std::move(home), std::move(lock), std::move(catalog), observer, cancel,
                std::move(options));
  engine.backs_up_ = true;
  return engine;
}

Result<Engine> Engine::read(Options options, Observer& observer, const Cancellation& cancel) {
  const bool is_there = TRY(Home::exists(options.home));
  if (is_there) return open(std::move(options), observer, cancel);
  auto nothing = std::make_unique<catalog::Catalog>(TRY(catalog::Catalog::in_memory()));
  return Engine(Home::at(options.home), std::nullopt, std::move(nothing), observer, cancel,
                std::move(options));
}

Engine Engine::over(const Home& home, catalog::Catalog catalog, Observer& observer,
                    const Cancellation& cancel, Options options) {
  return {home,     std::nullopt, std::make_unique<catalog::Catalog>(std::move(catalog)),
          observer, cancel,       std::move(options)};
}

Result<Engine> Engine::again(Observer& observer) const {
  return open({.home = home_.root(),
               .command = command_,
               .path_variable = path_variable_,
               .program = program_},
              observer, *cancel_);
}

Result<Engine> Engine::look(Options options, Observer& observer, const Cancellation& cancel) {
  Home home = Home::at(options.home);
  if (catalog::is_replacement_due(home.database())) {
    return fail_with_hint(
        Errc::state,
        fmt::format("another catalog was about to be put in place of {}", home.database().string()),
        "the next command that changes something does it");
  }
  const catalog::Health health = TRY(catalog::examine(home.database()));
  if (!health.damage.empty()) {
    return fail(Errc::state, "{} is damaged: {}", home.database().string(), health.damage.front());
  }
  if (health.schema_version != health.newest_version) {
    return fail(Errc::state, "{} has schema version {}, and this velo's is {}",
                home.database().string(), health.schema_version, health.newest_version);
  }
  // Looks without a lock where there has never been one, or none may be made.
  std::optional<FileLock> lock;
  if (path_exists(home.catalog_lock())) lock = TRY(lock_catalog(home, LockMode::shared, cancel));
  auto catalog = std::make_unique<catalog::Catalog>(
      TRY(catalog::Catalog::open(home.database(), catalog::WhenMissing::refuse)));
  return Engine(std::move(home), std::move(lock), std::move(catalog), observer, cancel,
                std::move(options));
}

}  // namespace velo::engine
