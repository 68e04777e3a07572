#include "engine/records.h"

#include <cstdlib>

#include "base/text.h"
#include "catalog/catalog.h"
#include "engine/names.h"
#include "runtime/registry.h"
#include "storage/registry.h"

namespace velo::engine {
namespace {

std::string did_you_mean(const std::string& name, const std::vector<std::string>& candidates,
                         std::string otherwise) {
  const std::string near = nearest(name, candidates);
  return near.empty() ? std::move(otherwise) : fmt::format("did you mean {}?", near);
}

}  // namespace

Result<catalog::Project> find_project(Engine& engine, const std::string& name) {
  TRY(check_name("project", name));
  if (auto project = TRY(engine.catalog().project_named(name))) return std::move(*project);
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
  const BranchName wanted = TRY(parse_branch_name(name));
  const catalog::Project project = TRY(find_project(engine, wanted.project));
  if (const auto branch = TRY(engine.catalog().branch_named(project.id, wanted.branch))) {
    return load_branch(engine, branch->id);
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

}  // namespace velo::engine
