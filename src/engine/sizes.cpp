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

catalog::Size size_of(const std::string& incarnation_id, const storage::Sizes& sizes) {
  return {.incarnation_id = incarnation_id,
          .referenced = sizes.referenced,
          .exclusive = sizes.exclusive,
          .measured_at = now()};
}

/// By incarnation.
using News = std::map<std::string, storage::Sizes>;

/// Measures all present volumes of one place, with one question.
void measure_place(const Survey& survey, const storage::Driver& driver,
                   const catalog::Project& place, News& news) {
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
  if (!sizes) return;  // the pool's health, shown beside it, says why
  for (std::size_t i = 0; i < sizes->size(); ++i) {
    const auto known = survey.sizes().find(incarnations[i]);
    const storage::Sizes& size = sizes->at(i);
    if (known == survey.sizes().end() || known->second.referenced != size.referenced ||
        known->second.exclusive != size.exclusive) {
      news.emplace(incarnations[i], size);
    }
  }
}

/// Measures volumes of one project that never were, as long as there is time.
void measure_some_of(const Survey& survey, const storage::Driver& driver,
                     const catalog::Project& project, const Stopwatch& watch, News& news) {
  const Seconds each = expected_time(survey);
  for (const catalog::Branch& branch : survey.branch_records()) {
    if (branch.project_id != project.id || branch.deleted_at) continue;
    const catalog::Incarnation* life = survey.incarnation(branch.incarnation_id);
    if (life == nullptr || survey.sizes().contains(life->id)) continue;
    if (watch.elapsed() + each > measuring_budget) return;
    const auto sizes = driver.measure({life->volume});
    if (sizes && !sizes->empty()) news.emplace(life->id, sizes->front());
  }
}

}  // namespace

Result<void> remember_sizes(Engine& engine, const std::string& incarnation_id,
                            const storage::Sizes& sizes) {
  return engine.catalog().remember(size_of(incarnation_id, sizes));
}

Result<void> measure_life(Engine& engine, const catalog::Project& project,
                          const catalog::Incarnation& life) {
  const auto driver = TRY(driver_of(project));
  const auto sizes = driver->measure({life.volume});
  // A branch that another command takes away meanwhile is not worth an error, nor is a full disk:
  // this is for those who only read.
  if (sizes && sizes->size() == 1) (void)remember_sizes(engine, life.id, sizes->front());
  return {};
}

Result<Survey> measured_survey(Engine& engine) {
  Survey survey = TRY(Survey::take(engine));
  const Stopwatch watch;
  News news;
  std::set<std::pair<std::string, std::string>> asked;
  for (const catalog::Project& project : survey.project_records()) {
    if (project.deleted_at) continue;
    const auto driver = TRY(driver_of(project));
    if (!driver->capabilities().measures_all_at_once) {
      measure_some_of(survey, *driver, project, watch, news);
    } else if (asked.emplace(project.driver, project.pool).second) {
      measure_place(survey, *driver, project, news);
    }
  }
  if (news.empty()) return survey;
  // What cannot be kept, as in measure_life(), is shown all the same.
  (void)engine.catalog().change([&]() -> Result<void> {
    for (const auto& [id, size] : news) (void)remember_sizes(engine, id, size);
    return {};
  });
  for (const auto& [id, size] : news) survey.learn(size_of(id, size));
  return survey;
}

}  // namespace velo::engine
