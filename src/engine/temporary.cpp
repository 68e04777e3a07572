#include "engine/temporary.h"

#include "base/crypto.h"
#include "base/files.h"
#include "catalog/catalog.h"
#include "engine/operation.h"
#include "engine/tombstones.h"

namespace velo::engine {
namespace {

fs::path lease_path(const Engine& engine, const std::string& branch_id) {
  return engine.home().lock_file("lease-" + branch_id);
}

}  // namespace

Result<Lease> lease_of(Engine& engine, const std::string& branch_id, const std::string& role) {
  constexpr std::size_t digits = 8;
  auto lock = TRY(FileLock::try_acquire(lease_path(engine, branch_id), LockMode::exclusive));
  if (!lock) return fail(Errc::in_use, "the branch {} is in use", branch_id);
  return Lease{.branch_id = branch_id,
               .name = fmt::format("{}-{}", role, branch_id.substr(0, digits)),
               .lock = std::move(*lock)};
}

Result<Lease> make_lease(Engine& engine, const std::string& role) {
  return lease_of(engine, TRY(random_id()), role);
}

bool is_leased(const Engine& engine, const std::string& branch_id) {
  const auto lock = FileLock::try_acquire(lease_path(engine, branch_id), LockMode::exclusive);
  return !lock || !*lock;
}

Result<void> remove_temporary_branch(Engine& engine, const std::string& branch_id,
                                     const std::string& role, std::chrono::milliseconds patience) {
  const BranchLocks locks =
      TRY(BranchLocks::acquire(engine, {.exclusive = {branch_id}, .shared = {}}, patience));
  const auto temporary = TRY(engine.catalog().temporary(branch_id));
  if (!temporary || temporary->role != role) return {};
  const BranchRecords b = TRY(load_remains(engine, TRY(engine.catalog().branch(branch_id))));
  TRY(bury(engine, temporary->role + ".end", b.full_name(),
           {.branches = {b}, .project = {}, .grace = std::chrono::seconds(0)}));
  return {};
}

Result<void> end_abandoned_runs(Engine& engine) {
  for (const catalog::Temporary& one : TRY(engine.catalog().temporaries())) {
    if (one.role != catalog::run_role || is_leased(engine, one.branch_id)) continue;
    const auto branch = engine.catalog().branch(one.branch_id);
    const std::string name = branch ? branch->name : one.branch_id;
    auto removed = remove_temporary_branch(engine, one.branch_id, catalog::run_role,
                                           std::chrono::milliseconds(0));
    if (removed) {
      engine.observer().notice(fmt::format("Deleted {}, whose command is gone", name));
      continue;
    }
    TRY(engine.cancel().check());
    if (removed.error().code == Errc::in_use) continue;  // somebody else is at it
    engine.observer().warning(fmt::format("{}, whose command is gone, could not be deleted yet: {}",
                                          name, removed.error().message));
  }
  return {};
}

Result<void> check_lasts(Engine& engine, const catalog::Project& project,
                         const catalog::Branch& branch) {
  const auto temporary = TRY(engine.catalog().temporary(branch.id));
  if (!temporary) return {};
  const std::string parent =
      branch.parent_id ? TRY(engine.catalog().branch(*branch.parent_id)).name : "main";
  return fail_with_hint(
      Errc::usage,
      fmt::format("{}/{} is of a {} and goes with it: nothing can be made of it", project.name,
                  branch.name,
                  temporary->role == catalog::run_role ? "velo run" : "pool of branches"),
      fmt::format("make it of its parent: {}/{}", project.name, parent));
}

Result<bool> is_spare(Engine& engine, const std::string& branch_id) {
  const auto temporary = TRY(engine.catalog().temporary(branch_id));
  return temporary && temporary->role == catalog::spare_role;
}

const std::map<std::string, std::string>& ephemeral_settings() {
  static const std::map<std::string, std::string> settings{
      {"fsync", "off"}, {"full_page_writes", "off"}, {"synchronous_commit", "off"}};
  return settings;
}

}  // namespace velo::engine
