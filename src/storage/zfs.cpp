// Volumes as ZFS datasets: a clone is a snapshot and a dataset made of it.
//
// A snapshot cannot go before its clones, and a dataset not before its snapshots. Nobody above
// needs to know: the snapshot of a clone is destroyed deferred as soon as the clone is there, so
// that it goes with it, and a volume that others were cloned from hands its snapshots to one of
// them
// (`zfs promote`) before it is destroyed. Promoting moves no data, and neither a name nor a mount
// changes. So deleting a parent frees what only the parent has, and takes nothing from a child.

#include <algorithm>
#include <chrono>
#include <memory>
#include <ranges>

#include "base/crypto.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/text.h"
#include "storage/builtin.h"
#include "storage/directory_volume.h"
#include "storage/mark.h"
#include "storage/zfs_adopt.h"
#include "storage/zfs_attach.h"
#include "storage/zfs_changes.h"
#include "storage/zfs_command.h"
#include "storage/zfs_layout.h"
#include "storage/zfs_mount.h"
#include "storage/zfs_place.h"
#include "storage/zfs_sharing.h"

namespace velo::storage {
namespace {

/// How often a family that changes meanwhile is looked at again.
constexpr int attempts = 20;

/// "2025-10-09T18-40-21.5f0c9a3e": no two in a family are the same, else a volume could not be
/// promoted to be the one that has its parent's snapshots.
Result<std::string> snapshot_name() {
  std::string name = to_rfc3339(now()).substr(0, 19);
  std::ranges::replace(name, ':', '-');
  return fmt::format("{}.{}", name, TRY(random_id()).substr(0, 8));
}

Result<void> done(Result<std::string> output) {
  if (!output) return std::unexpected(std::move(output).error());
  return {};
}

Result<void> unless_gone(Result<void> result) {
  if (!result && result.error().code == Errc::not_found) return {};
  return result;
}

/// A dataset's own snapshot and the datasets that were cloned from it.
struct Snapshot {
  std::string name;
  std::string made_for;  ///< the volume that Velo took it for; empty for anybody else's
  std::vector<std::string> clones;
};

/// What a dataset is before it is destroyed.
struct Family {
  zfs::Property mark;
  std::string origin;               ///< the snapshot that it was cloned from; "-" for none
  std::vector<Snapshot> snapshots;  ///< the oldest first
};

class Zfs final : public Driver {
 public:
  explicit Zfs(std::string place) : place_(std::move(place)) {}

  std::string_view name() const override { return zfs_driver.name; }
  Capabilities capabilities() const override {
    return {.atomic_snapshot = true,
            .cost = CloneCost::constant,
            .measures_all_at_once = true,
            .copies_on_write = true};
  }

  Result<void> prepare() override { return zfs::prepare_place(place_); }
  Result<void> check_there() const override { return zfs::check_pool(place_); }

  Result<void> create(const std::string& volume, const Mark& mark, const OsUser& owner) override {
    TRY(check_name(volume));
    TRY(zfs::prepare_place(place_));
    const std::string marked = fmt::format("{}={}", zfs::mark_property, mark_to_line(mark));
    TRY(unless_taken(volume, done(zfs::zfs({"create", "-u", "-o", marked, dataset(volume)}))));
    const auto open = [&]() -> Result<void> {
      TRY(fault_point(Fault::volume_filled));
      TRY(attach(volume));
      TRY(give_root(root_of(volume), owner));
      return sync_file_system(root_of(volume));
    };
    return or_take_back(volume, mark, open());
  }

  Result<void> clone(const std::string& source, const std::string& target, const Mark& mark,
                     const OsUser& /*owner*/, const FileFilter& /*leave_out*/) override {
    TRY(check_name(source));
    TRY(check_name(target));
    const std::string snapshot = dataset(source) + "@" + TRY(snapshot_name());
    TRY(zfs::take_snapshot(snapshot, {.name = zfs::for_property, .value = target}));
    const auto claimed = fault_point(Fault::volume_claimed);
    const auto cloned = !claimed ? claimed : on_snapshots_of(source, [&] {
      return zfs::make_clone(snapshot, dataset(target),
                             {.name = zfs::mark_property, .value = mark_to_line(mark)});
    });
    const auto released = release(snapshot);
    TRY(unless_taken(target, cloned));
    const auto open = [&]() -> Result<void> {
      TRY(fault_point(Fault::volume_filled));
      return attach(target);
    };
    return or_take_back(target, mark, released ? open() : released);
  }

  Result<void> remove(const std::string& volume, const std::string& home_id) override {
    TRY(check_name(volume));
    for (int attempt = 0; attempt < attempts; ++attempt) {
      const auto family = family_of(volume);
      if (!family && family.error().code == Errc::not_found) return release_snapshots_for(volume);
      if (!family) return std::unexpected(family.error());
      TRY(check_ours(volume, home_id, *family));
      if (!TRY(hand_over(volume, home_id, *family))) continue;
      TRY(destroy(volume, *family));
      return {};
    }
    return fail(Errc::storage, "{} changes faster than it can be removed", dataset(volume));
  }

  Result<void> attach(const std::string& volume) override {
    TRY(check_name(volume));
    return zfs::attach_volume(place_, volume);
  }
  Result<void> detach(const std::string& volume) override {
    TRY(check_name(volume));
    return zfs::detach_volume(place_, volume);
  }

  fs::path root_of(const std::string& volume) const override {
    return zfs::mountpoint_of(place_, volume);
  }

  Result<Presence> presence_of(const std::string& volume) const override {
    TRY(check_name(volume));
    if (zfs::is_mounted(dataset(volume), root_of(volume))) return Presence::attached;
    if (TRY(is_there(dataset(volume)))) return Presence::detached;
    // A place that was renamed or is of another pool of that name says nothing of its volumes.
    if (TRY(is_there(zfs::base_of(place_)))) return Presence::gone;
    return fail_with_hint(Errc::storage, fmt::format("there is nothing of Velo's in {}", place_),
                          zfs::hint_for_missing(place_));
  }

  Result<Mark> mark_of(const std::string& volume) const override {
    TRY(check_name(volume));
    // Mostly it is asked whether a name is free: then no process need be started.
    if (!zfs::exists(dataset(volume)).value_or(true)) {
      return fail(Errc::not_found, "there is no dataset {}", dataset(volume));
    }
    const auto property = zfs::get({std::string(zfs::mark_property)}, dataset(volume));
    if (!property) return std::unexpected(property.error());
    if (property->front().is_set_here()) {
      if (auto mark = mark_from_json(property->front().value)) return mark;
    }
    return fail(Errc::not_found, "{} has no mark of Velo's", dataset(volume));
  }

  Result<void> update_mark(const std::string& volume, const Mark& mark) override {
    if (TRY(mark_of(volume)).home_id != mark.home_id) {
      return fail(Errc::not_found, "{} belongs to another Velo home", dataset(volume));
    }
    return done(zfs::zfs(
        {"set", fmt::format("{}={}", zfs::mark_property, mark_to_line(mark)), dataset(volume)}));
  }

  Result<std::vector<std::string>> list() const override {
    TRY(zfs::check_pool(place_));
    const std::string base = zfs::base_of(place_);
    const auto output = zfs::zfs({"get", "-H", "-p", "-d", "1", "-t", "filesystem", "-o",
                                  "name,value,source", std::string(zfs::mark_property), base});
    std::vector<std::string> names;
    if (!output && output.error().code == Errc::not_found) return names;
    for (const auto& row : zfs::rows_of(TRY(output))) {
      if (row.size() != 3 || row[0] == base || row[2] != "local") continue;
      if (!mark_from_json(row[1])) continue;
      names.push_back(row[0].substr(base.size() + 1));
    }
    std::ranges::sort(names);
    return names;
  }

  Result<std::string> look_at_foreign(const std::string& source,
                                      const std::string& volume) const override {
    TRY(check_name(volume));
    return zfs::look_at_foreign(place_, source, volume);
  }
  Result<void> adopt(const std::string& /*source*/, const std::string& volume, const Mark& mark,
                     const OsUser& owner) override {
    TRY(check_name(volume));
    return zfs::adopt(place_, volume, mark, owner);
  }
  Result<void> give_back(const std::string& volume, const std::string& home_id,
                         const std::string& was) override {
    const auto mark = mark_of(volume);
    if (!mark && mark.error().code == Errc::not_found) return {};
    if (TRY(mark).home_id != home_id) {
      return fail(Errc::storage, "{} belongs to another Velo home", dataset(volume));
    }
    return zfs::give_back(place_, volume, was, TRY(list()).size() == 1);
  }

  Result<std::vector<Sizes>> measure(const std::vector<std::string>& volumes) const override {
    if (volumes.empty()) return std::vector<Sizes>{};
    TRY(zfs::check_pool(place_));
    std::vector<std::string> arguments{
        "list", "-H", "-p", "-t", "filesystem", "-o", "name,referenced,written"};
    if (volumes.size() == 1) {
      arguments.push_back(dataset(volumes.front()));
    } else {
      arguments.insert(arguments.end(), {"-d", "1", zfs::base_of(place_)});
    }
    const auto output = zfs::zfs(arguments);
    if (!output && output.error().code != Errc::not_found) return std::unexpected(output.error());
    const auto rows = zfs::rows_of(output.value_or(""));
    std::vector<Sizes> sizes;
    for (const std::string& volume : volumes) {
      const auto row = std::ranges::find_if(
          rows, [&](const auto& one) { return one.size() == 3 && one.front() == dataset(volume); });
      sizes.push_back(row == rows.end() ? Sizes{}
                                        : Sizes{.referenced = std::stoull(row->at(1)),
                                                .exclusive = std::stoull(row->at(2))});
    }
    return sizes;
  }

  Result<PoolState> pool_state() const override { return zfs::state_of_place(place_); }
  std::optional<std::uint64_t> room_beside(const std::string& volume) const override {
    if (!check_name(volume)) return std::nullopt;
    return zfs::room_seen_in(place_, volume);
  }

 private:
  std::string dataset(const std::string& volume) const { return zfs::dataset_of(place_, volume); }

  Result<void> check_name(const std::string& volume) const {
    if (!zfs::is_volume_name(volume)) {
      return fail(Errc::storage, "\"{}\" cannot name a volume on ZFS", volume);
    }
    // Of a pool that is not there nobody can say whether it has the volume.
    return zfs::check_pool(place_);
  }

  Result<void> unless_taken(const std::string& volume, Result<void> made) const {
    if (!made && made.error().code == Errc::already_exists) {
      return fail(Errc::already_exists, "the dataset {} already exists", dataset(volume));
    }
    return made;
  }

  /// Removes what was made before `result` failed.
  Result<void> or_take_back(const std::string& volume, const Mark& mark, Result<void> result) {
    if (result) return result;
    if (auto removed = remove(volume, mark.home_id); !removed) {
      result.error().detail += "what was made of it is still there: " + removed.error().message;
    }
    return result;
  }

  /// A change that needs rights on a volume's snapshots, which an ordinary user must first give
  /// itself, once for each volume.
  template <class Change>
  Result<void> on_snapshots_of(const std::string& volume, Change change) const {
    auto changed = change();
    if (changed || changed.error().code != Errc::permission || running_as_root()) return changed;
    std::vector<std::string> allow{"allow"};
    for (std::string& word : zfs::grant_on_snapshots(dataset(volume), TRY(current_user()).name)) {
      allow.push_back(std::move(word));
    }
    if (!zfs::zfs(allow)) return changed;
    return change();
  }

  Result<Family> family_of(const std::string& volume) const {
    const std::string asked =
        fmt::format("{},{},origin,clones", zfs::mark_property, zfs::for_property);
    const std::string output =
        TRY(zfs::zfs({"get", "-H", "-p", "-d", "1", "-t", "filesystem,snapshot", "-o",
                      "name,property,value,source", asked, dataset(volume)}));
    Family family;
    for (const auto& row : zfs::rows_of(output)) {
      if (row.size() != 4) continue;
      const zfs::Property property{.value = row[2], .source = row[3]};
      if (row[0] == dataset(volume)) {
        if (row[1] == zfs::mark_property) family.mark = property;
        if (row[1] == "origin") family.origin = property.value;
      }
      if (!row[0].starts_with(dataset(volume) + "@")) continue;
      if (family.snapshots.empty() || family.snapshots.back().name != row[0]) {
        family.snapshots.push_back({.name = row[0], .made_for = {}, .clones = {}});
      }
      Snapshot& snapshot = family.snapshots.back();
      if (row[1] == zfs::for_property && property.is_set_here()) snapshot.made_for = property.value;
      if (row[1] == "clones" && !property.value.empty() && property.value != "-") {
        for (const auto clone : split(property.value, ',')) snapshot.clones.emplace_back(clone);
      }
    }
    return family;
  }

  Result<void> check_ours(const std::string& volume, const std::string& home_id,
                          const Family& family) const {
    if (!family.mark.is_set_here()) {
      return fail(Errc::storage, "{} carries no mark of Velo's; it was left alone",
                  dataset(volume));
    }
    const auto mark = mark_from_json(family.mark.value);
    if (!mark) {
      return fail(Errc::storage, "{} carries a damaged mark ({}); it was left alone",
                  dataset(volume), mark.error().message);
    }
    if (mark->home_id != home_id) {
      return fail(Errc::storage, "{} belongs to another Velo home ({}); it was left alone",
                  dataset(volume), mark->home_id);
    }
    for (const Snapshot& snapshot : family.snapshots) {
      if (!snapshot.made_for.empty() || !snapshot.clones.empty()) continue;
      return fail_with_hint(
          Errc::storage,
          fmt::format("{} has a snapshot that Velo did not take: {}; both were left alone",
                      dataset(volume), snapshot.name),
          fmt::format("when it is not needed any more: zfs destroy {}", snapshot.name));
    }
    return {};
  }

  /// Gives the snapshots that others were cloned from to the one that was cloned last. True when
  /// there were none; else the family is to be looked at again.
  Result<bool> hand_over(const std::string& volume, const std::string& home_id,
                         const Family& family) const {
    for (const Snapshot& snapshot : std::ranges::reverse_view(family.snapshots)) {
      if (snapshot.clones.empty()) continue;
      const std::string& heir = snapshot.clones.front();
      const auto found = zfs::volume_of(heir);
      const auto mark = found && found->place == place_ ? mark_of(found->volume)
                                                        : fail(Errc::not_found, "it is no volume");
      if (mark && mark->home_id == home_id) {
        TRY(unless_gone(on_snapshots_of(volume, [&] { return zfs::promote(heir); })));
        return false;
      }
      if (found && mark.error().code == Errc::not_found && !is_there(heir).value_or(true)) {
        return false;
      }
      return fail_with_hint(
          Errc::storage,
          fmt::format("{} is needed by {}, which was cloned from it and is not this home's",
                      dataset(volume), heir),
          fmt::format("make that independent first: zfs promote {}", heir));
    }
    return true;
  }

  static Result<bool> is_there(const std::string& dataset) {
    if (const auto known = zfs::exists(dataset)) return *known;
    const auto asked = zfs::zfs({"list", "-H", "-o", "name", dataset});
    if (asked) return true;
    if (asked.error().code == Errc::not_found) return false;
    return std::unexpected(asked.error());
  }

  Result<void> destroy(const std::string& volume, const Family& family) {
    TRY(detach(volume));
    for (const Snapshot& snapshot : family.snapshots) {
      TRY(on_snapshots_of(volume, [&] { return zfs::destroy_snapshot(snapshot.name); }));
    }
    TRY(zfs::destroy_dataset(dataset(volume)));
    if (family.origin.empty() || family.origin == "-") return {};
    // Gone with its clone, unless a crash came before it was told to.
    const auto left = zfs::get({std::string(zfs::for_property)}, family.origin);
    if (!left || !left->front().is_set_here() || left->front().value != volume) return {};
    return release(family.origin);
  }

  /// Snapshots and what they were taken of: "tank/velo/databases/shop-main@…".
  Result<void> release(const std::string& snapshot) const {
    const auto source = zfs::volume_of(snapshot.substr(0, snapshot.find('@')));
    return on_snapshots_of(source ? source->volume : "",
                           [&] { return zfs::destroy_snapshot_when_free(snapshot); });
  }

  /// The snapshot of a clone that a crash kept from being made.
  Result<void> release_snapshots_for(const std::string& volume) const {
    const auto output =
        zfs::zfs({"get", "-H", "-p", "-r", "-t", "snapshot", "-o", "name,value,source",
                  std::string(zfs::for_property), zfs::base_of(place_)});
    if (!output && output.error().code == Errc::not_found) return {};
    for (const auto& row : zfs::rows_of(TRY(output))) {
      if (row.size() != 3 || row[1] != volume || row[2] != "local") continue;
      TRY(release(row[0]));
    }
    return {};
  }

  std::string place_;
};

Result<void> probe(const fs::path& place) {
  return zfs::check_place(place.string());
}

std::unique_ptr<Driver> open(const fs::path& place) {
  return std::make_unique<Zfs>(place.string());
}

std::vector<fs::path> find() {
  std::vector<fs::path> places;
  for (const std::string& pool : zfs::find_places()) places.emplace_back(pool);
  return places;
}

}  // namespace

constinit const DriverInfo zfs_driver{.name = "zfs",
                                      .description = "ZFS clones, instant whatever the size",
                                      .probe = probe,
                                      .open = open,
                                      .examine = zfs::examine,
                                      .find = find,
                                      .sharing = &zfs::sharing};

}  // namespace velo::storage
