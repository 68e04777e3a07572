// The catalog: what exists, in an SQLite database. Typed rows in and out; no rule of Velo's lives
// here.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "catalog/records.h"
#include "catalog/seal.h"
#include "catalog/tally.h"

namespace SQLite {
class Database;
class Statement;
}  // namespace SQLite

namespace velo::catalog {

enum class Which { live, all };  ///< live: not deleted
/// What to make of a database that is missing or empty. `refuse`: something else shows that there
/// was one, so that an empty one would hide a loss.
enum class WhenMissing { make, refuse };

/// How many operations the journal remembers, besides those that are under way.
inline constexpr std::int64_t journal_length = 5000;

/// One connection; not shared between threads. Many processes may hold one at a time: writers
/// queue. Errors: Errc::state when the database is damaged or newer than this program,
/// Errc::no_space, Errc::permission, Errc::already_exists when a unique name, port or reservation
/// is taken.
class Catalog {
 public:
  /// Opens it, makes it when it is missing (0600), and migrates an older schema after copying the
  /// database to `<path>.before-<version>`. All of it is checked first, unless that was just done
  /// and nobody else wrote into it since (seal.h): damage, an empty file where there was a
  /// database, and one that lacks what was committed (tally.h) are refused.
  static Result<Catalog> open(const std::filesystem::path& path,
                              WhenMissing when_missing = WhenMissing::make);
  /// An empty one that ends with the object.
  static Result<Catalog> in_memory();

  /// Ends it with everything in the one file, so that it can be moved. Nobody else may have it
  /// open.
  static Result<void> close_into_one_file(Catalog catalog);

  Catalog(Catalog&&) noexcept;
  Catalog& operator=(Catalog&&) noexcept;
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;
  ~Catalog();

  /// Runs `work` in one transaction that excludes other writers, and commits it durably
  /// (synchronous = FULL); rolls back when it fails. The functions below may be called inside and
  /// outside.
  Result<void> change(const std::function<Result<void>()>& work);

  const std::string& home_id() const { return home_id_; }
  /// Takes the identity of another home, whose volumes then are this one's. In the caller's
  /// transaction.
  Result<void> set_home_id(const std::string& id);

  Result<std::optional<std::string>> setting(const std::string& key);
  Result<void> set_setting(const std::string& key, const std::string& value);
  Result<void> unset_setting(const std::string& key);

  Result<std::vector<Project>> projects(Which which);
  Result<std::optional<Project>> project_named(const std::string& name);  ///< live
  Result<Project> project(const std::string& id);
  Result<void> insert(const Project& project);
  Result<void> update(const Project& project);
  Result<void> remove_project(const std::string& id);

  Result<std::vector<Branch>> branches(Which which);
  Result<std::vector<Branch>> branches_of(const std::string& project_id, Which which);
  Result<std::optional<Branch>> branch_named(const std::string& project_id,
                                             const std::string& name);  ///< live
  Result<Branch> branch(const std::string& id);
  Result<std::vector<Branch>> children_of(const std::string& branch_id, Which which = Which::live);
  Result<void> insert(const Branch& branch);
  Result<void> update(const Branch& branch);
  Result<void> remove_branch(const std::string& id);

  Result<std::vector<Incarnation>> incarnations();
  Result<std::vector<Incarnation>> incarnations_of(const std::string& branch_id);
  Result<std::vector<Incarnation>> ending_incarnations();  ///< those with a kept_until
  /// Those volumes of lives, in whatever pool, that are called so or so with a number ("name.2").
  Result<std::vector<std::string>> volumes_called(const std::string& name);
  Result<Incarnation> incarnation(const std::string& id);
  Result<void> insert(const Incarnation& incarnation);
  Result<void> update(const Incarnation& incarnation);
  Result<void> remove_incarnation(const std::string& id);

  /// By the time they were taken. One goes with its incarnation.
  Result<std::vector<Snapshot>> snapshots();
  Result<void> insert(const Snapshot& snapshot);

  /// By the branches' ids.
  Result<std::vector<Schedule>> schedules();
  Result<void> put(const Schedule& schedule);  ///< inserts or replaces
  Result<void> remove_schedule(const std::string& branch_id);

  /// By the parents' ids.
  Result<std::vector<BranchPool>> branch_pools();
  Result<std::optional<BranchPool>> branch_pool_of(const std::string& parent_id);
  Result<void> put(const BranchPool& pool);  ///< inserts or replaces
  Result<void> remove_branch_pool(const std::string& parent_id);

  /// By the branches' ids. One goes with its branch.
  Result<std::vector<Temporary>> temporaries();
  Result<std::optional<Temporary>> temporary(const std::string& branch_id);
  Result<void> put(const Temporary& temporary);  ///< inserts or replaces
  /// The branch is like any other then.
  Result<void> remove_temporary(const std::string& branch_id);

  Result<std::vector<Endpoint>> endpoints();
  Result<Endpoint> endpoint_of(const std::string& branch_id);
  Result<std::vector<int>> ports();  ///< of active endpoints, ascending
  Result<void> insert(const Endpoint& endpoint);
  Result<void> update(const Endpoint& endpoint);

  Result<std::vector<Size>> sizes();
  Result<std::optional<Size>> size_of(const std::string& incarnation_id);
  Result<void> remember(const Size& size);  ///< inserts or replaces
  /// After its data came to be shared, or no longer shared, with another volume.
  Result<void> forget_size(const std::string& incarnation_id);

  Result<std::optional<PoolSize>> pool_size(std::string_view driver, const std::string& place);
  Result<void> remember(const PoolSize& size);  ///< inserts or replaces

  /// Sets the row's id and inserts it with its reservations, in the caller's transaction. The
  /// journal forgets what ended more than `journal_length` operations ago.
  Result<std::int64_t> insert(const Operation& operation,
                              const std::vector<Reservation>& reservations);
  Result<void> update(const Operation& operation);
  /// The same without waiting for the disk: for an end that may be lost, because whoever finds the
  /// operation open again repeats what has no effect the second time. Any later change that waits
  /// makes this one durable too.
  Result<void> update_without_waiting(const Operation& operation);
  Result<void> reserve(std::int64_t operation_id, const std::vector<Reservation>& reservations);
  Result<void> release_reservations(std::int64_t operation_id);
  Result<std::optional<Operation>> operation(std::int64_t id);
  Result<std::vector<Operation>> open_operations();  ///< running or committed, oldest first
  Result<std::vector<Operation>> recent_operations(int limit);  ///< newest first
  Result<std::vector<Reservation>> reservations(const std::string& kind);

 private:
  explicit Catalog(std::unique_ptr<SQLite::Database> database);
  static Result<Catalog> prepare(std::unique_ptr<SQLite::Database> database,
                                 const std::filesystem::path& path);
  Result<void> execute(const std::string& sql, const std::function<void(SQLite::Statement&)>& bind);
  template <class Record>
  Result<std::vector<Record>> select(const std::string& sql,
                                     const std::function<void(SQLite::Statement&)>& bind,
                                     Record (*read)(SQLite::Statement&));
  template <class Record>
  Result<std::optional<Record>> select_one(const std::string& sql,
                                           const std::function<void(SQLite::Statement&)>& bind,
                                           Record (*read)(SQLite::Statement&));

  std::unique_ptr<SQLite::Database> database_;
  std::string home_id_;
  Tally tally_;
  Seal seal_;
};

}  // namespace velo::catalog
