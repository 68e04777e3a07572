#include "engine/survey.h"

#include <algorithm>

#include "base/files.h"
#include "catalog/catalog.h"
#include "engine/snapshots.h"
#include "runtime/registry.h"

namespace velo::engine {
namespace {

template <class Record>
const Record* find_by_id(const std::vector<Record>& records, const std::string& id) {
  const auto found = std::ranges::find_if(records, [&](const Record& r) { return r.id == id; });
  return found == records.end() ? nullptr : &*found;
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

Result<Survey> Survey::take(Engine& engine) {
  catalog::Catalog& catalog = engine.catalog();
  Survey survey(engine);
  survey.projects_ = TRY(catalog.projects(catalog::Which::all));
  survey.branches_ = TRY(catalog.branches(catalog::Which::all));
  for (auto& record : TRY(catalog.incarnations())) survey.incarnations_.emplace(record.id, record);
  for (auto& record : TRY(catalog.endpoints())) survey.endpoints_.emplace(record.branch_id, record);
  for (auto& record : TRY(catalog.sizes())) survey.sizes_.emplace(record.incarnation_id, record);
  return survey;
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
  const catalog::Project* project = find_by_id(projects_, id);
  if (project == nullptr) return fail(Errc::not_found, "the catalog has no project {}", id);
  return view_of(*project, TRY(look_at({project})));
}

Result<BranchView> Survey::branch(const std::string& id) const {
  const catalog::Branch* branch = find_by_id(branches_, id);
  const catalog::Project* project =
      branch == nullptr ? nullptr : find_by_id(projects_, branch->project_id);
  if (project == nullptr) return fail(Errc::not_found, "the catalog has no branch {}", id);
  const catalog::Incarnation* life = incarnation(branch->incarnation_id);
  if (life == nullptr) return fail(Errc::state, "the catalog has no incarnation of branch {}", id);
  const auto driver = TRY(driver_of(*project));
  return view_of(*project, *branch,
                 TRY(runtime_of(*project))->inspect(pgdata_of(*driver, life->volume)));
}

std::vector<KeptView> Survey::kept() const {
  std::vector<KeptView> all;
  for (const catalog::Branch& branch : branches_) {
    if (const auto* project = find_by_id(projects_, branch.project_id)) {
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
  for (const catalog::Branch& branch : branches_) {
    if (branch.project_id != project.id || branch.deleted_at) continue;
    const auto server = servers.find(branch.id);
    const auto seen = server == servers.end() ? Result<runtime::Seen>{} : server->second;
    view.branches.push_back(TRY(view_of(project, branch, seen)));
    if (branch.id != project.main_branch_id) continue;
    if (const auto* life = incarnation(branch.incarnation_id)) {
      view.pg_version = life->pg_version;
      view.bin_directory = life->bin_directory;
      view.image = life->image;
      view.image_digest = life->image_digest;
    }
  }
  std::ranges::stable_partition(view.branches,
                                [](const BranchView& branch) { return branch.is_main; });
  return view;
}

Result<BranchView> Survey::view_of(const catalog::Project& project, const catalog::Branch& branch,
                                   const Result<runtime::Seen>& seen) const {
  const catalog::Incarnation* life = incarnation(branch.incarnation_id);
  const auto endpoint = endpoints_.find(branch.id);
  if (life == nullptr || endpoint == endpoints_.end()) {
    return fail(Errc::state, "the catalog's records of {}/{} do not fit together", project.name,
                branch.name);
  }
  const auto driver = TRY(driver_of(project));
  const fs::path pgdata = pgdata_of(*driver, life->volume);

  BranchView view;
  view.id = branch.id;
  view.project = project.name;
  view.name = branch.name;
  view.full_name = project.name + "/" + branch.name;
  view.is_main = branch.id == project.main_branch_id;
  if (branch.parent_id) {
    if (const auto* parent = find_by_id(branches_, *branch.parent_id)) {
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
    look_for_volume(*driver, life->volume, view);
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
  view.archives = TRY(archives_wal(*engine_, branch));
  view.forgets = !branch.archives;
  view.kept = kept_of(project, branch);
  return view;
}

const catalog::Branch& Survey::comes_back_with(const catalog::Branch& branch) const {
  const catalog::Branch* root = &branch;
  while (root->parent_id) {
    const auto* parent = find_by_id(branches_, *root->parent_id);
    if (parent == nullptr || !parent->deleted_at) break;
    root = parent;
  }
  return *root;
}

std::vector<KeptView> Survey::kept_of(const catalog::Project& project,
                                      const catalog::Branch& branch) const {
  std::vector<KeptView> views;
  const std::string root =
      project.deleted_at ? project.name : project.name + "/" + comes_back_with(branch).name;
  for (const auto& [id, life] : incarnations_) {
    if (life.branch_id != branch.id || !life.kept_since || !life.kept_until) continue;
    if (life.kept_reason == snapshot_reason) continue;  // goes and comes back with its branch
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

Result<BranchView> view_branch(Engine& engine, const std::string& branch_id) {
  return TRY(Survey::take(engine)).branch(branch_id);
}

}  // namespace velo::engine
