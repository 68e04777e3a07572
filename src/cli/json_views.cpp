#include "cli/json_views.h"

#include <nlohmann/json.hpp>

#include "base/secrets.h"
#include "base/text.h"
#include "cli/errors.h"

namespace velo::cli::json {
namespace {

using Json = nlohmann::ordered_json;

/// Words from a command line or a log need not be UTF-8; a document must be.
std::string document(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json time_or_null(const std::optional<Timestamp>& time) {
  return time ? Json(to_rfc3339(*time)) : Json(nullptr);
}

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

template <class Items, class ToJson>
Json array_of(const Items& items, ToJson to_json) {
  Json array = Json::array();
  for (const auto& item : items) array.push_back(to_json(item));
  return array;
}

Json of_error(const Error& error, int exit_code) {
  return {{"code", name_of(error.code)},
          {"message", error.message},
          {"hint", text_or_null(error.hint)},
          {"detail", text_or_null(error.detail)},
          {"exit_code", exit_code}};
}

Json of_kept(const engine::KeptView& kept) {
  return {{"branch", kept.branch},
          {"volume", kept.volume},
          {"reason", kept.reason},
          {"kept_since", to_rfc3339(kept.kept_since)},
          {"kept_until", to_rfc3339(kept.kept_until)},
          {"exclusive_bytes", or_null(kept.exclusive)},
          {"comes_back_with", kept.comes_back_with}};
}

Json of_freed(const std::optional<engine::Freed>& freed) {
  if (!freed) return nullptr;
  return {{"frees_bytes", freed->bytes},
          {"after_seconds", freed->grace.count()},
          {"stays_bytes", freed->stays},
          {"shared_with", freed->shared_with}};
}

Json of_sizes(const std::optional<engine::Sizes>& sizes) {
  if (!sizes) return nullptr;
  return {{"referenced_bytes", sizes->referenced},
          {"exclusive_bytes", sizes->exclusive},
          {"measured_at", to_rfc3339(sizes->measured_at)}};
}

Json of_branch(const engine::BranchView& branch) {
  return {{"id", branch.id},
          {"project", branch.project},
          {"name", branch.name},
          {"full_name", branch.full_name},
          {"parent", or_null(branch.parent)},
          {"is_main", branch.is_main},
          {"role", text_or_null(branch.role)},
          {"state", engine::name_of(branch.state)},
          {"started_at", time_or_null(branch.started_at)},
          {"pid", or_null(branch.pid)},
          {"remark", text_or_null(branch.remark)},
          {"address", branch.address},
          {"port", branch.port},
          {"sizes", of_sizes(branch.sizes)},
          {"created_at", to_rfc3339(branch.created_at)},
          {"reset_at", time_or_null(branch.reset_at)},
          {"driver", branch.driver},
          {"runtime", branch.runtime},
          {"pg_version", branch.pg_version},
          {"image", text_or_null(branch.image)},
          {"image_digest", text_or_null(branch.image_digest)},
          {"volume", branch.volume},
          {"data_directory", branch.data_directory},
          {"log_file", branch.log_file},
          {"settings", branch.settings},
          {"archives", branch.archives},
          {"kept", array_of(branch.kept, of_kept)},
          {"deleting", of_freed(branch.freed)}};
}

Json of_basis(const std::optional<engine::Basis>& basis) {
  if (!basis) return nullptr;
  return {{"snapshot", basis->snapshot_id},
          {"label", text_or_null(basis->label)},
          {"as_of", to_rfc3339(basis->as_of)}};
}

Json of_branch_pool(const engine::BranchPoolView& pool) {
  return {{"parent", pool.parent},
          {"size", pool.size},
          {"ready", pool.ready},
          {"stale", pool.stale},
          {"ephemeral", pool.ephemeral},
          {"follows_newest", pool.follows},
          {"based_on", of_basis(pool.based_on)},
          {"error", text_or_null(pool.error)}};
}

Json of_snapshot(const engine::SnapshotView& snapshot) {
  return {{"id", snapshot.id},
          {"short_id", snapshot.short_id},
          {"branch", snapshot.branch},
          {"label", text_or_null(snapshot.label)},
          {"purpose", snapshot.purpose},
          {"taken_at", to_rfc3339(snapshot.taken_at)},
          {"volume", snapshot.volume},
          {"pg_version", snapshot.pg_version},
          {"sizes", of_sizes(snapshot.sizes)}};
}

Json of_cleaned(const engine::Cleaned& one) {
  return {{"snapshot", of_snapshot(one.snapshot)}, {"removed", one.removed}, {"why", one.why}};
}

Json of_project(const engine::ProjectView& project) {
  return {{"id", project.id},
          {"name", project.name},
          {"runtime", project.runtime},
          {"runtime_reason", text_or_null(project.runtime_reason)},
          {"driver", project.driver},
          {"storage_reason", project.storage_reason},
          {"pool", project.pool},
          {"pg_major", project.pg_major},
          {"pg_version", project.pg_version},
          {"bin_directory", text_or_null(project.bin_directory)},
          {"image", text_or_null(project.image)},
          {"image_digest", text_or_null(project.image_digest)},
          {"created_at", to_rfc3339(project.created_at)},
          {"branches", array_of(project.branches, of_branch)}};
}

Json of_pool(const engine::PoolView& pool) {
  return {{"driver", pool.driver},   {"place", pool.place},     {"health", pool.health},
          {"size_bytes", pool.size}, {"used_bytes", pool.used}, {"free_bytes", pool.free}};
}

Json of_operation(const engine::OperationView& operation) {
  return {{"id", operation.id},
          {"kind", operation.kind},
          {"subject", operation.subject},
          {"command", operation.command},
          {"pid", operation.pid},
          {"state", engine::name_of(operation.state)},
          {"started_at", to_rfc3339(operation.started_at)},
          {"ended_at", time_or_null(operation.ended_at)},
          {"recovery", text_or_null(operation.recovery)},
          {"recovered_by", text_or_null(operation.recovered_by)},
          {"error", text_or_null(operation.error)}};
}

Json of_failure(const Failure& failure) {
  return {{"branch", failure.first},
          {"error", of_error(failure.second, exit_code_of(failure.second.code))}};
}

enum class Password { shown, masked };

Json of_connection(const engine::ConnectionView& connection, Password password) {
  Json value = {{"branch", connection.branch}, {"masked_url", connection.masked_url}};
  if (password == Password::shown) value["url"] = connection.url;
  value["host"] = connection.host;
  value["port"] = connection.port;
  value["user"] = connection.user;
  if (password == Password::shown) value["password"] = connection.password;
  value["database"] = connection.database;
  value["certificate"] = text_or_null(connection.certificate);
  return value;
}

Json of_config(const engine::ConfigEntry& entry) {
  return {{"key", entry.key},
          {"value", entry.value},
          {"default", entry.default_value},
          {"is_set", entry.is_set},
          {"description", entry.description}};
}

}  // namespace

std::string error(const Error& error, int exit_code) {
  return document({{"error", of_error(error, exit_code)}});
}

std::string created_project(const engine::CreatedProject& created) {
  return document({{"project", of_project(created.project)},
                   {"connection", of_connection(created.connection, Password::masked)}});
}

std::string project(const engine::ProjectView& project) {
  return document({{"project", of_project(project)}});
}

std::string projects(const std::vector<engine::ProjectView>& projects) {
  return document({{"projects", array_of(projects, of_project)}});
}

std::string created_branch(const engine::CreatedBranch& created) {
  return document({{"branch", of_branch(created.branch)},
                   {"connection", of_connection(created.connection, Password::masked)},
                   {"based_on", of_basis(created.based_on)}});
}

std::string created_branches(const std::vector<engine::CreatedBranch>& created,
                             const std::vector<Failure>& failed) {
  const auto of_created = [](const engine::CreatedBranch& one) { return of_branch(one.branch); };
  return document(
      {{"branches", array_of(created, of_created)}, {"failed", array_of(failed, of_failure)}});
}

std::string branch_pool(const engine::BranchPoolView& pool) {
  return document({{"branch_pool", of_branch_pool(pool)}});
}

std::string branch_pools(const std::vector<engine::BranchPoolView>& pools) {
  return document({{"branch_pools", array_of(pools, of_branch_pool)}});
}

std::string branch(const engine::BranchView& branch) {
  return document({{"branch", of_branch(branch)}});
}

std::string branches(const std::vector<engine::BranchView>& branches) {
  return document({{"branches", array_of(branches, of_branch)}});
}

std::string deletion(const std::string& name, const engine::Deletion& deletion) {
  return document({{"deleted", name},
                   {"branches", deletion.branches},
                   {"kept_until", time_or_null(deletion.kept_until)}});
}

std::string snapshot(const engine::SnapshotView& snapshot) {
  return document({{"snapshot", of_snapshot(snapshot)}});
}

std::string snapshots(const std::vector<engine::SnapshotView>& snapshots) {
  return document({{"snapshots", array_of(snapshots, of_snapshot)}});
}

std::string cleaned(const std::vector<engine::Cleaned>& cleaned, bool dry_run) {
  return document({{"dry_run", dry_run}, {"snapshots", array_of(cleaned, of_cleaned)}});
}

std::string schedules(const std::vector<engine::ScheduleView>& views) {
  const auto of_schedule = [](const engine::ScheduleView& view) -> Json {
    return {{"branch", view.branch},
            {"every_seconds", view.every.count()},
            {"keep", view.keep},
            {"last", time_or_null(view.last)},
            {"next", to_rfc3339(view.next)},
            {"stopped", view.is_stopped}};
  };
  return document({{"schedules", array_of(views, of_schedule)}});
}

std::string schedule_runs(const std::vector<engine::ScheduleRun>& runs, bool dry_run) {
  const auto of_run = [](const engine::ScheduleRun& run) -> Json {
    return {
        {"branch", run.branch},
        {"taken", run.taken ? of_snapshot(*run.taken) : Json(nullptr)},
        {"not_taken", text_or_null(run.not_taken)},
        {"removed", array_of(run.cleaned, of_cleaned)},
        {"wal_removed", run.wal.removed},
        {"wal_freed_bytes", run.wal.freed},
        {"error", run.error ? of_error(*run.error, exit_code_of(run.error->code)) : Json(nullptr)}};
  };
  return document({{"dry_run", dry_run}, {"branches", array_of(runs, of_run)}});
}

std::string wal(const std::vector<engine::WalView>& views) {
  const auto of_view = [](const engine::WalView& view) -> Json {
    return {{"branch", view.branch},
            {"archives", view.archives},
            {"archive", view.archive},
            {"segments", view.segments},
            {"stored_bytes", view.stored},
            {"original_bytes", view.original},
            {"oldest", or_null(view.oldest)},
            {"oldest_archived_at", time_or_null(view.oldest_at)},
            {"newest", or_null(view.newest)},
            {"newest_archived_at", time_or_null(view.newest_at)},
            {"archiver_failures", or_null(view.failures)},
            {"waiting_segments", view.waiting},
            {"last_failed", text_or_null(view.last_failed)},
            {"gaps", view.gaps},
            {"windows", view.windows}};
  };
  return document({{"wal", array_of(views, of_view)}});
}

std::string wal_cleaned(const std::string& branch, const engine::WalCleaned& cleaned,
                        bool dry_run) {
  return document({{"branch", branch},
                   {"dry_run", dry_run},
                   {"removed", cleaned.removed},
                   {"freed_bytes", cleaned.freed},
                   {"needed", cleaned.needed},
                   {"needed_by", text_or_null(cleaned.needed_by)},
                   {"windows", cleaned.windows}});
}

std::string connection(const engine::ConnectionView& connection) {
  return document({{"connection", of_connection(connection, Password::shown)}});
}

std::string url(const engine::ConnectionView& connection) {
  return document({{"branch", connection.branch}, {"url", connection.url}});
}

std::string status(const engine::StatusView& status) {
  return document({{"pools", array_of(status.pools, of_pool)},
                   {"projects", array_of(status.projects, of_project)},
                   {"branch_pools", array_of(status.branch_pools, of_branch_pool)},
                   {"unfinished_operations", array_of(status.unfinished, of_operation)},
                   {"kept", array_of(status.kept, of_kept)}});
}

std::string operations(const std::vector<engine::OperationView>& operations) {
  return document({{"operations", array_of(operations, of_operation)}});
}

std::string up(const engine::UpReport& report) {
  return document({{"started", report.started},
                   {"already_running", report.already_running},
                   {"failed", array_of(report.failed, of_failure)}});
}

std::string doctor(const engine::RepairReport& report) {
  const auto of_finding = [](const engine::Finding& finding) -> Json {
    return {{"level", name_of(finding.level)},
            {"code", finding.code},
            {"subject", text_or_null(finding.subject)},
            {"text", finding.text},
            {"hint", text_or_null(finding.hint)},
            {"fixable", finding.repair.kind != engine::Repair::Kind::none}};
  };
  const auto of_section = [&](const engine::CheckedSection& section) -> Json {
    return {{"section", title_of(section.section)},
            {"findings", array_of(section.findings, of_finding)}};
  };
  const auto of_repaired = [](const engine::Repaired& one) -> Json {
    return {{"text", without_secrets(one.text)},
            {"error", one.error ? Json(without_secrets(one.error->message)) : Json(nullptr)}};
  };
  const engine::CheckReport& after = report.after;
  return document({{"version", after.version},
                   {"checked_at", to_rfc3339(after.checked_at)},
                   {"healthy", after.healthy()},
                   {"summary",
                    {{"ok", after.count(engine::Level::ok)},
                     {"info", after.count(engine::Level::info)},
                     {"warnings", after.count(engine::Level::warning)},
                     {"errors", after.count(engine::Level::error)}}},
                   {"sections", array_of(after.sections, of_section)},
                   {"repaired", array_of(report.repaired, of_repaired)}});
}

std::string setup(const engine::SetupReport& report, bool dry_run) {
  const auto of_step = [](const engine::SetupStep& step) -> Json {
    return {{"description", step.description}, {"already_done", step.already_done}};
  };
  return document({{"dry_run", dry_run},
                   {"steps", array_of(report.steps, of_step)},
                   {"login_due", text_or_null(report.login_due)}});
}

std::string setup_undone(const std::vector<engine::UndoStep>& steps, bool dry_run) {
  const auto of_step = [](const engine::UndoStep& step) -> Json {
    return {{"description", step.description}, {"left", text_or_null(step.left)}};
  };
  return document({{"dry_run", dry_run}, {"undone", array_of(steps, of_step)}});
}

std::string config(const engine::ConfigEntry& entry) {
  return document({{"config", of_config(entry)}});
}

std::string config_list(const std::vector<engine::ConfigEntry>& entries) {
  return document({{"config", array_of(entries, of_config)}});
}

std::string texts(const std::vector<std::pair<std::string, std::string>>& texts) {
  Json value = Json::object();
  for (const auto& [key, text] : texts) value[key] = text;
  return document(value);
}

std::string log(const std::string& branch, const std::string& file, const std::string& text) {
  return document({{"branch", branch}, {"log_file", file}, {"lines", lines_of(text)}});
}

}  // namespace velo::cli::json
