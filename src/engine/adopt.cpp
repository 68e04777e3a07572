#include "engine/adopt.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/files.h"
#include "catalog/catalog.h"
#include "engine/bases.h"
#include "engine/check_parts.h"
#include "engine/marks.h"
#include "engine/places.h"
#include "postgres/recovery.h"
#include "runtime/registry.h"
#include "storage/registry.h"

namespace velo::engine {
namespace {

/// A volume of this home's that nothing is recorded of, and that is whole.
struct Found {
  MarkedRecords marked;
  bool runs = false;
  Timestamp ended;  ///< nothing was written into its cluster later, unless it runs

  const BranchRecords& b() const { return marked.b; }
};

/// When the cluster's pg_control was written last: at its end, where it has ended.
Timestamp last_written(const fs::path& pgdata, Timestamp otherwise) {
  struct stat status{};
  if (::stat((pgdata / "global/pg_control").c_str(), &status) != 0) return otherwise;
  return Timestamp(std::chrono::ceil<std::chrono::microseconds>(
      std::chrono::seconds(status.st_mtim.tv_sec) +
      std::chrono::nanoseconds(status.st_mtim.tv_nsec)));
}

class Adoption {
 public:
  Adoption(Engine& engine, Known known) : engine_(engine), known_(std::move(known)) {}

  void look_at(const Whereabouts::At& place) {
    if (!seen_.insert(place.pool).second) return;
    const auto driver = storage::open_driver(place.driver, place.pool);
    if (!driver) return leave("", place.pool, driver.error().message);
    if (auto there = (*driver)->check_there(); !there) {
      return leave("", place.pool, there.error().message);
    }
    const auto names = (*driver)->list();
    if (!names) return leave("", place.pool, names.error().message);
    for (const std::string& name : *names) {
      const auto mark = (*driver)->mark_of(name);
      if (!mark || mark->home_id != engine_.catalog().home_id() ||
          known_.incarnation_ids.contains(mark->incarnation_id) ||
          known_.reserved_volumes.contains(volume_key(place.pool, name))) {
        continue;
      }
      auto found = examine(**driver, place, name, *mark);
      if (found) {
        found_.push_back(std::move(*found));
      } else {
        leave(name, place.pool, found.error().message);
      }
    }
  }

  Result<AdoptionReport> work() {
    std::ranges::sort(found_, {}, [](const Found& one) {
      return std::tuple(one.b().project.created_at, one.b().branch.created_at,
                        one.marked.snapshot.has_value(), one.b().incarnation.created_at);
    });
    TRY(engine_.catalog().change([&]() -> Result<void> {
      TRY(revive_all());
      for (const Found& one : found_) TRY(adopt_project(one));
      std::map<std::string, std::vector<const Found*>> led;
      for (const Found& one : found_) {
        if (!one.marked.snapshot) led[one.b().branch.id].push_back(&one);
      }
      for (const Found& one : found_) {
        const auto lives = led.find(one.b().branch.id);
        if (lives == led.end()) continue;
        TRY(adopt_lives(lives->second));
        led.erase(lives);
      }
      for (const Found& one : found_) TRY(adopt_snapshot(one));
      TRY(name_mains());
      return name_parents();
    }));
    note_missing();
    return std::move(report_);
  }

 private:
  void leave(const std::string& volume, const std::string& pool, const std::string& why) {
    report_.left.push_back({volume, pool, why});
  }

  Result<Found> examine(storage::Driver& driver, const Whereabouts::At& place,
                        const std::string& volume, const storage::Mark& mark) const {
    Found found{.marked = TRY(records_in(mark)), .runs = false, .ended = mark.created_at};
    BranchRecords& b = found.marked.b;
    b.project.driver = place.driver;
    b.project.pool = place.pool;
    b.incarnation.volume = volume;
    const OsUser owner = TRY(owner_of(b.project));
    TRY(driver.attach(volume));
    const fs::path root = driver.root_of(volume);
    const bool led = was_led(root, owner, b.incarnation.id);
    if (!led && !found.marked.is_whole) {
      return fail(Errc::state,
                  "it was being made when the catalog was lost, and nothing says that all of it is "
                  "there");
    }
    b.incarnation.first_start = !led && !found.marked.snapshot;
    const fs::path pgdata = pgdata_in(root);
    {
      const ActAs as(owner);
      if (!path_exists(pgdata / "PG_VERSION"))
        return fail(Errc::state, "there is no cluster in it");
      if (!b.incarnation.timeline) {
        if (const auto start = postgres::recovery_start(pgdata)) {
          b.incarnation.timeline = static_cast<int>(start->timeline);
        }
      }
      found.ended = std::max(last_written(pgdata, mark.created_at), mark.created_at);
    }
    const auto runtime = TRY(runtime_of(b.project));
    const auto seen = runtime->inspect(pgdata);
    found.runs = seen && seen->runs;
    return found;
  }

  /// A name that no other has: "dev", else "dev-1a2b".
  template <class IsTaken>
  static Result<std::string> free_name(const std::string& name, const std::string& id,
                                       IsTaken is_taken) {
    if (!TRY(is_taken(name))) return name;
    constexpr std::size_t enough = 4;
    return name.substr(0, 58) + "-" + id.substr(0, enough);
  }

  Result<void> adopt_project(const Found& one) {
    catalog::Project project = one.b().project;
    if (known_.project_ids.contains(project.id)) return {};
    const std::string name =
        TRY(free_name(project.name, project.id, [&](const std::string& wish) -> Result<bool> {
          return TRY(engine_.catalog().project_named(wish)).has_value();
        }));
    project.name = name;
    project.main_branch_id = one.b().branch.id;  // until main is found
    TRY(engine_.catalog().insert(project));
    known_.project_ids.insert(project.id);
    return {};
  }

  /// All volumes of one branch, the oldest first: the last one, or the one that runs, is what it is
  /// now, unless the catalog knows of a later one.
  Result<void> adopt_lives(const std::vector<const Found*>& lives) {
    const auto running = std::ranges::find_if(lives, &Found::runs);
    const Found& newest = running == lives.end() ? *lives.back() : **running;
    if (!known_.branch_ids.contains(newest.b().branch.id)) TRY(adopt_branch(newest));
    catalog::Branch branch = TRY(engine_.catalog().branch(newest.b().branch.id));
    for (const Found* one : lives) {
      TRY(engine_.catalog().insert(one->b().incarnation));
      known_.incarnation_ids.insert(one->b().incarnation.id);
    }
    if (branch.incarnation_id != newest.b().incarnation.id) {
      const auto recorded = TRY(engine_.catalog().incarnation(branch.incarnation_id));
      if (newest.runs || recorded.created_at < newest.b().incarnation.created_at) {
        TRY(replace_present(branch, recorded, newest));
      }
    }
    if (branch.incarnation_id == newest.b().incarnation.id) {
      TRY(bring_back(branch));
      report_.adopted.push_back(
          {TRY(name_of_branch(branch)), newest.b().incarnation.volume, notes_on(newest)});
    }
    const std::string full_name = TRY(name_of_branch(branch));
    for (const Found* one : lives) {
      if (one->b().incarnation.id == branch.incarnation_id) continue;
      TRY(keep_as_snapshot(one->b().incarnation, one->ended));
      report_.adopted.push_back({"a snapshot of " + full_name, one->b().incarnation.volume,
                                 "an earlier life of it, or one that was deleted"});
    }
    return {};
  }

  static std::string notes_on(const Found& one) {
    return one.runs ? "it runs" : "it is stopped; it may have been deleted shortly before";
  }

  Result<std::string> name_of_branch(const catalog::Branch& branch) {
    return TRY(engine_.catalog().project(branch.project_id)).name + "/" + branch.name;
  }

  Result<void> adopt_branch(const Found& one) {
    BranchRecords b = one.b();
    b.branch.name =
        TRY(free_name(b.branch.name, b.branch.id, [&](const std::string& wish) -> Result<bool> {
          return TRY(engine_.catalog().branch_named(b.project.id, wish)).has_value();
        }));
    b.branch.incarnation_id = b.incarnation.id;
    b.branch.wants_running = one.runs;
    parents_[b.branch.id] = b.branch.parent_id;
    b.branch.parent_id.reset();  // until all are there
    if (one.marked.is_main) mains_[b.project.id] = b.branch.id;
    TRY(engine_.catalog().insert(b.branch));
    known_.branch_ids.insert(b.branch.id);
    b.endpoint.port = TRY(own_or_free_port(b.endpoint));
    return engine_.catalog().insert(b.endpoint);
  }

  /// `newest` becomes what the branch is; what the catalog took for that stays as a snapshot.
  Result<void> replace_present(catalog::Branch& branch, const catalog::Incarnation& recorded,
                               const Found& newest) {
    branch.incarnation_id = newest.b().incarnation.id;
    branch.reset_at = newest.b().incarnation.created_at;
    TRY(engine_.catalog().update(branch));
    const auto life = std::ranges::find_if(
        known_.lives, [&](const Life& one) { return one.b.incarnation.id == recorded.id; });
    if (life != known_.lives.end() && life->presence &&
        *life->presence == storage::Presence::gone) {
      report_.missing.push_back(
          fmt::format("an earlier life of {} ({})", TRY(name_of_branch(branch)), recorded.volume));
      return engine_.catalog().remove_incarnation(recorded.id);
    }
    return keep_as_snapshot(recorded, newest.b().incarnation.created_at);
  }

  Result<void> keep_as_snapshot(catalog::Incarnation life, Timestamp ended) {
    life.kept_since = ended;
    life.kept_until.reset();
    life.kept_reason = snapshot_reason;
    TRY(engine_.catalog().update(life));
    return engine_.catalog().insert(catalog::Snapshot{.incarnation_id = life.id,
                                                      .of_incarnation_id = life.id,
                                                      .label = "",
                                                      .purpose = "replaced",
                                                      .taken_at = ended});
  }

  Result<void> adopt_snapshot(const Found& one) {
    if (!one.marked.snapshot) return {};
    catalog::Incarnation life = one.b().incarnation;
    if (!known_.branch_ids.contains(one.b().branch.id)) {
      leave(life.volume, one.b().project.pool,
            fmt::format("it is a snapshot of {}, of which nothing else is left",
                        one.b().full_name()));
      return {};
    }
    catalog::Snapshot snapshot = *one.marked.snapshot;
    life.kept_since = snapshot.taken_at;
    life.kept_reason = snapshot_reason;
    for (const catalog::Snapshot& other : TRY(engine_.catalog().snapshots())) {
      const bool same_label = !snapshot.label.empty() && other.label == snapshot.label;
      if (same_label &&
          TRY(engine_.catalog().incarnation(other.incarnation_id)).branch_id == life.branch_id) {
        snapshot.label.clear();
      }
    }
    TRY(engine_.catalog().insert(life));
    TRY(engine_.catalog().insert(snapshot));
    const catalog::Branch branch = TRY(engine_.catalog().branch(life.branch_id));
    std::string name = "a snapshot of " + TRY(name_of_branch(branch));
    if (!snapshot.label.empty()) name += "@" + snapshot.label;
    report_.adopted.push_back({std::move(name), life.volume, ""});
    return {};
  }

  /// What the catalog has as deleted or replaced, and a server runs on it: it was brought back.
  Result<void> revive_all() {
    for (const Life& life : known_.lives) {
      const bool was_taken_away = life.kept && life.b.incarnation.kept_reason != snapshot_reason;
      if (was_taken_away && life.seen && life.seen->runs) TRY(revive(life));
    }
    return {};
  }

  /// Makes a branch that was deleted one of those there are, under a name and a port that are free.
  Result<void> bring_back(catalog::Branch& branch) {
    if (!branch.deleted_at) return {};
    catalog::Catalog& catalog = engine_.catalog();
    catalog::Project project = TRY(catalog.project(branch.project_id));
    if (project.deleted_at) {
      project.deleted_at.reset();
      project.name =
          TRY(free_name(project.name, project.id, [&](const std::string& wish) -> Result<bool> {
            return TRY(catalog.project_named(wish)).has_value();
          }));
      TRY(catalog.update(project));
    }
    branch.deleted_at.reset();
    branch.name =
        TRY(free_name(branch.name, branch.id, [&](const std::string& wish) -> Result<bool> {
          return TRY(catalog.branch_named(project.id, wish)).has_value();
        }));
    TRY(catalog.update(branch));
    catalog::Endpoint endpoint = TRY(catalog.endpoint_of(branch.id));
    endpoint.port = TRY(own_or_free_port(endpoint));
    endpoint.active = true;
    return catalog.update(endpoint);
  }

  Result<int> own_or_free_port(const catalog::Endpoint& wanted) {
    const auto endpoints = TRY(engine_.catalog().endpoints());
    const bool taken = std::ranges::any_of(endpoints, [&](const catalog::Endpoint& other) {
      return other.active && other.branch_id != wanted.branch_id && other.port == wanted.port;
    });
    if (!taken && wanted.port != 0) return wanted.port;
    return TRY(free_port(engine_, 0)).number;
  }

  Result<void> revive(const Life& life) {
    catalog::Catalog& catalog = engine_.catalog();
    catalog::Branch branch = TRY(catalog.branch(life.b.branch.id));
    TRY(bring_back(branch));
    catalog::Incarnation present = life.b.incarnation;
    present.kept_since.reset();
    present.kept_until.reset();
    present.kept_reason.clear();
    TRY(catalog.update(present));
    if (branch.incarnation_id != present.id) {
      TRY(keep_as_snapshot(TRY(catalog.incarnation(branch.incarnation_id)), now()));
    }
    branch.incarnation_id = present.id;
    branch.wants_running = true;
    TRY(catalog.update(branch));
    report_.adopted.push_back({TRY(name_of_branch(branch)), present.volume,
                               "the catalog had it as taken away, and it runs"});
    return {};
  }

  Result<void> name_mains() {
    for (const auto& [project_id, branch_id] : mains_) {
      catalog::Project project = TRY(engine_.catalog().project(project_id));
      project.main_branch_id = branch_id;
      TRY(engine_.catalog().update(project));
    }
    return {};
  }

  Result<void> name_parents() {
    for (const auto& [id, parent] : parents_) {
      if (!parent || !engine_.catalog().branch(*parent)) continue;
      catalog::Branch branch = TRY(engine_.catalog().branch(id));
      branch.parent_id = parent;
      TRY(engine_.catalog().update(branch));
    }
    return {};
  }

  void note_missing() {
    for (const Life& life : known_.lives) {
      if (!life.presence || *life.presence != storage::Presence::gone) continue;
      if (!engine_.catalog().incarnation(life.b.incarnation.id)) continue;
      report_.missing.push_back(
          fmt::format("{} ({})", life.b.full_name(), life.b.incarnation.volume));
    }
  }

  Engine& engine_;
  Known known_;
  std::vector<Found> found_;
  std::set<std::string> seen_;
  std::map<std::string, std::string> mains_;                   ///< by project
  std::map<std::string, std::optional<std::string>> parents_;  ///< by branch
  AdoptionReport report_;
};

}  // namespace

std::vector<Whereabouts::At> usual_places(const Home& home) {
  std::vector<Whereabouts::At> places;
  for (const storage::DriverInfo& info : storage::drivers()) {
    if (info.find == nullptr) continue;
    for (const fs::path& place : info.find()) places.push_back({std::string(info.name), place});
  }
  const fs::path directory = default_directory(home);
  if (path_exists(directory)) {
    if (const auto choice = storage::choose_driver(directory)) {
      places.push_back({choice->driver, directory.string()});
    }
  }
  return places;
}

std::string home_of_volumes(const Home& home, const std::vector<Whereabouts::At>& places) {
  std::set<std::string> known;
  for (const char* below : {"tls", "logs", "run"}) {
    for (const std::string& name :
         list_directory(home.root() / below).value_or(std::vector<std::string>{})) {
      known.insert(name.substr(0, name.find('.')));
    }
  }
  for (const Whereabouts::At& place : places) {
    const auto driver = storage::open_driver(place.driver, place.pool);
    if (!driver) continue;
    for (const std::string& name : (*driver)->list().value_or(std::vector<std::string>{})) {
      const auto mark = (*driver)->mark_of(name);
      if (!mark) continue;
      if (known.contains(mark->project_id) || known.contains(mark->branch_id)) return mark->home_id;
    }
  }
  return {};
}

Result<AdoptionReport> adopt_volumes(Engine& engine, const std::vector<Whereabouts::At>& places) {
  Known known = TRY(gather(engine, engine.cancel()));
  std::vector<Whereabouts::At> all;
  for (const auto& project : known.projects) all.push_back({project.driver, project.pool});
  all.insert(all.end(), places.begin(), places.end());
  Adoption adoption(engine, std::move(known));
  for (const Whereabouts::At& place : all) adoption.look_at(place);
  for (const Whereabouts::At& place : usual_places(engine.home())) adoption.look_at(place);
  return adoption.work();
}

}  // namespace velo::engine
