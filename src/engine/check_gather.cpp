// What the catalog says, and what the machine answers to it: gathered once for all parts of the
// checker.

#include <algorithm>

#include "base/files.h"
#include "base/time_limit.h"
#include "catalog/catalog.h"
#include "engine/check_parts.h"
#include "engine/plan.h"
#include "runtime/registry.h"
#include "storage/registry.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

/// For each question to a runtime. A daemon that is well answers in milliseconds.
constexpr auto patience = 3s;

template <class Ask>
auto ask_within(const std::string& name, const Cancellation& above, Ask ask)
    -> decltype(ask(above)) {
  const TimeLimit limit(patience, above);
  auto answer = ask(limit.cancel());
  if (answer || !limit.passed()) return answer;
  return fail_with_hint(
      Errc::server,
      fmt::format("the runtime {} does not answer within {} s", name, patience.count()),
      "its daemon hangs: restart it");
}

/// The lives that the catalog has records of, without what runs on them.
Result<void> load_lives(Known& known) {
  catalog::Catalog& catalog = known.engine->catalog();
  std::map<std::string, catalog::Branch> branches;
  std::map<std::string, catalog::Endpoint> endpoints;
  std::map<std::string, catalog::Project> projects;
  for (auto& project : known.projects) projects.emplace(project.id, project);
  for (auto& branch : TRY(catalog.branches(catalog::Which::all))) {
    known.branch_ids.insert(branch.id);
    branches.emplace(branch.id, std::move(branch));
  }
  for (auto& endpoint : TRY(catalog.endpoints())) {
    endpoints.emplace(endpoint.branch_id, std::move(endpoint));
  }
  for (const auto& incarnation : TRY(catalog.incarnations())) {
    known.incarnation_ids.insert(incarnation.id);
    const auto branch = branches.find(incarnation.branch_id);
    if (branch == branches.end()) continue;  // the integrity check has told of it
    const auto project = projects.find(branch->second.project_id);
    const auto endpoint = endpoints.find(branch->first);
    if (project == projects.end() || endpoint == endpoints.end()) continue;
    Life life{.b = {.project = project->second,
                    .branch = branch->second,
                    .incarnation = incarnation,
                    .endpoint = endpoint->second},
              .kept = incarnation.kept_since.has_value(),
              .root = {},
              .pgdata = {}};
    if (const auto driver = driver_of(project->second)) {
      life.root = (*driver)->root_of(incarnation.volume);
      life.pgdata = pgdata_in(life.root);
      life.presence = (*driver)->presence_of(incarnation.volume);
    } else {
      life.presence = std::unexpected(driver.error());
    }
    known.lives.push_back(std::move(life));
  }
  std::ranges::stable_sort(known.lives, {}, [](const Life& life) {
    return std::tuple(life.kept, life.b.project.name, !life.b.is_main(), life.b.branch.created_at);
  });
  return {};
}

/// Branches and volumes that unfinished operations are making have no rows yet.
Result<void> load_unfinished(Known& known) {
  catalog::Catalog& catalog = known.engine->catalog();
  known.unfinished = TRY(catalog.open_operations());
  for (const auto& operation : known.unfinished) {
    const auto plan = plan_from_json(operation.plan);
    if (!plan) continue;
    known.branch_ids.insert(plan->branches.begin(), plan->branches.end());
    for (const auto* actions : {&plan->undo, &plan->finish}) {
      for (const Action& action : *actions) {
        const auto incarnation = action.args.find("incarnation");
        if (incarnation != action.args.end()) known.incarnation_ids.insert(incarnation->second);
        const auto branch = action.args.find("branch");
        if (branch != action.args.end()) known.branch_ids.insert(branch->second);
        const auto project = action.args.find("project");
        if (project != action.args.end()) known.project_ids.insert(project->second);
      }
    }
  }
  for (const auto& reservation : TRY(catalog.reservations("volume"))) {
    known.reserved_volumes.insert(reservation.key);
  }
  return {};
}

void look_at_servers(Known& known, const Cancellation& cancel) {
  for (const auto& [name, answer] : known.runtimes) {
    std::vector<Life*> lives;
    std::vector<fs::path> clusters;
    for (Life& life : known.lives) {
      if (life.b.project.runtime != name) continue;
      if (!life.presence) {
        life.seen = std::unexpected(life.presence.error());
        continue;
      }
      lives.push_back(&life);
      clusters.push_back(life.pgdata);
    }
    if (lives.empty()) continue;
    // A runtime that gave no list will not give another.
    const auto seen =
        !answer.holds ? Result<std::vector<runtime::Seen>>(std::unexpected(answer.holds.error()))
                      : ask_within(name, cancel, [&](const Cancellation& limited) {
                          return answer.runtime->inspect_all(clusters, limited);
                        });
    for (std::size_t i = 0; i < lives.size(); ++i) {
      lives[i]->seen = seen ? Result<runtime::Seen>(seen->at(i))
                            : Result<runtime::Seen>(std::unexpected(seen.error()));
    }
  }
}

}  // namespace

std::map<std::string, RuntimeAnswer> ask_runtimes(const Cancellation& cancel) {
  std::map<std::string, RuntimeAnswer> answers;
  for (const runtime::RuntimeInfo& info : runtime::runtimes()) {
    const std::string name(info.name);
    RuntimeAnswer answer{.runtime = info.open(),
                         .serves = fail(Errc::failed, "not asked"),
                         .holds = fail(Errc::failed, "not asked")};
    answer.serves = ask_within(
        name, cancel, [&](const Cancellation& limited) { return answer.runtime->check(limited); });
    // A daemon that hung once would only hold this up a second time.
    const bool answers_at_all = answer.serves || answer.serves.error().code == Errc::unsupported;
    if (answers_at_all) {
      answer.holds = ask_within(
          name, cancel, [&](const Cancellation& limited) { return answer.runtime->list(limited); });
    } else {
      answer.holds = std::unexpected(answer.serves.error());
    }
    answers.emplace(name, std::move(answer));
  }
  return answers;
}

Result<Known> gather(Engine& engine, const Cancellation& cancel) {
  Known known;
  known.engine = &engine;
  known.projects = TRY(engine.catalog().projects(catalog::Which::all));
  for (const auto& project : known.projects) known.project_ids.insert(project.id);
  TRY(load_lives(known));
  TRY(load_unfinished(known));
  known.runtimes = ask_runtimes(cancel);
  look_at_servers(known, cancel);
  known.listeners = listeners();
  return known;
}

std::vector<Place> places_of(const Known& known) {
  std::vector<Place> places;
  for (const auto& project : known.projects) {
    const bool is_there = std::ranges::any_of(places, [&](const Place& place) {
      return place.driver == project.driver && place.pool == project.pool;
    });
    auto driver = driver_of(project);
    if (is_there || !driver) continue;
    places.push_back({.driver = project.driver, .pool = project.pool, .open = std::move(*driver)});
  }
  return places;
}

}  // namespace velo::engine
