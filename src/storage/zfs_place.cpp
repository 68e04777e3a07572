#include "storage/zfs_place.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>

#include "base/groups.h"
#include "base/os_user.h"
#include "base/text.h"
#include "storage/zfs_attach.h"
#include "storage/zfs_command.h"
#include "storage/zfs_layout.h"
#include "storage/zfs_mount.h"

namespace velo::storage::zfs {
namespace {

/// In these a pool answers; in any other a command may wait for ever.
bool answers(const std::string& health) {
  return health == "ONLINE" || health == "DEGRADED";
}

Result<void> check_rights(const std::string& place) {
  TRY(check_mount_helper());
  const OsUser user = TRY(current_user());
  const auto missing =
      missing_rights(TRY(zfs({"allow", base_of(place)})), user.name, groups_of_caller());
  if (missing.empty()) return {};
  return fail_with_hint(Errc::permission,
                        fmt::format("the user {} lacks rights on {}: {}", user.name, base_of(place),
                                    join_words(missing)),
                        fmt::format("sudo velo setup --pool {} grants them", place));
}

enum class Base { missing, ours, foreign };

Result<Base> base_of_place(const std::string& place) {
  const auto marked = get({std::string(base_property)}, base_of(place));
  if (!marked && marked.error().code == Errc::not_found) return Base::missing;
  if (!marked) return std::unexpected(marked.error());
  return marked->front().is_set_here() ? Base::ours : Base::foreign;
}

std::unexpected<Error> not_ours(const std::string& place) {
  return fail_with_hint(
      Errc::already_exists,
      fmt::format("the dataset {} was not made by Velo; it was left alone", base_of(place)),
      fmt::format("give Velo a dataset of its own: zfs create {0}/team; then --pool {0}/team",
                  place));
}

std::string remedy_for_read_only(const std::string& place, bool whole_pool) {
  if (whole_pool)
    return fmt::format("it was imported so: zpool export {0}, zpool import {0}", pool_of(place));
  return fmt::format("zfs get readonly {} says where that comes from", base_of(place));
}

/// What to do about a pool that is not as it should be, by its health.
std::string remedy_for(const std::string& pool, const std::string& health) {
  if (health == "DEGRADED") {
    return fmt::format("zpool status {} says which device failed; replace it", pool);
  }
  return fmt::format("zpool status {0} says why; when its devices are back: zpool clear {0}", pool);
}

PoolState missing(const std::string& place) {
  return {.health = "MISSING", .remedy = hint_for_missing(place)};
}

std::uint64_t to_number(const std::string& text) {
  std::uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return 0;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return number;
}

}  // namespace

std::vector<std::string> groups_of_caller() {
  std::vector<gid_t> ids(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
  const int count = ::getgroups(static_cast<int>(ids.size()), ids.data());
  ids.resize(static_cast<std::size_t>(std::max(0, count)));
  ids.push_back(::getegid());
  std::vector<std::string> names;
  for (const gid_t id : ids) {
    if (auto name = group_name(id)) names.push_back(std::move(*name));
  }
  return names;
}

std::string hint_for_missing(const std::string& place) {
  const std::string pool = pool_of(place);
  return health_of(pool).empty()
             ? fmt::format("import the pool: zpool import {}", pool)
             : fmt::format("was it renamed or destroyed? see zfs list -r {}", pool);
}

Result<void> check_pool(const std::string& place) {
  if (!is_place(place)) {
    return fail_with_hint(Errc::usage, fmt::format("'{}' cannot name a ZFS pool", place),
                          "give a pool's name (zpool list), or a dataset in one: tank/team");
  }
  const std::string pool = pool_of(place);
  const std::string health = health_of(pool);
  if (health.empty()) {
    const auto pools = imported_pools();
    return fail_with_hint(Errc::storage, fmt::format("there is no ZFS pool {} here", pool),
                          pools.empty()
                              ? fmt::format("import it: zpool import {}", pool)
                              : fmt::format("import it: zpool import {}; there {} {}", pool,
                                            pools.size() == 1 ? "is" : "are", join_words(pools)));
  }
  if (answers(health)) return {};
  return fail_with_hint(Errc::storage, fmt::format("the pool {} is {}", pool, health),
                        fmt::format("zpool status {} says why", pool));
}

std::vector<std::string> find_places() {
  if (!check_available()) return {};
  return imported_pools();
}

Result<void> check_place(const std::string& place) {
  TRY(check_available());
  if (place.empty()) {
    return fail_with_hint(Errc::not_found, "no ZFS pool is imported here",
                          "zpool import shows those that could be; zpool create makes one");
  }
  TRY(check_pool(place));
  const auto properties = get({"readonly"}, place);
  if (!properties && properties.error().code == Errc::not_found) {
    return fail_with_hint(Errc::not_found, fmt::format("there is no dataset {}", place),
                          fmt::format("make it: zfs create {}", place));
  }
  if (!properties) return std::unexpected(properties.error());
  const bool read_only_import = is_imported_read_only(pool_of(place));
  if (properties->front().value == "on" || read_only_import) {
    return fail_with_hint(Errc::permission, fmt::format("the pool {} is read-only", place),
                          remedy_for_read_only(place, read_only_import));
  }
  switch (TRY(base_of_place(place))) {
    case Base::foreign:
      return not_ours(place);
    case Base::missing:
      if (running_as_root()) return {};
      return fail_with_hint(Errc::permission,
                            fmt::format("the pool {} is not set up for ordinary users", place),
                            fmt::format("sudo velo setup --pool {}", place));
    case Base::ours:
      break;
  }
  return running_as_root() ? Result<void>{} : check_rights(place);
}

Result<void> prepare_place(const std::string& place) {
  TRY(check_pool(place));
  switch (TRY(base_of_place(place))) {
    case Base::ours:
      return {};
    case Base::foreign:
      return not_ours(place);
    case Base::missing:
      break;
  }
  const auto make = [](const std::string& dataset,
                       const std::vector<std::string>& properties) -> Result<void> {
    std::vector<std::string> arguments{"create", "-u"};
    for (const std::string& property : properties) {
      arguments.insert(arguments.end(), {"-o", property});
    }
    arguments.push_back(dataset);
    auto made = zfs(arguments);
    if (made || made.error().code == Errc::already_exists) return {};
    return std::unexpected(std::move(made).error());
  };
  TRY(make(place + "/velo", {"canmount=off", "mountpoint=none"}));
  return make(base_of(place), base_properties(place));
}

Result<PoolState> state_of_place(const std::string& place) {
  PoolState state{.health = health_of(pool_of(place))};
  if (state.health.empty()) return missing(place);
  if (state.health != "ONLINE") state.remedy = remedy_for(pool_of(place), state.health);
  if (!answers(state.health)) return state;
  // The base dataset is asked as well: it may have a quota of its own.
  const auto rows =
      rows_of(zfs_as_far_as_it_goes({"get", "-H", "-p", "-o", "name,property,value",
                                     "used,available,readonly", place, base_of(place)}));
  const auto value_of = [&](const std::string& dataset, const char* property) {
    const auto row = std::ranges::find_if(rows, [&](const auto& one) {
      return one.size() == 3 && one[0] == dataset && one[1] == property;
    });
    return row == rows.end() ? std::string() : row->at(2);
  };
  if (value_of(place, "used").empty()) return missing(place);
  const std::string base = base_of(place);
  state.used = to_number(value_of(place, "used"));
  state.free = to_number(value_of(place, "available"));
  if (!value_of(base, "used").empty() && to_number(value_of(base, "available")) < state.free) {
    state.used = to_number(value_of(base, "used"));
    state.free = to_number(value_of(base, "available"));
  }
  state.size = state.used + state.free;
  const bool read_only_import = is_imported_read_only(pool_of(place));
  if (value_of(place, "readonly") == "on" || value_of(base, "readonly") == "on" ||
      read_only_import) {
    state.health = "READ-ONLY";
    state.remedy = remedy_for_read_only(place, read_only_import);
  }
  return state;
}

std::optional<std::uint64_t> room_seen_in(const std::string& place, const std::string& volume) {
  const std::filesystem::path mountpoint = mountpoint_of(place, volume);
  if (!is_mounted(dataset_of(place, volume), mountpoint)) return std::nullopt;
  struct statvfs status{};
  if (::statvfs(mountpoint.c_str(), &status) != 0) return std::nullopt;
  // Of a pool that was imported read-only as well as of a dataset.
  if ((status.f_flag & ST_RDONLY) != 0) return std::nullopt;
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

}  // namespace velo::storage::zfs
