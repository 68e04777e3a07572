#include "engine/earlier_state.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/names.h"

namespace velo::engine {
namespace {

using nlohmann::json;

std::unexpected<Error> wrong(const std::string& what) {
  return fail_with_hint(
      Errc::usage, "the file is no state of the earlier Velo's that can be taken over: " + what,
      "it is ~/.velo/state.json of who ran that; state.json.backup beside it is "
      "the one before");
}

Result<std::string> text_in(const json& object, const char* key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) {
    return wrong(fmt::format("{} has no {}", where, key));
  }
  auto text = found->get<std::string>();
  const bool printable = std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (!printable) return wrong(fmt::format("{}'s {} holds what no text does", where, key));
  return text;
}

Result<const json*> array_in(const json& object, const char* key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) {
    return wrong(fmt::format("{} has no {}", where, key));
  }
  return &*found;
}

/// Where it cannot be read it is not known, which is no reason to refuse the rest.
Timestamp time_in(const json& object) {
  const auto found = object.find("createdAt");
  if (found == object.end() || !found->is_string()) return now();
  return parse_rfc3339(found->get<std::string>()).value_or(now());
}

bool is_dataset_name(const std::string& name) {
  return !name.empty() && name.size() < 200 && name.front() != '-' && name.front() != '.' &&
         name.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") ==
             std::string::npos;
}

Result<EarlierBranch> parse_branch(const json& value, const std::string& project) {
  const std::string where = fmt::format("a branch of {}", project);
  if (!value.is_object()) return wrong(where + " is no object");
  EarlierBranch branch;
  const std::string full_name = TRY(text_in(value, "name", where));
  const BranchName name = TRY(parse_branch_name(full_name));
  if (name.project != project) return wrong(fmt::format("{} lists {}", project, full_name));
  branch.name = name.branch;
  branch.id = TRY(text_in(value, "id", full_name));
  branch.dataset = TRY(text_in(value, "zfsDataset", full_name));
  if (!is_dataset_name(branch.dataset)) {
    return wrong(fmt::format("{}'s zfsDataset is '{}'", full_name, branch.dataset));
  }
  if (const auto parent = value.find("parentBranchId");
      parent != value.end() && parent->is_string()) {
    branch.parent_id = parent->get<std::string>();
  }
  const auto primary = value.find("isPrimary");
  branch.is_primary = primary != value.end() && primary->is_boolean() && primary->get<bool>();
  const auto port = value.find("port");
  if (port != value.end() && port->is_number_integer() && *port > 0 && *port < 65536) {
    branch.port = port->get<int>();
  }
  branch.created_at = time_in(value);
  const auto status = value.find("status");
  branch.ran = status != value.end() && *status == "running";
  return branch;
}

/// Parents first; one whose parent is not there has none.
Result<std::vector<EarlierBranch>> in_order(std::vector<EarlierBranch> branches,
                                            const std::string& project) {
  std::set<std::string> ids;
  for (const EarlierBranch& branch : branches) ids.insert(branch.id);
  for (EarlierBranch& branch : branches) {
    if (branch.parent_id && !ids.contains(*branch.parent_id)) branch.parent_id.reset();
  }
  std::vector<EarlierBranch> ordered;
  std::set<std::string> placed;
  while (!branches.empty()) {
    const auto next = std::ranges::find_if(branches, [&](const EarlierBranch& branch) {
      return !branch.parent_id || placed.contains(*branch.parent_id);
    });
    if (next == branches.end()) return wrong(project + "'s branches descend from one another");
    placed.insert(next->id);
    ordered.push_back(std::move(*next));
    branches.erase(next);
  }
  return ordered;
}

Result<EarlierProject> parse_project(const json& value) {
  if (!value.is_object()) return wrong("a project is no object");
  EarlierProject project;
  project.name = TRY(text_in(value, "name", "a project"));
  TRY(check_name("project", project.name));
  project.image = TRY(text_in(value, "dockerImage", project.name));
  const auto credentials = value.find("credentials");
  if (credentials == value.end() || !credentials->is_object()) {
    return wrong(project.name + " has no credentials");
  }
  project.user = TRY(text_in(*credentials, "username", project.name));
  project.password = TRY(text_in(*credentials, "password", project.name));
  project.database = TRY(text_in(*credentials, "database", project.name));
  project.created_at = time_in(value);
  std::set<std::string> names;
  for (const json& one : *TRY(array_in(value, "branches", project.name))) {
    project.branches.push_back(TRY(parse_branch(one, project.name)));
    if (!names.insert(project.branches.back().name).second) {
      return wrong(
          fmt::format("{} has two branches {}", project.name, project.branches.back().name));
    }
  }
  if (project.branches.empty()) return wrong(project.name + " has no branches");
  project.branches = TRY(in_order(std::move(project.branches), project.name));
  return project;
}

}  // namespace

bool is_earlier_state(std::string_view text) {
  const json document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  return document.is_object() && !document.contains("velo_state") &&
         (document.contains("zfsPool") || document.contains("zfsDatasetBase"));
}

Result<EarlierState> parse_earlier_state(std::string_view text) {
  const json document = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return wrong("it is no JSON object");
  const std::string version = TRY(text_in(document, "version", "it"));
  if (!version.starts_with("1.")) {
    return wrong(fmt::format("its version is '{}', and only that of 1.0 is known", version));
  }
  EarlierState state;
  state.pool = TRY(text_in(document, "zfsPool", "it"));
  state.base = TRY(text_in(document, "zfsDatasetBase", "it"));
  if (state.base.starts_with(state.pool + "/")) state.base.erase(0, state.pool.size() + 1);
  std::set<std::string> names;
  for (const json& one : *TRY(array_in(document, "projects", "it"))) {
    state.projects.push_back(TRY(parse_project(one)));
    if (!names.insert(state.projects.back().name).second) {
      return wrong("it has two projects " + state.projects.back().name);
    }
  }
  const auto snapshots = document.find("snapshots");
  if (snapshots != document.end() && snapshots->is_array()) {
    for (const json& one : *snapshots) {
      if (one.is_object())
        state.snapshots.push_back(TRY(text_in(one, "zfsSnapshot", "a snapshot")));
    }
  }
  return state;
}

}  // namespace velo::engine
