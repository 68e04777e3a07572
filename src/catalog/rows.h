// Between records and SQLite: columns in the order of the lists below. Internal to this room;
// throws SQLite::Exception as SQLiteCpp does.
#pragma once

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Statement.h>

#include <optional>
#include <string>

#include "catalog/records.h"

namespace velo::catalog {

inline constexpr auto project_columns =
    "id, name, driver, pool, storage_reason, runtime, runtime_reason, pg_major, os_user, database, "
    "main_branch_id, created_at, deleted_at";
inline constexpr auto branch_columns =
    "id, project_id, name, parent_id, incarnation_id, superuser, password_counter, wants_running, "
    "settings, created_at, reset_at, deleted_at, archives";
inline constexpr auto incarnation_columns =
    "id, branch_id, volume, parent_incarnation_id, timeline, fork_lsn, bin_directory, image, "
    "image_digest, basic_archive, pg_version, first_start, created_at, kept_since, kept_until, "
    "kept_reason, "
    "drift_told, forked_at";
inline constexpr auto snapshot_columns =
    "incarnation_id, of_incarnation_id, label, purpose, taken_at";
inline constexpr auto schedule_columns = "branch_id, every, keep";
inline constexpr auto branch_pool_columns = "parent_id, size, snapshot_id, ephemeral, error";
inline constexpr auto temporary_columns =
    "branch_id, role, pid, ephemeral, snapshot_id, snapshot, as_of";
inline constexpr auto endpoint_columns = "branch_id, address, port, active";
inline constexpr auto size_columns = "incarnation_id, referenced, exclusive, measured_at";
inline constexpr auto operation_columns =
    "id, kind, subject, command, pid, plan, state, started_at, ended_at, recovery, recovered_by, "
    "error";

/// "?, ?, …", as many as a column list has names.
std::string marks_for(const char* columns);

Project read_project(SQLite::Statement& row);
Branch read_branch(SQLite::Statement& row);
Incarnation read_incarnation(SQLite::Statement& row);
Snapshot read_snapshot(SQLite::Statement& row);
Schedule read_schedule(SQLite::Statement& row);
BranchPool read_branch_pool(SQLite::Statement& row);
Temporary read_temporary(SQLite::Statement& row);
Endpoint read_endpoint(SQLite::Statement& row);
Size read_size(SQLite::Statement& row);
Operation read_operation(SQLite::Statement& row);

/// Binds every column, from parameter 1 on.
void bind(SQLite::Statement& statement, const Project& project);
void bind(SQLite::Statement& statement, const Branch& branch);
void bind(SQLite::Statement& statement, const Incarnation& incarnation);
void bind(SQLite::Statement& statement, const Snapshot& snapshot);
void bind(SQLite::Statement& statement, const Schedule& schedule);
void bind(SQLite::Statement& statement, const BranchPool& pool);
void bind(SQLite::Statement& statement, const Temporary& temporary);
void bind(SQLite::Statement& statement, const Endpoint& endpoint);
void bind(SQLite::Statement& statement, const Size& size);
/// Binds NULL for an id of 0, so that SQLite gives the next.
void bind(SQLite::Statement& statement, const Operation& operation);

}  // namespace velo::catalog
