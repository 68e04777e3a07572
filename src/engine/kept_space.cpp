#include "engine/kept_space.h"

#include <algorithm>
#include <map>

#include "base/size.h"
#include "catalog/catalog.h"
#include "engine/survey.h"
#include "engine/tombstones.h"

namespace velo::engine {
namespace {

/// Frees all that is kept, whatever it is of.
constexpr const char* frees_all = "velo config set grace 0";

/// The command that frees a kept life, by the name of what was deleted; everything where that name
/// is somebody else's by now.
Result<std::string> command_for(Engine& engine, const Survey& survey,
                                const catalog::Project& project, const catalog::Branch& branch) {
  catalog::Catalog& catalog = engine.catalog();
  if (project.deleted_at) {
    const auto last = TRY(last_deleted_project(engine, project.name));
    const bool taken = TRY(catalog.project_named(project.name)).has_value();
    if (taken || !last || last->id != project.id) return frees_all;
    return fmt::format("velo project delete {} --now", project.name);
  }
  if (!branch.deleted_at) return frees_all;  // it lives: what is kept is of before a reset
  const catalog::Branch& root = survey.comes_back_with(branch);
  const auto last = TRY(last_deleted(engine, {.project = project.name, .branch = root.name}));
  const bool taken = TRY(catalog.branch_named(project.id, root.name)).has_value();
  if (taken || !last || last->id != root.id) return frees_all;
  return fmt::format("velo branch delete {}/{} --now", project.name, root.name);
}

/// The kept volumes of a pool, by the command that frees them.
Result<std::multimap<std::string, std::string>> kept_volumes(Engine& engine,
                                                             const std::string& pool) {
  const Survey survey = TRY(Survey::take(engine));
  std::multimap<std::string, std::string> kept;
  for (const catalog::Project& project : survey.project_records()) {
    if (project.pool != pool) continue;
    for (const catalog::Branch& branch : survey.branch_records()) {
      if (branch.project_id != project.id) continue;
      for (const auto& life : TRY(engine.catalog().incarnations_of(branch.id))) {
        if (!life.kept_until) continue;
        kept.emplace(TRY(command_for(engine, survey, project, branch)), life.volume);
      }
    }
  }
  return kept;
}

}  // namespace

Result<std::string> advice_on_kept(Engine& engine, const storage::Driver& driver,
                                   const std::string& pool) {
  const auto kept = TRY(kept_volumes(engine, pool));
  if (kept.empty()) return std::string{};
  std::vector<std::string> volumes;
  for (const auto& [command, volume] : kept) volumes.push_back(volume);
  const auto sizes = TRY(driver.measure(volumes));
  std::map<std::string, std::uint64_t> freed;
  std::uint64_t all = 0;
  std::size_t next = 0;
  for (const auto& [command, volume] : kept) {
    const std::uint64_t bytes = sizes.at(next++).exclusive;
    freed[command] += bytes;
    all += bytes;
  }
  const auto& [command, bytes] =
      *std::ranges::max_element(freed, {}, [](const auto& one) { return one.second; });
  const std::string begin =
      fmt::format("{} are kept of what was deleted or reset: {} frees ", to_size(all), command);
  if (freed.size() == 1) return begin + "them";
  if (command == frees_all) return begin + "all of them";
  return fmt::format("{}{}, {} all of them", begin, to_size(bytes), frees_all);
}

}  // namespace velo::engine
