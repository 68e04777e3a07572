#include "engine/sizes.h"

#include <algorithm>
#include <map>
#include <set>

#include "catalog/catalog.h"
#include "engine/records.h"
#include "engine/survey.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

/// What a listing may spend on measuring volumes that never were.
constexpr Seconds measuring_budget = 40ms;
/// How much data a walk over its extents gets through; 190 ms were seen for 1 GB of pgbench's.
constexpr double measured_bytes_a_second = 5e9;

/// How long measuring one volume takes, judged by the largest that was ever measured: branches are
/// about as large as their parents. Zero as long as none was.
Seconds expected_time(const Survey& survey) {
  std::uint64_t largest = 0;
  for (const auto& [id, size] : survey.sizes()) largest = std::max(largest, size.referenced);
  return Seconds(static_cast<double>(largest) / measured_bytes_a_second);
}

// A branch that another command takes away meanwhile is not worth an error.
void remember(Engine& engine, const std::string& incarnation_id, const storage::Sizes& sizes) {
  (void)remember_sizes(engine, incarnation_id, sizes);
}

/// Measures all present volumes of one place, with one question.
Result<void> measure_place(Engine& engine, const Survey& survey, const storage::Driver& driver,
                           const catalog::Project& place) {
  std::vector<std::string> incarnations;
  std::vector<std::string> volumes;
  for (const catalog::Project& project : survey.project_records()) {
    if (project.driver != place.driver || project.pool != place.pool) continue;
    for (const catalog::Branch& branch : survey.branch_records()) {
      const catalog::Incarnation* life = survey.incarnation(branch.incarnation_id);
      if (branch.project_id != project.id || branch.deleted_at || life == nullptr) continue;
      incarnations.push_back(life->id);
      volumes.push_back(life->volume);
    }
  }
  const auto sizes = driver.measure(volumes);
  if (!sizes) return {};  // the pool's health, shown beside it, says why
  std::map<std::string, storage::Sizes> news;
  for (std::size_t i = 0; i < sizes->size(); ++i) {
    const auto known = survey.sizes().find(incarnations[i]);
    const storage::Sizes& size = sizes->at(i);
    if (known == survey.sizes().end() || known->second.referenced != size.referenced ||
        known->second.exclusive != size.exclusive) {
      news.emplace(incarnations[i], size);
    }
  }
  if (news.empty()) return {};
  return engine.catalog().change([&]() -> Result<void> {
    for (const auto& [id, size] : news) remember(engine, id, size);
    return {};
  });
}

}  // namespace

Result<void> remember_sizes(Engine& engine, const std::string& incarnation_id,
                            const storage::Sizes& sizes) {
  return engine.catalog().remember({.incarnation_id = incarnation_id,
                                    .referenced = sizes.referenced,
                                    .exclusive = sizes.exclusive,
                                    .measured_at = now()});
}

Result<void> measure_life(Engine& engine, const catalog::Project& project,
                          const catalog::Incarnation& life) {
  const auto driver = TRY(driver_of(project));
  const auto sizes = driver->measure({life.volume});
  if (!sizes || sizes->size() != 1) return {};
  return remember_sizes(engine, life.id, sizes->front());
}

Result<void> measure_some(Engine& engine, const Survey& survey) {
  const Stopwatch watch;
  const Seconds each = expected_time(survey);
  std::set<std::pair<std::string, std::string>> asked;
  for (const catalog::Branch& branch : survey.branch_records()) {
    if (branch.deleted_at) continue;
    const catalog::Incarnation* life = survey.incarnation(branch.incarnation_id);
    if (life == nullptr) continue;
    const catalog::Project project = TRY(engine.catalog().project(branch.project_id));
    const auto driver = TRY(driver_of(project));
    if (driver->capabilities().measures_all_at_once) {
      if (!asked.emplace(project.driver, project.pool).second) continue;
      TRY(measure_place(engine, survey, *driver, project));
      continue;
    }
    if (survey.sizes().contains(branch.incarnation_id)) continue;
    if (watch.elapsed() + each > measuring_budget) continue;
    const auto sizes = driver->measure({life->volume});
    if (sizes && !sizes->empty()) remember(engine, life->id, sizes->front());
  }
  return {};
}

}  // namespace velo::engine
