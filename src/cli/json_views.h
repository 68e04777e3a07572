// What --json prints: one document for each thing that a command can answer. Keys are snake_case
// and stable, sizes are bytes, times RFC 3339 UTC; a thing that is not there is null, never left
// out.
//
// Passwords are in the documents of `branch password` and `branch url` and in no other.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/branches.h"
#include "engine/config.h"
#include "engine/projects.h"
#include "engine/repair.h"
#include "engine/schedules.h"
#include "engine/setup.h"
#include "engine/snapshots.h"
#include "engine/views.h"
#include "engine/wal.h"

namespace velo::cli::json {

std::string error(const Error& error, int exit_code);

std::string created_project(const engine::CreatedProject& created);
std::string project(const engine::ProjectView& project);
std::string projects(const std::vector<engine::ProjectView>& projects);

std::string created_branch(const engine::CreatedBranch& created);
std::string branch(const engine::BranchView& branch);
std::string branches(const std::vector<engine::BranchView>& branches);
/// Of several that were asked for at once: {"branches": […], "failed": [{"branch", "error"}]}.
using Failure = std::pair<std::string, Error>;
std::string created_branches(const std::vector<engine::CreatedBranch>& created,
                             const std::vector<Failure>& failed);

std::string branch_pool(const engine::BranchPoolView& pool);
std::string branch_pools(const std::vector<engine::BranchPoolView>& pools);

/// {"deleted": name, "branches": […], "kept_until": …}
std::string deletion(const std::string& name, const engine::Deletion& deletion);

std::string snapshot(const engine::SnapshotView& snapshot);
std::string snapshots(const std::vector<engine::SnapshotView>& snapshots);
std::string cleaned(const std::vector<engine::Cleaned>& cleaned, bool dry_run);

std::string schedules(const std::vector<engine::ScheduleView>& views);
std::string schedule_runs(const std::vector<engine::ScheduleRun>& runs, bool dry_run);

std::string wal(const std::vector<engine::WalView>& views);
std::string wal_cleaned(const std::string& branch, const engine::WalCleaned& cleaned, bool dry_run);

/// With the password.
std::string connection(const engine::ConnectionView& connection);
std::string url(const engine::ConnectionView& connection);

std::string status(const engine::StatusView& status);
std::string operations(const std::vector<engine::OperationView>& operations);
std::string up(const engine::UpReport& report);
/// A bug report: holds no secrets.
std::string doctor(const engine::RepairReport& report);
std::string setup(const engine::SetupReport& report, bool dry_run);
std::string setup_undone(const std::vector<engine::UndoStep>& steps, bool dry_run);
std::string config(const engine::ConfigEntry& entry);
std::string config_list(const std::vector<engine::ConfigEntry>& entries);

/// A flat object of strings, in this order: {"version": "2.0.0"}.
std::string texts(const std::vector<std::pair<std::string, std::string>>& texts);
/// {"branch", "log_file", "lines": […]}
std::string log(const std::string& branch, const std::string& file, const std::string& text);

}  // namespace velo::cli::json
