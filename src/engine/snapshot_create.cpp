#include <algorithm>
#include <set>

#include "base/files.h"
#include "catalog/catalog.h"
#include "engine/actions.h"
#include "engine/cluster_clone.h"
#include "engine/marks.h"
#include "engine/operation.h"
#include "engine/places.h"
#include "engine/snapshots.h"
#include "engine/temporary.h"
#include "postgres/recovery.h"

namespace velo::engine {
namespace {

constexpr std::size_t longest_label = 63;  // bytes

Result<void> check_label(const std::string& label) {
  const auto unprintable = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  };
  if (label.size() <= longest_label && label.find_first_of("/@") == std::string::npos &&
      std::ranges::none_of(label, unprintable) && !label.starts_with(' ') &&
      !label.ends_with(' ')) {
    return {};
  }
  return fail_with_hint(Errc::usage, fmt::format("'{}' cannot be a label", label),
                        "write 1 to 63 characters, without / and @: --label before-migration");
}

Result<void> check_label_is_free(Engine& engine, const BranchRecords& b, const std::string& label) {
  if (label.empty()) return {};
  for (const SnapshotView& other : TRY(list_snapshots(engine, b.full_name()))) {
    if (other.label != label) continue;
    return fail_with_hint(
        Errc::already_exists,
        fmt::format("{} has a snapshot with the label {} already", b.full_name(), label),
        fmt::format("choose another label, or delete that one: velo snapshot delete {}",
                    other.short_id));
  }
  return {};
}

/// Where the recovery of a cluster begins: which timeline, which WAL.
Result<void> note_position(const BranchRecords& shown, const fs::path& pgdata,
                           catalog::Incarnation& life) {
  const OsUser owner = TRY(owner_of(shown.project));
  const ActAs as(owner);
  const auto start = TRY(postgres::recovery_start(pgdata));
  life.fork_lsn = postgres::to_string(start.redo);
  life.timeline = static_cast<int>(start.timeline);
  return {};
}

}  // namespace

Result<SnapshotView> create_snapshot(Engine& engine, const std::string& name,
                                     const std::string& label, const std::string& purpose) {
  TRY(check_label(label));
  BranchRecords b;
  const BranchLocks locks = TRY(lock_branches(engine, [&]() -> Result<LockSet> {
    b = TRY(find_branch(engine, name));
    TRY(check_lasts(engine, b.project, b.branch));
    TRY(check_label_is_free(engine, b, label));
    return LockSet{.exclusive = {}, .shared = {b.branch.id}};
  }));
  const auto driver = TRY(driver_of(b.project));
  TRY(check_clonable(engine, *driver, b));
  Approach approach(engine, b, pgdata_of(*driver, b.incarnation.volume),
                    driver->capabilities().atomic_snapshot);
  TRY(check_room(engine, *driver, b.project.pool, b.incarnation.volume,
                 TRY(room_for_clone(*driver, b))));
  BranchRecords snapshot = b;
  snapshot.incarnation = TRY(life_cloned_from(b.incarnation, b.branch.id));
  catalog::Incarnation& life = snapshot.incarnation;

  // These are steps of what they are taken for.
  if (purpose != base_purpose && purpose != passing_purpose) {
    engine.observer().begin(fmt::format("Taking a snapshot of {}", b.full_name()));
  }
  std::set<std::string> refused;
  const auto draft = [&]() -> Result<Draft> {
    TRY(check_label_is_free(engine, b, label));
    life.volume = TRY(
        free_volume_name(engine, *driver, b.project.pool, b.project.name, b.branch.name, refused));
    refused.insert(life.volume);
    Draft made{.plan = {.branches = {},
                        .undo = {remove_volume(b.project.runtime, b.project.driver, b.project.pool,
                                               life.volume, life.id)},
                        .finish = {}},
               .reservations = {{"volume", volume_key(b.project.pool, life.volume)}}};
    if (!label.empty()) made.reservations.push_back({"label", b.branch.id + "/" + label});
    return made;
  };
  auto operation = TRY(Operation::begin(engine, "snapshot.create", b.full_name(), draft));
  catalog::Snapshot record{.incarnation_id = life.id,
                           .of_incarnation_id = b.incarnation.id,
                           .label = label,
                           .purpose = purpose,
                           .taken_at = {}};
  TRY(or_undo(operation, [&]() -> Result<void> {
    TRY(clone_cluster(engine, operation, *driver, b, snapshot, approach, draft));
    record.taken_at = now();
    TRY(note_position(b, pgdata_of(*driver, life.volume), life));
    TRY(mark_whole(engine, *driver, snapshot, record));
    TRY(sync_file_system(driver->root_of(life.volume)));
    life.kept_since = record.taken_at;
    life.kept_reason = snapshot_reason;
    if (purpose == passing_purpose) life.kept_until = record.taken_at;
    return operation.commit([&]() -> Result<void> {
      TRY(engine.catalog().insert(life));
      TRY(engine.catalog().forget_size(b.incarnation.id));
      return engine.catalog().insert(record);
    });
  }));
  return get_snapshot(engine, life.id);
}

}  // namespace velo::engine
