// What exists without a record. None of it is deleted here or by --fix, but for run directories,
// which hold nothing of worth.

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "archive/store.h"
#include "base/files.h"
#include "base/size.h"
#include "base/text.h"
#include "catalog/catalog.h"
#include "engine/check_parts.h"
#include "engine/places.h"
#include "postgres/number.h"
#include "storage/registry.h"

namespace velo::engine {
namespace {

/// Volumes with this home's mark, in one place, whose incarnation nothing knows.
void check_volumes(Findings& findings, const Known& known, const Place& place,
                   const std::vector<std::string>& names) {
  const std::string& pool = place.pool;
  for (const std::string& name : names) {
    const auto mark = place.open->mark_of(name);
    if (!mark || mark->home_id != known.engine->catalog().home_id()) continue;
    if (known.incarnation_ids.contains(mark->incarnation_id) ||
        known.reserved_volumes.contains(volume_key(pool, name))) {
      continue;
    }
    const std::string root = place.open->root_of(name).string();
    findings.add(
        Level::warning, "orphan.volume", root,
        fmt::format("the volume {} in {} has no record: it was made for {}/{} on {}", name, pool,
                    mark->project_name, mark->branch_name, to_local(mark->created_at)),
        // No command: what takes a volume away is another one on each driver.
        fmt::format(
            "velo state rebuild makes a record of it, if all of it is there; Velo deletes nothing "
            "that it has no record of: look at what is in {}, and take the volume away by hand "
            "when "
            "you are sure",
            root));
  }
}

/// Where volumes may lie though no project is there any more: where new ones would be made, and the
/// pools that drivers find by themselves, whether new ones could be made there or not.
std::vector<Place> places_without_projects(const Known& known) {
  std::vector<Place> places;
  const auto add = [&](std::string driver, const fs::path& place) {
    if (auto open = storage::open_driver(driver, place)) {
      places.push_back(
          {.driver = std::move(driver), .pool = place.string(), .open = std::move(*open)});
    }
  };
  for (const storage::DriverInfo& info : storage::drivers()) {
    if (info.find == nullptr) continue;
    for (const fs::path& place : info.find()) add(std::string(info.name), place);
  }
  for (const auto& usual :
       {default_place(*known.engine), Result<fs::path>(default_directory(known.engine->home()))}) {
    if (!usual || (usual->is_absolute() && !path_exists(*usual))) continue;
    if (auto choice = storage::choose_driver(*usual)) add(std::move(choice->driver), *usual);
  }
  return places;
}

void check_all_volumes(Findings& findings, const Known& known) {
  std::set<std::string> seen;
  for (const Place& place : places_of(known)) {
    if (!seen.insert(place.pool).second) continue;
    if (const auto names = place.open->list()) {
      check_volumes(findings, known, place, *names);
    } else {
      findings.failed(Level::warning, "orphan.volume", place.pool, names.error());
    }
  }
  for (const Place& place : places_without_projects(known)) {
    if (!seen.insert(place.pool).second) continue;
    if (const auto names = place.open->list()) check_volumes(findings, known, place, *names);
  }
}

/// Whether a server has its socket there: the lock file beside it says whose it is
/// (src/backend/utils/init/miscinit.c).
bool has_live_socket(const fs::path& directory) {
  for (const std::string& name : list_directory(directory).value_or(std::vector<std::string>{})) {
    if (!name.ends_with(".lock")) continue;
    const std::string text = read_file(directory / name).value_or("");
    const std::string_view first = std::string_view(text).substr(0, text.find('\n'));
    const pid_t pid = postgres::parse_number<pid_t>(trim(first)).value_or(0);
    if (pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM)) return true;
  }
  return false;
}

void check_run_directories(Findings& findings, const Known& known) {
  const fs::path base = known.engine->home().run_directory("x").parent_path();
  for (const std::string& name : list_directory(base).value_or(std::vector<std::string>{})) {
    if (known.branch_ids.contains(name)) continue;
    const std::string path = (base / name).string();
    if (has_live_socket(path)) {
      findings.add(Level::warning, "orphan.run_directory", path,
                   fmt::format("the run directory {} is no branch's, and a server has its socket "
                               "in it",
                               path),
                   fmt::format("find it with: ss -xlp | grep {}", name));
    } else {
      findings.add(Level::warning, "orphan.run_directory", path,
                   fmt::format("the run directory {} is no branch's", path),
                   "velo doctor --fix removes it",
                   {.kind = Repair::Kind::remove_directory, .subject = path});
    }
  }
}

void check_logs(Findings& findings, const Known& known) {
  const fs::path base = known.engine->home().root() / "logs";
  std::vector<std::string> orphans;
  for (const std::string& name : list_directory(base).value_or(std::vector<std::string>{})) {
    if (!known.branch_ids.contains(name.substr(0, name.find('.')))) orphans.push_back(name);
  }
  if (orphans.empty()) return;
  findings.add(Level::info, "orphan.log", base.string(),
               fmt::format("logs of branches that are gone: {}", join_words(orphans)),
               "remove them when you have read them");
}

/// Archives of WAL are large, and may be all that is left of a life.
void check_archive_directories(Findings& findings, const Known& known) {
  const fs::path base = known.engine->home().archive_directory("x").parent_path();
  for (const std::string& name : list_directory(base).value_or(std::vector<std::string>{})) {
    if (known.incarnation_ids.contains(name)) continue;
    const std::string path = (base / name).string();
    std::uint64_t size = 0;
    for (const archive::Entry& entry :
         archive::Store(path).list().value_or(std::vector<archive::Entry>{})) {
      size += entry.stored;
    }
    findings.add(Level::warning, "orphan.archive", path,
                 fmt::format("the archive of WAL {} ({}) is no branch's", path, to_size(size)),
                 fmt::format("when you are sure: rm -r {}", path));
  }
}

void check_certificate_directories(Findings& findings, const Known& known) {
  const fs::path base = known.engine->home().root() / "tls";
  for (const std::string& name : list_directory(base).value_or(std::vector<std::string>{})) {
    if (known.project_ids.contains(name)) continue;
    const std::string path = (base / name).string();
    findings.add(Level::warning, "orphan.certificate", path,
                 fmt::format("the certificate in {} is no project's", path),
                 fmt::format("when you are sure: rm -r {}", path));
  }
}

/// What runtimes hold of this home's: its logs lie here.
void check_held(Findings& findings, const Known& known) {
  const std::string logs = (known.engine->home().root() / "logs").string() + "/";
  for (const auto& [name, answer] : known.runtimes) {
    if (!answer.holds) continue;
    for (const runtime::Held& held : *answer.holds) {
      if (!held.log.string().starts_with(logs)) continue;
      const bool is_known = std::ranges::any_of(
          known.lives, [&](const Life& life) { return life.pgdata == held.pgdata; });
      const bool is_being_made =
          std::ranges::any_of(known.reserved_volumes, [&](const std::string& key) {
            const std::string volume = key.substr(key.find('\n') + 1);
            return held.pgdata.parent_path().parent_path().filename() == volume;
          });
      if (is_known || is_being_made) continue;
      findings.add(
          Level::warning, "orphan.held", held.name,
          fmt::format("{} is for {}, which is no branch's", held.name, held.pgdata.string()),
          fmt::format("when you are sure: {}", held.removed_by));
    }
  }
}

}  // namespace

void check_orphans(Findings& findings, const Known& known) {
  check_all_volumes(findings, known);
  check_run_directories(findings, known);
  check_logs(findings, known);
  check_archive_directories(findings, known);
  check_certificate_directories(findings, known);
  check_held(findings, known);
}

}  // namespace velo::engine
