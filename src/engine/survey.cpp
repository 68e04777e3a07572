#include "engine/survey.h"

#include <algorithm>
#include <map>

#include "base/files.h"
#include "catalog/catalog.h"
#include "engine/config.h"
#include "engine/snapshots.h"
#include "runtime/registry.h"

namespace velo::engine {
namespace {

const catalog::Project* find_project(const std::vector<catalog::Project>& projects,
                                     const std::string& id) {
  const auto found = std::ranges::find(projects, id, &catalog::Project::id);
  return found == projects.end() ? nullptr : &*found;
}

Result<bool> archiving(Engine& engine) {
  return TRY(get_config(engine, "archive")).value == "on";
}

ServerState state_of(const runtime::Seen& server, bool wants_running) {
  if (!server.runs) return wants_running ? ServerState::down : ServerState::stopped;
  return server.is_ready ? ServerState::running : ServerState::starting;
}

/// Of a branch whose server does not run: whether its volume is why.
void look_for_volume(const storage::Driver& driver, const std::string& volume, BranchView& view) {
  const auto presence = driver.presence_of(volume);
  if (presence && *presence == storage::Presence::attached) return;
  if (presence && *presence == storage::Presence::detached) {
    if (view.state == ServerState::stopped) return;  // nobody misses it
    view.remark =
        fmt::format("its volume is not mounted: velo branch start {} mounts it", view.full_name);
    return;
  }
  view.state = ServerState::missing;
  view.remark = presence ? fmt::format("its volume {} is gone", volume) : presence.error().message;
}

}  // namespace

std::string_view name_of(ServerState state) {
  switch (state) {
    case ServerState::running:
      return "running";
    case ServerState::starting:
      return "starting";
    case ServerState::stopped:
      return "stopped";
    case ServerState::down:
      return "down";
    case ServerState::missing:
      return "missing";
  }
  return "unknown";
}

void Survey::add(catalog::Branch branch) {
  branch_by_id_.emplace(branch.id, branches_.size());
  branches_.push_back(std::move(branch));
}

void Survey::add(catalog::Incarnation life) {
  // A snapshot goes and comes back with its branch.
  if (life.kept_since && life.kept_until && life.kept_reason != snapshot_reason) {
    kept_by_branch_[life.branch_id].push_back(life.id);
  }
  std::string id = life.id;
  incarnations_.emplace(std::move(id), std::move(life));
}

Result<Survey> Survey::take(Engine& engine) {
  catalog::Catalog& catalog = engine.catalog();
  Survey survey(engine, TRY(archiving(engine)));
  survey.projects_ = TRY(catalog.projects(catalog::Which::all));
  for (auto& record : TRY(catalog.branches(catalog::Which::all))) survey.add(std::move(record));
  for (auto& record : TRY(catalog.incarnations())) survey.add(std::move(record));
  for (auto& record : TRY(catalog.endpoints())) survey.endpoints_.emplace(record.branch_id, record);
  for (auto& record : TRY(catalog.temporaries())) {
    survey.temporaries_.emplace(record.branch_id, record);
  }
  for (auto& record : TRY(catalog.sizes())) survey.sizes_.emplace(record.incarnation_id, record);
  return survey;
}

Result<Survey> Survey::take_of(Engine& engine, const std::string& branch_id) {
  catalog::Catalog& catalog = engine.catalog();
  Survey survey(engine, TRY(archiving(engine)));
  const catalog::Branch branch = TRY(catalog.branch(branch_id));
  survey.projects_.push_back(TRY(catalog.project(branch.project_id)));
  survey.add(branch);
  for (std::optional<std::string> parent = branch.parent_id; parent;) {
    // Another command may just have taken it away.
    auto found = catalog.branch(*parent);
    if (!found || survey.branch_by_id_.contains(*parent)) break;
    parent = found->parent_id;
    survey.add(std::move(*found));
  }
  for (auto& record : TRY(catalog.incarnations_of(branch_id))) {
    if (auto size = TRY(catalog.size_of(record.id))) survey.sizes_.emplace(record.id, *size);
    survey.add(std::move(record));
  }
  survey.endpoints_.emplace(branch_id, TRY(catalog.endpoint_of(branch_id)));
  if (auto record = TRY(catalog.temporary(branch_id))) {
    survey.temporaries_.emplace(branch_id, *record);
  }
  return survey;
}

const catalog::Branch* Survey::find_branch(const std::string& id) const {
  const auto found = branch_by_id_.find(id);
  return found == branch_by_id_.end() ? nullptr : &branches_[found->second];
}

const catalog::Incarnation* Survey::incarnation(const std::string& id) const {
  const auto found = incarnations_.find(id);
  return found == incarnations_.end() ? nullptr : &found->second;
}

/// By runtime, each of which is asked once.
Result<Survey::Servers> Survey::look_at(
    const std::vector<const catalog::Project*>& projects) const {
  std::map<std::string, std::vector<std::pair<std::string, fs::path>>> by_runtime;
  for (const catalog::Project* project : projects) {
    const auto driver = TRY(driver_of(*project));
    for (const catalog::Branch& branch : branches_) {
      if (branch.project_id != project->id || branch.deleted_at) continue;
      if (const auto* life = incarnation(branch.incarnation_id)) {
        by_runtime[project->runtime].emplace_back(branch.id, pgdata_of(*driver, life->volume));
      }
    }
  }
  Servers servers;
  for (const auto& [name, clusters] : by_runtime) {
    std::vector<fs::path> pgdatas;
    pgdatas.reserve(clusters.size());
    for (const auto& [id, pgdata] : clusters) pgdatas.push_back(pgdata);
    const auto seen = TRY(runtime::open_runtime(name))->inspect_all(pgdatas, engine_->cancel());
    for (size_t i = 0; i < clusters.size(); ++i) {
      if (seen) {
        servers.emplace(clusters[i].first, seen->at(i));
      } else {
        servers.emplace(clusters[i].first, std::unexpected(seen.error()));
      }
    }
  }
  return servers;
}

Result<std::vector<ProjectView>> Survey::projects() const {
  std::vector<const catalog::Project*> live;
  for (const catalog::Project& project : projects_) {
    if (!project.deleted_at) live.push_back(&project);
  }
  const Servers servers = TRY(look_at(live));
  std::vector<ProjectView> views;
  views.reserve(live.size());
  for (const catalog::Project* project : live) views.push_back(TRY(view_of(*project, servers)));
  return views;
}

Result<ProjectView> Survey::project(const std::string& id) const {
  const catalog::Project* project = find_project(projects_, id);
  if (project == nullptr) return fail(Errc::not_found, "the catalog has no project {}", id);
  return view_of(*project, TRY(look_at({project})));
}

Result<BranchView> Survey::branch(const std::string& id) const {
  const catalog::Branch* branch = find_branch(id);
  const catalog::Project* project =
      branch == nullptr ? nullptr : find_project(projects_, branch->project_id);
  if (project == nullptr) return fail(Errc::not_found, "the catalog has no branch {}", id);
  const catalog::Incarnation* life = incarnation(branch->incarnation_id);
  if (life == nullptr) return fail(Errc::state, "the catalog has no incarnation of branch {}", id);
  const auto driver = TRY(driver_of(*project));
  return view_of(*project, *driver, *branch,
                 TRY(runtime_of(*project))->inspect(pgdata_of(*driver, life->volume)));
}

std::vector<KeptView> Survey::kept() const {
  std::vector<KeptView> all;
  for (const catalog::Branch& branch : branches_) {
    if (const auto* project = find_project(projects_, branch.project_id)) {
      for (KeptView& view : kept_of(*project, branch)) all.push_back(std::move(view));
    }
  }
  return all;
}

Result<ProjectView> Survey::view_of(const catalog::Project& project, const Servers& servers) const {
  ProjectView view;
  view.id = project.id;
  view.name = project.name;
  view.runtime = project.runtime;
  view.runtime_reason = project.runtime_reason;
  view.driver = project.driver;
  view.storage_reason = project.storage_reason;
  view.pool = project.pool;
  view.pg_major = project.pg_major;
  view.created_at = project.created_at;
  const auto driver = TRY(driver_of(project));
  for (const catalog::Branch& branch : branches_) {
    if (branch.project_id != project.id || branch.deleted_at) continue;
    const auto server = servers.find(branch.id);
    const auto seen = server == servers.end() ? Result<runtime::Seen>{} : server->second;
    view.branches.push_back(TRY(view_of(project, *driver, branch, seen)));
    if (branch.id != project.main_branch_id) continue;
    if (const auto* life = incarnation(branch.incarnation_id)) {
      view.pg_version = life->pg_version;
      view.bin_directory = life->bin_directory;
      view.image = life->image;
      view.image_digest = life->image_digest;
    }
  }
  const auto main = std::ranges::find_if(view.branches, &BranchView::is_main);
  if (main != view.branches.end()) std::rotate(view.branches.begin(), main, main + 1);
  return view;
}

Result<BranchView> Survey::view_of(const catalog::Project& project, const storage::Driver& driver,
                                   const catalog::Branch& branch,
                                   const Result<runtime::Seen>& seen) const {
  const catalog::Incarnation* life = incarnation(branch.incarnation_id);
  const auto endpoint = endpoints_.find(branch.id);
  if (life == nullptr || endpoint == endpoints_.end()) {
    return fail(Errc::state, "the catalog's records of {}/{} do not fit together", project.name,
                branch.name);
  }
  const fs::path pgdata = pgdata_of(driver, life->volume);

  BranchView view;
  view.id = branch.id;
  view.project = project.name;
  view.name = branch.name;
  view.full_name = project.name + "/" + branch.name;
  view.is_main = branch.id == project.main_branch_id;
  if (const auto temporary = temporaries_.find(branch.id); temporary != temporaries_.end()) {
    view.role = temporary->second.role;
  }
  if (branch.parent_id) {
    if (const auto* parent = find_branch(*branch.parent_id)) {
      view.parent = project.name + "/" + parent->name;
    }
  }
  // A runtime that cannot be asked (its daemon is down) is no reason not to show all else.
  const runtime::Seen server = seen ? *seen : runtime::Seen{.remark = seen.error().message};
  view.state = state_of(server, branch.wants_running);
  if (view.state != ServerState::stopped) view.remark = server.remark;
  if (server.runs) {
    if (server.pid != 0) view.pid = server.pid;
    view.started_at = server.started_at;
  } else {
    look_for_volume(driver, life->volume, view);
  }
  view.address = endpoint->second.address;
  view.port = endpoint->second.port;
  if (const auto size = sizes_.find(life->id); size != sizes_.end()) {
    view.sizes = Sizes{.referenced = size->second.referenced,
                       .exclusive = size->second.exclusive,
                       .measured_at = size->second.measured_at};
  }
  view.created_at = branch.created_at;
  view.reset_at = branch.reset_at;
  view.driver = project.driver;
  view.runtime = project.runtime;
  view.pg_version = life->pg_version;
  view.image = life->image;
  view.image_digest = life->image_digest;
  view.volume = life->volume;
  view.data_directory = pgdata.string();
  view.log_file = engine_->home().log_file(branch.id).string();
  view.settings = branch.settings;
  view.archives = branch.archives && archiving_;
  view.forgets = !branch.archives;
  view.kept = kept_of(project, branch);
  return view;
}

const catalog::Branch& Survey::comes_back_with(const catalog::Branch& branch) const {
  const catalog::Branch* root = &branch;
  while (root->parent_id) {
    const auto* parent = find_branch(*root->parent_id);
    if (parent == nullptr || !parent->deleted_at) break;
    root = parent;
  }
  return *root;
}

std::vector<KeptView> Survey::kept_of(const catalog::Project& project,
                                      const catalog::Branch& branch) const {
  std::vector<KeptView> views;
  const auto kept = kept_by_branch_.find(branch.id);
  if (kept == kept_by_branch_.end()) return views;
  const std::string root =
      project.deleted_at ? project.name : project.name + "/" + comes_back_with(branch).name;
  for (const std::string& id : kept->second) {
    const catalog::Incarnation& life = incarnations_.at(id);
    views.push_back({.branch = project.name + "/" + branch.name,
                     .volume = life.volume,
                     .reason = life.kept_reason,
                     .kept_since = *life.kept_since,
                     .kept_until = *life.kept_until,
                     .exclusive = {},
                     .comes_back_with = root});
  }
  std::ranges::sort(
      views, [](const KeptView& a, const KeptView& b) { return a.kept_since < b.kept_since; });
  return views;
}

void leave_out_spares(std::vector<BranchView>& branches) {
  std::erase_if(branches,
                [](const BranchView& branch) { return branch.role == catalog::spare_role; });
}

Result<BranchView> view_branch(Engine& engine, const std::string& branch_id) {
  return TRY(Survey::take_of(engine, branch_id)).branch(branch_id);
}

}  // namespace velo::engine
