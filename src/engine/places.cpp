#include "engine/places.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "base/files.h"
#include "base/size.h"
#include "base/text.h"
#include "catalog/catalog.h"
#include "engine/config.h"
#include "engine/kept_space.h"
#include "engine/servers.h"
#include "engine/setup.h"
#include "engine/whereabouts.h"
#include "postgres/wal.h"
#include "runtime/port.h"
#include "storage/registry.h"

namespace velo::engine {
namespace {

constexpr int lowest_port = 15432;
constexpr int highest_port = 32767;

/// How long the guard goes by a pool's remembered size; who enlarges one waits for that at most.
constexpr std::chrono::hours pool_size_holds{1};

bool system_pool_is_usable() {
  const fs::path shared = system_pool / "velo";
  return ::access(shared.c_str(), W_OK | X_OK) == 0;
}

Result<bool> nobody_listens_on(int port) {
  auto free = runtime::check_port("127.0.0.1", port);
  if (free) return true;
  if (free.error().code == Errc::in_use) return false;
  return std::unexpected(std::move(free).error());
}

/// The kernel hands out [first, last] to outgoing connections: a server there could find its port
/// taken after a restart.
std::pair<int, int> ephemeral_range() {
  int first = 32768;
  int last = 60999;
  std::istringstream in(read_file("/proc/sys/net/ipv4/ip_local_port_range").value_or(""));
  in >> first >> last;
  return {first, last};
}

/// The one pool that a driver finds by itself, else the default directory; `not_better` says why
/// not those that were found.
Result<fs::path> place_without_a_word(const Home& home, const std::string& storage,
                                      std::string& not_better) {
  const auto driver = std::ranges::find(storage::drivers(), storage, &storage::DriverInfo::name);
  const bool named = driver != storage::drivers().end();
  if (named && driver->find == nullptr) return default_directory(home);
  const storage::FoundPlaces found = storage::find_places(named ? storage : "");
  not_better = found.refusals;
  if (found.usable.size() == 1) return found.usable.front().place;
  if (found.usable.empty() && !named) return default_directory(home);
  if (found.usable.empty() && not_better.empty()) {
    TRY(driver->probe(""));  // its error says what is missing
  }
  if (found.usable.empty()) {
    return fail_with_hint(Errc::unsupported,
                          fmt::format("no pool can serve {} here: {}", storage, not_better),
                          "velo doctor says more");
  }
  std::vector<std::string> names;
  for (const auto& one : found.usable) names.push_back(one.place.string());
  return fail_with_hint(
      Errc::usage, fmt::format("there are several pools: {}", join_words(names)),
      fmt::format("name one: --pool {0}; or for all projects to come: velo config set pool {0}",
                  names.front()));
}

/// Before anything is made in it.
Result<void> check_place(const fs::path& place, bool chosen_by_us, const OsUser& owner) {
  if (!chosen_by_us && !path_exists(place)) {
    return fail_with_hint(Errc::not_found,
                          fmt::format("the pool {} does not exist", place.string()),
                          "make the directory, or mount the file system there");
  }
  return check_reachable(place, owner);
}

std::unexpected<Error> no_directory(const fs::path& place) {
  return fail_with_hint(Errc::usage,
                        fmt::format("the pool '{}' is not an absolute path", place.string()),
                        "name a directory, for example --pool /mnt/btrfs");
}

}  // namespace

fs::path default_directory(const Home& home) {
  if (!running_as_root() && system_pool_is_usable()) return system_pool;
  return home.default_pool();
}

Result<fs::path> default_place(const Home& home) {
  std::string ignored;
  return place_without_a_word(home, "auto", ignored);
}

Result<fs::path> default_place(Engine& engine) {
  const std::string configured = TRY(get_config(engine, "pool")).value;
  return configured.empty() ? default_place(engine.home()) : Result<fs::path>(configured);
}

Result<Placement> choose_place(Engine& engine, const std::string& storage, const std::string& pool,
                               const OsUser& owner) {
  fs::path place = pool;
  if (place.empty()) place = TRY(get_config(engine, "pool")).value;
  const bool chosen_by_us = place.empty();
  std::string not_better;
  if (chosen_by_us) place = TRY(place_without_a_word(engine.home(), storage, not_better));
  if (place.is_absolute()) TRY(check_place(place, chosen_by_us, owner));
  if (storage == "auto") {
    auto choice = storage::choose_driver(place);
    if (!choice && !place.is_absolute() && choice.error().code == Errc::unsupported) {
      Error error = no_directory(place).error();
      error.message += fmt::format(", nor a pool's name: {}", choice.error().message);
      return std::unexpected(std::move(error));
    }
    storage::Choice chosen = TRY(std::move(choice));
    if (!not_better.empty()) chosen.reason += "; not " + not_better;
    return Placement{.driver = chosen.driver, .pool = place.string(), .reason = chosen.reason};
  }
  for (const storage::DriverInfo& info : storage::drivers()) {
    if (info.name != storage) continue;
    if (info.find == nullptr && !place.is_absolute()) return no_directory(place);
    if (auto able = info.probe(place); !able) {
      Error error = std::move(able).error();
      if (error.hint.empty()) {
        error.hint = "name another place with --pool, or let Velo choose with --storage auto";
      }
      return std::unexpected(std::move(error));
    }
    return Placement{.driver = storage, .pool = place.string(), .reason = "asked for by --storage"};
  }
  TRY(storage::open_driver(storage, place));  // its error names the drivers there are
  return fail(Errc::usage, "there is no storage driver '{}'", storage);
}

Result<void> prepare_pool(Engine& engine, storage::Driver& driver, const std::string& pool) {
  const auto projects = TRY(engine.catalog().projects(catalog::Which::all));
  if (std::ranges::count(projects, pool, &catalog::Project::pool) > 0) TRY(driver.check_there());
  TRY(note_place(engine.home(), engine.catalog(), {std::string(driver.name()), pool}));
  return driver.prepare();
}

Result<void> check_room(Engine& engine, const storage::Driver& driver, const std::string& pool,
                        const std::string& beside, std::uint64_t needed) {
  const int percent = std::stoi(TRY(get_config(engine, "guard")).value);
  const auto leaves_enough = [&](std::uint64_t size, std::uint64_t free) {
    const std::uint64_t kept_free = size / 100 * static_cast<std::uint64_t>(percent);
    return free >= kept_free && free - kept_free >= needed;
  };
  // What a pool has free changes all the time, its size hardly ever. Only a yes is believed.
  const auto free_now = beside.empty() ? std::nullopt : driver.room_beside(beside);
  if (free_now) {
    const auto known = TRY(engine.catalog().pool_size(driver.name(), pool));
    if (known && known->seen_at <= now() && now() - known->seen_at < pool_size_holds &&
        leaves_enough(known->bytes, *free_now)) {
      return {};
    }
  }
  const storage::PoolState state = TRY(driver.pool_state());
  if (state.health == "READ-ONLY") {
    return fail_with_hint(Errc::permission, fmt::format("the pool {} is read-only", pool),
                          state.remedy);
  }
  if (state.size == 0) return {};  // not made yet; making it will tell
  if (free_now) {
    TRY(engine.catalog().remember(catalog::PoolSize{.driver = std::string(driver.name()),
                                                    .place = pool,
                                                    .bytes = state.size,
                                                    .seen_at = now()}));
  }
  if (leaves_enough(state.size, state.free)) return {};
  const std::string kept = advice_on_kept(engine, driver, pool).value_or("");
  return fail_with_hint(
      Errc::no_space,
      fmt::format("the pool {} has {} free of {}, {} are needed, and {} % stay free so that no "
                  "server stops on a full disk",
                  pool, to_size(state.free), to_size(state.size), to_size(needed), percent),
      fmt::format(
          "{}{}delete branches with --now or enlarge the pool; velo config set guard changes "
          "the limit",
          kept, kept.empty() ? "" : "; or "));
}

Result<std::uint64_t> room_for_clone(const storage::Driver& driver, const BranchRecords& source) {
  const storage::Capabilities can = driver.capabilities();
  if (can.atomic_snapshot) return 0;
  const std::string& volume = source.incarnation.volume;
  const std::uint64_t wal =
      3 * segment_size_of(source.project, volume).value_or(postgres::default_segment_size);
  if (can.cost != storage::CloneCost::per_byte) return wal;
  return wal + TRY(driver.measure({volume})).at(0).referenced;
}

Result<std::string> free_volume_name(Engine& engine, const storage::Driver& driver,
                                     const std::string& pool, const std::string& project,
                                     const std::string& branch,
                                     const std::set<std::string>& refused) {
  const std::string base = project + "-" + branch;
  std::set<std::string> taken = refused;
  for (std::string& volume : TRY(engine.catalog().volumes_called(base))) {
    taken.insert(std::move(volume));  // of any pool: a name is cheap
  }
  for (const auto& reservation : TRY(engine.catalog().reservations("volume"))) {
    if (reservation.key.starts_with(volume_key(pool, ""))) {
      taken.insert(reservation.key.substr(volume_key(pool, "").size()));
    }
  }
  for (int number = 1;; ++number) {
    std::string name = number == 1 ? base : fmt::format("{}.{}", base, number);
    if (!taken.contains(name) && !driver.mark_of(name)) return name;
  }
}

std::string volume_key(const std::string& pool, const std::string& volume) {
  return pool + "\n" + volume;
}

Result<FreePort> free_port(Engine& engine, int wanted) {
  std::vector<int> ports = TRY(engine.catalog().ports());
  for (const auto& reservation : TRY(engine.catalog().reservations("port"))) {
    ports.push_back(std::stoi(reservation.key));
  }
  std::ranges::sort(ports);
  const auto is_taken = [&](int port) { return std::ranges::binary_search(ports, port); };
  if (wanted != 0) {
    if (wanted < 1 || wanted > 65535) {
      return fail(Errc::usage, "{} is no port; they go from 1 to 65535", wanted);
    }
    if (is_taken(wanted)) {
      return fail_with_hint(Errc::in_use, fmt::format("port {} belongs to another branch", wanted),
                            "leave --port out and Velo chooses a free one");
    }
    if (!TRY(nobody_listens_on(wanted))) {
      return fail_with_hint(
          Errc::in_use, fmt::format("port {} is in use by another program", wanted),
          fmt::format("find it with: ss -ltnp 'sport = :{}'; or leave --port out", wanted));
    }
    return FreePort{.number = wanted, .hold = {}};
  }
  const auto [first, last] = ephemeral_range();
  // Homes begin at different ports, so that a stopped branch's port is rarely taken by another
  // home.
  const std::string& home = engine.catalog().home_id();
  const int span = highest_port - lowest_port + 1;
  const int start =
      static_cast<int>(std::stoul(home.substr(0, 7), nullptr, 16) % static_cast<unsigned>(span));
  for (int i = 0; i < span; ++i) {
    const int port = lowest_port + (start + i) % span;
    if (port >= first && port <= last) continue;
    if (is_taken(port)) continue;
    if (auto hold = TRY(runtime::hold_port(port))) {
      return FreePort{.number = port, .hold = std::move(*hold)};
    }
  }
  return fail(Errc::in_use, "no port between {} and {} is free", lowest_port, highest_port);
}

Result<void> check_address(const std::string& address) {
  in_addr ignored{};
  if (::inet_pton(AF_INET, address.c_str(), &ignored) == 1) return {};
  return fail_with_hint(Errc::usage, fmt::format("'{}' is not an IPv4 address", address),
                        "write one of this machine's, or 0.0.0.0 for all of them");
}

}  // namespace velo::engine
