#include "catalog/catalog.h"

#include "catalog/guarded.h"
#include "catalog/rows.h"
#include "catalog/select.h"

namespace velo::catalog {

Result<void> Catalog::change(const std::function<Result<void>()>& work) {
  return guarded([&]() -> Result<void> {
    SQLite::Transaction transaction(*database_, SQLite::TransactionBehavior::IMMEDIATE);
    const bool intact = seal_.is_intact();
    TRY(work());
    SQLite::Statement count(*database_,
                            "INSERT INTO meta (key, value) VALUES ('commits', '1') ON CONFLICT "
                            "(key) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT) "
                            "RETURNING value");
    count.executeStep();
    const std::int64_t commits = std::atoll(count.getColumn(0).getText());
    count.executeStep();  // to its end, before the transaction can
    transaction.commit();
    tally_.note(commits);
    if (intact) seal_.keep();
    return {};
  });
}

Result<void> Catalog::set_home_id(const std::string& id) {
  TRY(execute("UPDATE meta SET value = ? WHERE key = 'home_id'",
              [&](SQLite::Statement& s) { s.bind(1, id); }));
  home_id_ = id;
  return {};
}

Result<void> Catalog::execute(const std::string& sql,
                              const std::function<void(SQLite::Statement&)>& bind_values) {
  return guarded([&]() -> Result<void> {
    SQLite::Statement statement(*database_, sql);
    if (bind_values) bind_values(statement);
    const bool is_alone = sqlite3_get_autocommit(database_->getHandle()) != 0;
    const bool intact = is_alone && seal_.is_intact();
    statement.exec();
    if (intact) seal_.keep();
    return {};
  });
}

namespace {

/// Binds strings to the parameters 1, 2, …
auto with(std::vector<std::string> values) {
  return [values = std::move(values)](SQLite::Statement& statement) {
    for (size_t i = 0; i < values.size(); ++i) statement.bind(static_cast<int>(i) + 1, values[i]);
  };
}

std::string insert_into(const char* table, const char* columns) {
  return fmt::format("INSERT INTO {} ({}) VALUES ({})", table, columns, marks_for(columns));
}

std::string replace_into(const char* table, const char* columns) {
  return fmt::format("INSERT OR REPLACE INTO {} ({}) VALUES ({})", table, columns,
                     marks_for(columns));
}

/// Every column anew for the row whose key (the first column) is in parameter 1.
std::string update_of(const char* table, const char* columns) {
  const std::string_view list = columns;
  const std::string_view key = list.substr(0, list.find(','));
  return fmt::format("UPDATE {} SET ({}) = ({}) WHERE {} = ?1", table, columns, marks_for(columns),
                     key);
}

template <class Record>
Result<Record> found(Result<std::optional<Record>> record, const char* what,
                     const std::string& id) {
  std::optional<Record> row = TRY(std::move(record));
  if (!row) return fail(Errc::not_found, "the catalog has no {} {}", what, id);
  return std::move(*row);
}

std::string pool_size_key(std::string_view driver, const std::string& place) {
  return fmt::format("pool_size {} {}", driver, place);
}

std::string read_text(SQLite::Statement& row) {
  return row.getColumn(0).getString();
}

const char* condition(Which which) {
  return which == Which::live ? "deleted_at IS NULL" : "1";
}

}  // namespace

Result<std::optional<std::string>> Catalog::setting(const std::string& key) {
  return select_one<std::string>("SELECT value FROM setting WHERE key = ?", with({key}), read_text);
}

Result<void> Catalog::set_setting(const std::string& key, const std::string& value) {
  return execute("INSERT OR REPLACE INTO setting (key, value) VALUES (?, ?)", with({key, value}));
}

Result<void> Catalog::unset_setting(const std::string& key) {
  return execute("DELETE FROM setting WHERE key = ?", with({key}));
}

Result<std::vector<Project>> Catalog::projects(Which which) {
  return select<Project>(fmt::format("SELECT {} FROM project WHERE {} ORDER BY created_at, id",
                                     project_columns, condition(which)),
                         {}, read_project);
}

Result<std::optional<Project>> Catalog::project_named(const std::string& name) {
  return select_one<Project>(
      fmt::format("SELECT {} FROM project WHERE name = ? AND deleted_at IS NULL", project_columns),
      with({name}), read_project);
}

Result<Project> Catalog::project(const std::string& id) {
  return found(
      select_one<Project>(fmt::format("SELECT {} FROM project WHERE id = ?", project_columns),
                          with({id}), read_project),
      "project", id);
}

Result<void> Catalog::insert(const Project& project) {
  return execute(insert_into("project", project_columns), [&](auto& s) { bind(s, project); });
}

Result<void> Catalog::update(const Project& project) {
  return execute(update_of("project", project_columns), [&](auto& s) { bind(s, project); });
}

Result<void> Catalog::remove_project(const std::string& id) {
  return execute("DELETE FROM project WHERE id = ?", with({id}));
}

Result<std::vector<Branch>> Catalog::branches(Which which) {
  return select<Branch>(fmt::format("SELECT {} FROM branch WHERE {} ORDER BY created_at, id",
                                    branch_columns, condition(which)),
                        {}, read_branch);
}

Result<std::vector<Branch>> Catalog::branches_of(const std::string& project_id, Which which) {
  return select<Branch>(
      fmt::format("SELECT {} FROM branch WHERE project_id = ? AND {} ORDER BY created_at, id",
                  branch_columns, condition(which)),
      with({project_id}), read_branch);
}

Result<std::optional<Branch>> Catalog::branch_named(const std::string& project_id,
                                                    const std::string& name) {
  return select_one<Branch>(
      fmt::format("SELECT {} FROM branch WHERE project_id = ? AND name = ? AND deleted_at IS NULL",
                  branch_columns),
      with({project_id, name}), read_branch);
}

Result<Branch> Catalog::branch(const std::string& id) {
  return found(select_one<Branch>(fmt::format("SELECT {} FROM branch WHERE id = ?", branch_columns),
                                  with({id}), read_branch),
               "branch", id);
}

Result<std::vector<Branch>> Catalog::children_of(const std::string& branch_id, Which which) {
  return select<Branch>(
      fmt::format("SELECT {} FROM branch WHERE parent_id = ? AND {} ORDER BY created_at, id",
                  branch_columns, condition(which)),
      with({branch_id}), read_branch);
}

Result<void> Catalog::insert(const Branch& branch) {
  return execute(insert_into("branch", branch_columns), [&](auto& s) { bind(s, branch); });
}

Result<void> Catalog::update(const Branch& branch) {
  return execute(update_of("branch", branch_columns), [&](auto& s) { bind(s, branch); });
}

Result<void> Catalog::remove_branch(const std::string& id) {
  return execute("DELETE FROM branch WHERE id = ?", with({id}));
}

Result<std::vector<Incarnation>> Catalog::incarnations() {
  return select<Incarnation>(
      fmt::format("SELECT {} FROM incarnation ORDER BY created_at, id", incarnation_columns), {},
      read_incarnation);
}

Result<std::vector<Incarnation>> Catalog::incarnations_of(const std::string& branch_id) {
  return select<Incarnation>(
      fmt::format("SELECT {} FROM incarnation WHERE branch_id = ? ORDER BY created_at, id",
                  incarnation_columns),
      with({branch_id}), read_incarnation);
}

Result<Incarnation> Catalog::incarnation(const std::string& id) {
  return found(select_one<Incarnation>(
                   fmt::format("SELECT {} FROM incarnation WHERE id = ?", incarnation_columns),
                   with({id}), read_incarnation),
               "incarnation", id);
}

Result<void> Catalog::insert(const Incarnation& incarnation) {
  return execute(insert_into("incarnation", incarnation_columns),
                 [&](auto& s) { bind(s, incarnation); });
}

Result<void> Catalog::update(const Incarnation& incarnation) {
  return execute(update_of("incarnation", incarnation_columns),
                 [&](auto& s) { bind(s, incarnation); });
}

Result<void> Catalog::remove_incarnation(const std::string& id) {
  return execute("DELETE FROM incarnation WHERE id = ?", with({id}));
}

Result<std::vector<Snapshot>> Catalog::snapshots() {
  return select<Snapshot>(
      fmt::format("SELECT {} FROM snapshot ORDER BY taken_at, incarnation_id", snapshot_columns),
      {}, read_snapshot);
}

Result<void> Catalog::insert(const Snapshot& snapshot) {
  return execute(insert_into("snapshot", snapshot_columns), [&](auto& s) { bind(s, snapshot); });
}

Result<std::vector<Schedule>> Catalog::schedules() {
  return select<Schedule>(
      fmt::format("SELECT {} FROM schedule ORDER BY branch_id", schedule_columns), {},
      read_schedule);
}

Result<void> Catalog::put(const Schedule& schedule) {
  return execute(replace_into("schedule", schedule_columns), [&](auto& s) { bind(s, schedule); });
}

Result<void> Catalog::remove_schedule(const std::string& branch_id) {
  return execute("DELETE FROM schedule WHERE branch_id = ?", with({branch_id}));
}

Result<std::vector<BranchPool>> Catalog::branch_pools() {
  return select<BranchPool>(
      fmt::format("SELECT {} FROM branch_pool ORDER BY parent_id", branch_pool_columns), {},
      read_branch_pool);
}

Result<std::optional<BranchPool>> Catalog::branch_pool_of(const std::string& parent_id) {
  return select_one<BranchPool>(
      fmt::format("SELECT {} FROM branch_pool WHERE parent_id = ?", branch_pool_columns),
      with({parent_id}), read_branch_pool);
}

Result<void> Catalog::put(const BranchPool& pool) {
  return execute(replace_into("branch_pool", branch_pool_columns), [&](auto& s) { bind(s, pool); });
}

Result<void> Catalog::remove_branch_pool(const std::string& parent_id) {
  return execute("DELETE FROM branch_pool WHERE parent_id = ?", with({parent_id}));
}

Result<std::vector<Temporary>> Catalog::temporaries() {
  return select<Temporary>(
      fmt::format("SELECT {} FROM temporary ORDER BY branch_id", temporary_columns), {},
      read_temporary);
}

Result<std::optional<Temporary>> Catalog::temporary(const std::string& branch_id) {
  return select_one<Temporary>(
      fmt::format("SELECT {} FROM temporary WHERE branch_id = ?", temporary_columns),
      with({branch_id}), read_temporary);
}

Result<void> Catalog::put(const Temporary& temporary) {
  return execute(replace_into("temporary", temporary_columns),
                 [&](auto& s) { bind(s, temporary); });
}

Result<void> Catalog::remove_temporary(const std::string& branch_id) {
  return execute("DELETE FROM temporary WHERE branch_id = ?", with({branch_id}));
}

Result<std::vector<Endpoint>> Catalog::endpoints() {
  return select<Endpoint>(fmt::format("SELECT {} FROM endpoint", endpoint_columns), {},
                          read_endpoint);
}

Result<Endpoint> Catalog::endpoint_of(const std::string& branch_id) {
  return found(select_one<Endpoint>(
                   fmt::format("SELECT {} FROM endpoint WHERE branch_id = ?", endpoint_columns),
                   with({branch_id}), read_endpoint),
               "endpoint of branch", branch_id);
}

Result<void> Catalog::insert(const Endpoint& endpoint) {
  return execute(insert_into("endpoint", endpoint_columns), [&](auto& s) { bind(s, endpoint); });
}

Result<void> Catalog::update(const Endpoint& endpoint) {
  return execute(update_of("endpoint", endpoint_columns), [&](auto& s) { bind(s, endpoint); });
}

Result<std::vector<Size>> Catalog::sizes() {
  return select<Size>(fmt::format("SELECT {} FROM size", size_columns), {}, read_size);
}

Result<void> Catalog::remember(const Size& size) {
  return execute(replace_into("size", size_columns), [&](auto& s) { bind(s, size); });
}

Result<void> Catalog::forget_size(const std::string& incarnation_id) {
  return execute("DELETE FROM size WHERE incarnation_id = ?", with({incarnation_id}));
}

Result<std::optional<PoolSize>> Catalog::pool_size(std::string_view driver,
                                                   const std::string& place) {
  const auto text = TRY(select_one<std::string>("SELECT value FROM meta WHERE key = ?",
                                                with({pool_size_key(driver, place)}), read_text));
  if (!text) return std::nullopt;
  const std::size_t space = text->find(' ');
  const auto seen_at = parse_rfc3339(text->substr(space == std::string::npos ? 0 : space + 1));
  if (!seen_at) return std::nullopt;  // a cache: it is asked for anew
  return PoolSize{.driver = std::string(driver),
                  .place = place,
                  .bytes = std::strtoull(text->c_str(), nullptr, 10),
                  .seen_at = *seen_at};
}

Result<void> Catalog::remember(const PoolSize& size) {
  return execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)",
                 with({pool_size_key(size.driver, size.place),
                       fmt::format("{} {}", size.bytes, to_rfc3339(size.seen_at))}));
}

Result<std::int64_t> Catalog::insert(const Operation& operation,
                                     const std::vector<Reservation>& reservations) {
  TRY(execute(insert_into("operation", operation_columns), [&](auto& s) { bind(s, operation); }));
  const std::int64_t id = database_->getLastInsertRowid();
  TRY(reserve(id, reservations));
  TRY(execute("DELETE FROM operation WHERE id <= ? AND state IN ('done', 'undone')",
              [&](SQLite::Statement& s) { s.bind(1, id - journal_length); }));
  return id;
}

Result<void> Catalog::reserve(std::int64_t operation_id,
                              const std::vector<Reservation>& reservations) {
  for (const Reservation& reservation : reservations) {
    TRY(execute("INSERT INTO reservation (kind, key, operation_id) VALUES (?, ?, ?)",
                [&](SQLite::Statement& s) {
                  s.bind(1, reservation.kind);
                  s.bind(2, reservation.key);
                  s.bind(3, operation_id);
                }));
  }
  return {};
}

Result<void> Catalog::update(const Operation& operation) {
  return execute(update_of("operation", operation_columns), [&](auto& s) { bind(s, operation); });
}

Result<void> Catalog::update_without_waiting(const Operation& operation) {
  // In WAL mode NORMAL means: no fsync at a commit
  // (https://sqlite.org/pragma.html#pragma_synchronous).
  TRY(execute("PRAGMA synchronous = NORMAL", {}));
  auto updated = update(operation);
  TRY(execute("PRAGMA synchronous = FULL", {}));
  return updated;
}

Result<void> Catalog::release_reservations(std::int64_t operation_id) {
  return execute("DELETE FROM reservation WHERE operation_id = ?",
                 [&](SQLite::Statement& s) { s.bind(1, operation_id); });
}

Result<std::optional<Operation>> Catalog::operation(std::int64_t id) {
  return select_one<Operation>(
      fmt::format("SELECT {} FROM operation WHERE id = ?", operation_columns),
      [&](SQLite::Statement& s) { s.bind(1, id); }, read_operation);
}

Result<std::vector<Operation>> Catalog::open_operations() {
  return select<Operation>(
      fmt::format("SELECT {} FROM operation WHERE state IN ('running', 'committed') ORDER BY id",
                  operation_columns),
      {}, read_operation);
}

Result<std::vector<Operation>> Catalog::recent_operations(int limit) {
  return select<Operation>(
      fmt::format("SELECT {} FROM operation ORDER BY id DESC LIMIT ?", operation_columns),
      [&](SQLite::Statement& s) { s.bind(1, limit); }, read_operation);
}

Result<std::vector<Reservation>> Catalog::reservations(const std::string& kind) {
  return select<Reservation>(
      "SELECT kind, key FROM reservation WHERE kind = ?", with({kind}), [](SQLite::Statement& row) {
        return Reservation{row.getColumn(0).getString(), row.getColumn(1).getString()};
      });
}

}  // namespace velo::catalog
