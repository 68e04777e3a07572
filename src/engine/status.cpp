#include "engine/status.h"

#include <set>

#include "catalog/catalog.h"
#include "engine/branch_pool.h"
#include "engine/operation.h"
#include "engine/records.h"
#include "engine/sizes.h"
#include "engine/survey.h"
#include "storage/registry.h"

namespace velo::engine {
namespace {

OperationState state_of(const Engine& engine, const catalog::Operation& record) {
  if (record.state == "done") return OperationState::done;
  if (record.state == "undone") return OperationState::undone;
  return is_running(engine, record) ? OperationState::running : OperationState::interrupted;
}

OperationView view_of(const Engine& engine, const catalog::Operation& record) {
  return {.id = record.id,
          .kind = record.kind,
          .subject = record.subject,
          .command = record.command,
          .pid = record.pid,
          .state = state_of(engine, record),
          .started_at = record.started_at,
          .ended_at = record.ended_at,
          .recovery = record.recovery,
          .recovered_by = record.recovered_by,
          .error = record.error};
}

}  // namespace

std::string_view name_of(OperationState state) {
  switch (state) {
    case OperationState::running:
      return "running";
    case OperationState::interrupted:
      return "interrupted";
    case OperationState::done:
      return "done";
    case OperationState::undone:
      return "undone";
  }
  return "unknown";
}

Result<StatusView> status(Engine& engine) {
  const Survey survey = TRY(measured_survey(engine));
  StatusView view;
  view.projects = TRY(survey.projects());
  for (ProjectView& project : view.projects) leave_out_spares(project.branches);
  view.branch_pools = TRY(list_branch_pools(engine));
  view.kept = survey.kept();
  std::set<std::pair<std::string, std::string>> seen;
  for (const ProjectView& project : view.projects) {
    if (!seen.emplace(project.driver, project.pool).second) continue;
    const auto driver = TRY(storage::open_driver(project.driver, project.pool));
    const storage::PoolState state = TRY(driver->pool_state());
    view.pools.push_back({.driver = project.driver,
                          .place = project.pool,
                          .health = state.health,
                          .size = state.size,
                          .used = state.used,
                          .free = state.free});
  }
  for (const catalog::Operation& record : TRY(engine.catalog().open_operations())) {
    view.unfinished.push_back(view_of(engine, record));
  }
  return view;
}

Result<std::vector<OperationView>> operations(Engine& engine, int limit) {
  std::vector<OperationView> views;
  for (const catalog::Operation& record : TRY(engine.catalog().recent_operations(limit))) {
    views.push_back(view_of(engine, record));
  }
  return views;
}

}  // namespace velo::engine
