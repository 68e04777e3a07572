// Storage: which driver can serve here and why the others cannot, and how the pools are.

#include <algorithm>

#include "base/files.h"
#include "base/size.h"
#include "engine/check_parts.h"
#include "engine/config.h"
#include "engine/places.h"
#include "storage/registry.h"

namespace velo::engine {
namespace {

constexpr double full_enough_to_warn = 0.80;

Level level_of(storage::Remark::Weight weight) {
  switch (weight) {
    case storage::Remark::Weight::fine:
      return Level::ok;
    case storage::Remark::Weight::notable:
      return Level::info;
    case storage::Remark::Weight::warning:
      return Level::warning;
    case storage::Remark::Weight::wrong:
      return Level::error;
  }
  return Level::error;
}

/// A driver that finds its pools by itself is asked about each, any other about the place.
std::vector<fs::path> places_for(const storage::DriverInfo& info, const fs::path& place) {
  if (info.find == nullptr || info.takes(place)) return {place};
  std::vector<fs::path> found = info.find();
  if (found.empty()) found.push_back(place);
  return found;
}

/// What a driver has to say of its places, and of those where projects are.
void examine(Findings& findings, const storage::DriverInfo& info, std::vector<fs::path> places,
             const std::vector<Place>& used) {
  if (info.examine == nullptr) return;
  for (const Place& place : used) {
    if (place.driver == info.name &&
        std::ranges::find(places, fs::path(place.pool)) == places.end()) {
      places.emplace_back(place.pool);
    }
  }
  for (const fs::path& place : places) {
    for (const storage::Remark& remark : info.examine(place)) {
      findings.add(level_of(remark.weight), fmt::format("storage.{}", info.name),
                   std::string(info.name), remark.text, remark.hint);
    }
  }
}

void check_drivers(Findings& findings, const std::vector<Place>& used,
                   const fs::path& default_place) {
  bool any = false;
  for (const storage::DriverInfo& info : storage::drivers()) {
    for (const fs::path& place : places_for(info, default_place)) {
      if (const auto able = info.probe(place); able) {
        const bool first = !any && place == default_place;
        findings.ok("storage.driver", std::string(info.name),
                    fmt::format("{} can serve {}{}", info.name, place.string(),
                                first ? ": new projects there take it" : ""));
        any = true;
      } else {
        findings.add(
            Level::info, "storage.driver", std::string(info.name),
            fmt::format("{} cannot serve {}: {}", info.name, place.string(), able.error().message),
            able.error().hint);
      }
    }
    examine(findings, info, places_for(info, default_place), used);
  }
  if (any) return;
  findings.add(
      Level::warning, "storage.place", default_place.string(),
      fmt::format("no driver can serve {}, where new projects would live", default_place.string()),
      "name a place that you can write to: velo config set pool /path");
}

/// How many of a pool's hundred stay free (velo config get guard).
int guard_of(const Known& known) {
  const auto guard = get_config(*known.engine, "guard");
  return guard ? std::atoi(guard->value.c_str()) : 0;
}

void check_space(Findings& findings, const storage::PoolState& state, const std::string& pool,
                 int guard) {
  const double free = static_cast<double>(state.free) / static_cast<double>(state.size);
  const std::string text = fmt::format("the pool {} has {} free of {} ({:.0f} % used)", pool,
                                       to_size(state.free), to_size(state.size), (1 - free) * 100);
  if (free * 100 < guard) {
    findings.add(
        Level::error, "storage.space", pool,
        fmt::format("{}, less than the {} % that the guard keeps free: creates are refused", text,
                    guard),
        "delete branches or enlarge the pool; velo config set guard changes the limit");
  } else if (1 - free >= full_enough_to_warn) {
    findings.add(Level::warning, "storage.space", pool, text,
                 "delete branches or enlarge the pool: servers stop on a full disk");
  } else {
    findings.ok("storage.space", pool, text);
  }
}

void check_pool(Findings& findings, const Known& known, const Place& place) {
  const auto state = place.open->pool_state();
  if (!state) {
    findings.failed(Level::error, "storage.pool", place.pool, state.error());
    return;
  }
  const bool in_use = std::ranges::any_of(known.lives, [&](const Life& life) {
    return life.b.project.pool == place.pool && life.b.project.driver == place.driver;
  });
  if (state->health == "MISSING") {
    findings.add(in_use ? Level::error : Level::info, "storage.pool", place.pool,
                 fmt::format("the pool {} is not there", place.pool),
                 "is its file system mounted? see findmnt and /etc/fstab");
    return;
  }
  if (state->health == "READ-ONLY") {
    findings.add(Level::error, "storage.pool", place.pool,
                 fmt::format("the pool {} is read-only: nothing on it can run", place.pool),
                 state->remedy);
  } else if (state->health == "DEGRADED") {
    findings.add(Level::warning, "storage.pool", place.pool,
                 fmt::format("the pool {} is degraded: one more failure loses data", place.pool),
                 "see which device failed, and replace it");
  } else if (state->health != "ONLINE") {
    findings.add(Level::error, "storage.pool", place.pool,
                 fmt::format("the pool {} is {}", place.pool, state->health));
  } else {
    findings.ok("storage.pool", place.pool,
                fmt::format("the pool {} is online ({})", place.pool, place.driver));
  }
  if (state->size > 0) check_space(findings, *state, place.pool, guard_of(known));
}

/// VELO_HOME: a full one stops every command, and servers that log.
void check_room_at_home(Findings& findings, const Home& home) {
  const auto space = space_of(home.root());
  if (!space || space->size == 0) return;
  constexpr std::uint64_t too_little = 64U << 20U;
  if (space->free >= too_little) return;
  findings.add(Level::warning, "storage.home", home.root().string(),
               fmt::format("the file system of VELO_HOME has {} free", to_size(space->free)),
               "free some room there: the catalog and the logs are on it");
}

}  // namespace

void check_storage(Findings& findings, const Known* known, const Home& home) {
  const std::vector<Place> used = known == nullptr ? std::vector<Place>{} : places_of(*known);
  check_drivers(findings, used,
                known != nullptr ? default_place(*known->engine) : home.default_pool());
  for (const Place& place : used) check_pool(findings, *known, place);
  check_room_at_home(findings, home);
}

}  // namespace velo::engine
