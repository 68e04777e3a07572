// Storage: which driver can serve here and why the others cannot, and how the pools are.

#include <algorithm>

#include "base/files.h"
#include "base/size.h"
#include "engine/check_parts.h"
#include "engine/config.h"
#include "engine/home_room.h"
#include "engine/places.h"
#include "postgres/number.h"
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

/// Where new projects would live: as `project create` chooses, and the directory that it would take
/// where no driver finds a pool by itself.
struct Usual {
  Result<fs::path> place;
  fs::path directory;
};

/// A driver that finds its pools by itself is asked about each, any other about the place, or about
/// the directory where the place is no directory.
std::vector<fs::path> places_for(const storage::DriverInfo& info, const Usual& usual) {
  const bool takes_usual = usual.place && info.takes(*usual.place);
  if (info.find == nullptr) return {takes_usual ? *usual.place : usual.directory};
  std::vector<fs::path> found = info.find();
  if (takes_usual && std::ranges::find(found, *usual.place) == found.end()) {
    found.push_back(*usual.place);
  }
  if (found.empty()) found.push_back(usual.directory);  // its answer says what is missing
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

void check_drivers(Findings& findings, const std::vector<Place>& used, const Usual& usual) {
  bool is_served = false;
  for (const storage::DriverInfo& info : storage::drivers()) {
    for (const fs::path& place : places_for(info, usual)) {
      const bool is_usual = usual.place && *usual.place == place;
      if (const auto able = info.probe(place); able) {
        findings.ok("storage.driver", std::string(info.name),
                    fmt::format("{} can serve {}{}", info.name, place.string(),
                                is_usual && !is_served ? ": new projects there take it" : ""));
        is_served = is_served || is_usual;
      } else {
        findings.add(
            Level::info, "storage.driver", std::string(info.name),
            fmt::format("{} cannot serve {}: {}", info.name, place.string(), able.error().message),
            able.error().hint);
      }
    }
    examine(findings, info, places_for(info, usual), used);
  }
  if (!usual.place) {
    findings.add(Level::info, "storage.place", {},
                 fmt::format("new projects must name their pool: {}", usual.place.error().message),
                 usual.place.error().hint);
  } else if (!is_served) {
    findings.add(
        Level::warning, "storage.place", usual.place->string(),
        fmt::format("no driver can serve {}, where new projects would live", usual.place->string()),
        "name a place that you can write to: velo config set pool /path");
  }
}

/// How many of a pool's hundred stay free (velo config get guard).
int guard_of(const Known& known) {
  const auto guard = get_config(*known.engine, "guard");
  return guard ? postgres::parse_number<int>(guard->value.substr(0, guard->value.find('%')))
                     .value_or(0)
               : 0;
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

void check_pool(Findings& findings, const Place& place, bool in_use, int guard) {
  const auto state = place.open->pool_state();
  if (!state) {
    findings.failed(Level::error, "storage.pool", place.pool, state.error());
    return;
  }
  const auto add = [&](Level level, const std::string& what) {
    findings.add(level, "storage.pool", place.pool, fmt::format("the pool {} {}", place.pool, what),
                 state->remedy);
  };
  if (state->health == "MISSING") {
    add(in_use ? Level::error : Level::info, "is not there");
    return;
  }
  if (state->health == "READ-ONLY") {
    add(in_use ? Level::error : Level::warning, "is read-only: nothing on it can run");
  } else if (state->health == "DEGRADED") {
    add(Level::warning, "is degraded: one more failure loses data");
  } else if (state->health != "ONLINE") {
    add(in_use ? Level::error : Level::warning, fmt::format("is {}", state->health));
  } else {
    add(Level::ok, fmt::format("is online ({})", place.driver));
  }
  if (state->size > 0) check_space(findings, *state, place.pool, guard);
}

/// Those where projects are, and those that drivers find by themselves.
void check_pools(Findings& findings, const Known* known, const std::vector<Place>& used,
                 const Usual& usual) {
  const int guard = known != nullptr ? guard_of(*known) : 0;
  for (const Place& place : used) {
    const bool in_use = std::ranges::any_of(known->lives, [&](const Life& life) {
      return life.b.project.pool == place.pool && life.b.project.driver == place.driver;
    });
    check_pool(findings, place, in_use, guard);
  }
  for (const storage::DriverInfo& info : storage::drivers()) {
    if (info.find == nullptr) continue;
    for (const fs::path& path : places_for(info, usual)) {
      const bool is_told = std::ranges::any_of(used, [&](const Place& place) {
        return place.driver == info.name && place.pool == path.string();
      });
      if (is_told || !info.takes(path)) continue;
      check_pool(findings,
                 {.driver = std::string(info.name), .pool = path.string(), .open = info.open(path)},
                 false, guard);
    }
  }
}

/// VELO_HOME: a full one stops every command, and servers that log.
void check_room_at_home(Findings& findings, const Home& home) {
  const auto space = space_of(home.root());
  if (!space || space->size == 0) return;
  constexpr std::uint64_t too_little = 64U << 20U;
  if (space->free >= too_little) return;
  const Level level = check_room_at(home.root()) ? Level::warning : Level::error;
  findings.add(level, "storage.home", home.root().string(),
               fmt::format("the file system of VELO_HOME has {} free", to_size(space->free)),
               "free some room there: the catalog and the logs are on it");
}

}  // namespace

void check_storage(Findings& findings, const Known* known, const Home& home) {
  const std::vector<Place> used = known == nullptr ? std::vector<Place>{} : places_of(*known);
  const Usual usual{.place = known != nullptr ? default_place(*known->engine) : default_place(home),
                    .directory = default_directory(home)};
  check_drivers(findings, used, usual);
  check_pools(findings, known, used, usual);
  check_room_at_home(findings, home);
}

}  // namespace velo::engine
