#include "engine/records.h"

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "catalog/catalog.h"
#include "engine/bases.h"
#include "engine/config.h"
#include "engine/names.h"
#include "postgres/cluster.h"
#include "runtime/registry.h"
#include "storage/registry.h"

namespace velo::engine {
namespace {

std::string did_you_mean(const std::string& name, const std::vector<std::string>& candidates,
                         std::string otherwise) {
  const std::string near = nearest(name, candidates);
  return near.empty() ? std::move(otherwise) : fmt::format("did you mean {}?", near);
}

/// Until when a deleted branch is kept; none when nothing of it is.
Result<std::optional<Timestamp>> kept_until(Engine& engine, const catalog::Branch& branch) {
  std::optional<Timestamp> until;
  for (const auto& life : TRY(engine.catalog().incarnations_of(branch.id))) {
    if (!life.kept_until || life.kept_reason == snapshot_reason) continue;
    if (*life.kept_until > now() && until < life.kept_until) until = life.kept_until;
  }
  return until;
}

/// What to say of a name that nothing has any more; none when nothing is kept of that name.
std::optional<Error> was_deleted(const std::string& what, const std::string& name,
                                 const std::optional<Timestamp>& until) {
  if (!until) return std::nullopt;
  return Error{.code = Errc::not_found,
               .message = fmt::format("the {} {} was deleted, and is kept until {}", what, name,
                                      to_local(*until).substr(0, 16)),
               .hint = fmt::format("bring it back: velo {} undelete {}", what, name),
               .detail = {}};
}

Result<std::optional<Error>> deleted_project(Engine& engine, const std::string& name) {
  std::optional<Timestamp> until;
  for (const auto& project : TRY(engine.catalog().projects(catalog::Which::all))) {
    if (project.name != name || !project.deleted_at) continue;
    until = std::max(until,
                     TRY(kept_until(engine, TRY(engine.catalog().branch(project.main_branch_id)))));
  }
  return was_deleted("project", name, until);
}

Result<std::optional<Error>> deleted_branch(Engine& engine, const catalog::Project& project,
                                            const std::string& name) {
  std::optional<Timestamp> until;
  for (const auto& branch : TRY(engine.catalog().branches_of(project.id, catalog::Which::all))) {
    if (branch.name != name || !branch.deleted_at) continue;
    until = std::max(until, TRY(kept_until(engine, branch)));
  }
  return was_deleted("branch", project.name + "/" + name, until);
}

/// "dev" for "demo/dev": names the branches that are called so.
Result<void> check_has_project(Engine& engine, const std::string& name) {
  if (name.contains('/') || !check_name("branch", name)) return {};
  std::vector<std::string> meant;
  for (const auto& project : TRY(engine.catalog().projects(catalog::Which::live))) {
    if (project.name == name) meant.push_back(fmt::format("{}/{}", name, main_name));
    if (TRY(engine.catalog().branch_named(project.id, name))) {
      meant.push_back(project.name + "/" + name);
    }
  }
  if (meant.empty()) return {};
  return fail_with_hint(Errc::invalid_name,
                        fmt::format("'{}' is not of the form PROJECT/BRANCH", name),
                        fmt::format("did you mean {}?", fmt::join(meant, " or ")));
}

}  // namespace

Result<catalog::Project> find_project(Engine& engine, const std::string& name) {
  if (const auto branch = parse_branch_name(name)) {
    return fail_with_hint(
        Errc::invalid_name, fmt::format("{} is the name of a branch, not of a project", name),
        fmt::format("velo branch get {} shows the branch, velo project get {} its project", name,
                    branch->project));
  }
  TRY(check_name("project", name));
  if (auto project = TRY(engine.catalog().project_named(name))) return std::move(*project);
  if (auto deleted = TRY(deleted_project(engine, name))) return std::unexpected(*deleted);
  std::vector<std::string> names;
  for (const auto& project : TRY(engine.catalog().projects(catalog::Which::live))) {
    names.push_back(project.name);
  }
  return fail_with_hint(Errc::not_found, fmt::format("there is no project {}", name),
                        did_you_mean(name, names,
                                     names.empty() ? fmt::format("velo project create {}", name)
                                                   : "velo project list shows them"));
}

Result<BranchRecords> find_branch(Engine& engine, const std::string& name) {
  TRY(check_has_project(engine, name));
  const BranchName wanted = TRY(parse_branch_name(name));
  const catalog::Project project = TRY(find_project(engine, wanted.project));
  if (const auto branch = TRY(engine.catalog().branch_named(project.id, wanted.branch))) {
    return load_branch(engine, branch->id);
  }
  if (auto deleted = TRY(deleted_branch(engine, project, wanted.branch))) {
    return std::unexpected(*deleted);
  }
  std::vector<std::string> names;
  for (const auto& branch : TRY(engine.catalog().branches_of(project.id, catalog::Which::live))) {
    names.push_back(project.name + "/" + branch.name);
  }
  return fail_with_hint(
      Errc::not_found, fmt::format("there is no branch {}", name),
      did_you_mean(name, names, fmt::format("velo branch list {} shows them", project.name)));
}

Result<BranchRecords> load_branch(Engine& engine, const std::string& branch_id) {
  catalog::Catalog& catalog = engine.catalog();
  const catalog::Branch branch = TRY(catalog.branch(branch_id));
  return BranchRecords{.project = TRY(catalog.project(branch.project_id)),
                       .branch = branch,
                       .incarnation = TRY(catalog.incarnation(branch.incarnation_id)),
                       .endpoint = TRY(catalog.endpoint_of(branch_id))};
}

Result<BranchRecords> find_branch_or_main(Engine& engine, const std::string& name) {
  if (name.contains('/')) return find_branch(engine, name);
  return load_branch(engine, TRY(find_project(engine, name)).main_branch_id);
}

Result<void> check_name_is_free(Engine& engine, const catalog::Project& project,
                                const std::string& name) {
  const std::string full_name = project.name + "/" + name;
  if (const auto there = TRY(engine.catalog().branch_named(project.id, name))) {
    return fail_with_hint(
        Errc::already_exists, fmt::format("the branch {} already exists", full_name),
        there->id == project.main_branch_id
            ? fmt::format("it came with its project; a copy of it needs a name of its own, for "
                          "example {}/dev",
                          project.name)
            : fmt::format(
                  "choose another name, or take it back to its parent: velo branch reset {}",
                  full_name));
  }
  for (const auto& reservation : TRY(engine.catalog().reservations("branch"))) {
    if (reservation.key == project.id + "/" + name) {
      return fail_with_hint(
          Errc::already_exists,
          fmt::format("the branch {} is being made by another command", full_name),
          "velo operations shows it");
    }
  }
  return {};
}

Result<std::unique_ptr<storage::Driver>> driver_of(const catalog::Project& project) {
  return storage::open_driver(project.driver, project.pool);
}

Result<void> check_pool_of(const catalog::Project& project) {
  return TRY(driver_of(project))->check_there();
}

std::unexpected<Error> volume_missing(const storage::Driver& driver, const std::string& volume,
                                      const std::string& whose) {
  std::string message =
      fmt::format("the volume of {} is not there: {}", whose, driver.root_of(volume).string());
  if (auto there = driver.check_there(); !there) {
    Error error = std::move(there).error();
    error.message = fmt::format("{} ({})", message, error.message);
    return std::unexpected(std::move(error));
  }
  return fail_with_hint(Errc::storage, std::move(message),
                        "velo doctor says what can be done about it");
}

Result<std::unique_ptr<runtime::Runtime>> runtime_of(const catalog::Project& project) {
  return runtime::open_runtime(project.runtime);
}

Result<bool> archives_wal(Engine& engine, const catalog::Branch& branch) {
  return branch.archives && TRY(get_config(engine, "archive")).value == "on";
}

Result<OsUser> owner_of(const catalog::Project& project) {
  if (!running_as_root()) return current_user();
  // A user of an image: this machine need not have one of that number.
  if (const size_t colon = project.os_user.find(':'); colon != std::string::npos) {
    OsUser user{.uid = 0, .gid = 0, .name = project.os_user, .home = {}};
    user.uid = static_cast<uid_t>(std::strtoul(project.os_user.c_str(), nullptr, 10));
    user.gid = static_cast<gid_t>(std::strtoul(project.os_user.c_str() + colon + 1, nullptr, 10));
    return user;
  }
  return find_user(project.os_user);
}

std::filesystem::path pgdata_in(const std::filesystem::path& volume_root) {
  return volume_root / "pgdata";
}

std::filesystem::path pgdata_of(const storage::Driver& driver, const std::string& volume) {
  return pgdata_in(driver.root_of(volume));
}

std::optional<std::uint64_t> segment_size_of(const catalog::Project& project,
                                             const std::string& volume) {
  const auto driver = driver_of(project);
  const auto owner = owner_of(project);
  if (!driver || !owner) return std::nullopt;
  const ActAs as(*owner);
  const auto control = postgres::read_control_file(pgdata_of(**driver, volume));
  if (!control) return std::nullopt;
  return control->segment_size;
}

}  // namespace velo::engine
