// Finding a project or branch by name, with everything the use cases need of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "catalog/records.h"
#include "engine/engine.h"
#include "runtime/runtime.h"
#include "storage/driver.h"

namespace velo::engine {

struct BranchRecords {
  catalog::Project project;
  catalog::Branch branch;
  catalog::Incarnation incarnation;  ///< the present one
  catalog::Endpoint endpoint;

  bool is_main() const { return branch.id == project.main_branch_id; }
  std::string full_name() const { return project.name + "/" + branch.name; }
};

/// Errc::not_found with the nearest name there is as the hint.
Result<catalog::Project> find_project(Engine& engine, const std::string& name);
/// `name` is "project/branch".
Result<BranchRecords> find_branch(Engine& engine, const std::string& name);
Result<BranchRecords> load_branch(Engine& engine, const std::string& branch_id);
/// "demo/dev"; or "demo" for its main.
Result<BranchRecords> find_branch_or_main(Engine& engine, const std::string& name);
/// Errc::already_exists when the project has a branch of that name, or is about to.
Result<void> check_name_is_free(Engine& engine, const catalog::Project& project,
                                const std::string& name);

Result<std::unique_ptr<storage::Driver>> driver_of(const catalog::Project& project);
/// Errc::storage where the project's pool is away: nothing in it may be believed gone.
Result<void> check_pool_of(const catalog::Project& project);
/// Why a volume is not there: its pool is away, or it alone is gone. `whose` is for the message.
std::unexpected<Error> volume_missing(const storage::Driver& driver, const std::string& volume,
                                      const std::string& whose);
Result<std::unique_ptr<runtime::Runtime>> runtime_of(const catalog::Project& project);
/// Whether the branch's servers keep their WAL, from their next start on: by --no-archive and
/// `config get archive`.
Result<bool> archives_wal(Engine& engine, const catalog::Branch& branch);
/// Whom its servers run as and who owns its files.
Result<OsUser> owner_of(const catalog::Project& project);
/// PGDATA inside a volume: beside it there is room for tablespaces.
std::filesystem::path pgdata_in(const std::filesystem::path& volume_root);
std::filesystem::path pgdata_of(const storage::Driver& driver, const std::string& volume);
/// Bytes in each WAL segment of the cluster in one of the project's volumes; none where that cannot
/// be read.
std::optional<std::uint64_t> segment_size_of(const catalog::Project& project,
                                             const std::string& volume);

}  // namespace velo::engine
