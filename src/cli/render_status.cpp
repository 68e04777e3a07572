#include "cli/render_status.h"

#include <algorithm>
#include <map>

#include "base/size.h"
#include "base/text.h"
#include "cli/progress.h"
#include "cli/render.h"
#include "cli/render_pool.h"
#include "engine/operation.h"

namespace velo::cli {
namespace {

using engine::OperationState;
using engine::OperationView;
using engine::StatusView;

std::string render_pools(const std::vector<engine::PoolView>& pools, const Look& look) {
  Table table({{.title = "Pool"},
               {.title = "Driver", .expendable = 1},
               {.title = "Health"},
               {.title = "Size", .right = true, .expendable = 2},
               {.title = "Used", .right = true},
               {.title = "Free", .right = true}});
  for (const engine::PoolView& pool : pools) {
    const double share =
        pool.size > 0 ? 100.0 * static_cast<double>(pool.used) / static_cast<double>(pool.size) : 0;
    table.add({{pool.place},
               {pool.driver},
               {pool.health, pool.health == "ONLINE" ? Colour::green : Colour::red},
               {to_size(pool.size)},
               {fmt::format("{} ({:.1f}%)", to_size(pool.used), share),
                share >= 90 ? Colour::red : (share >= 80 ? Colour::yellow : Colour::plain)},
               {to_size(pool.free)}});
  }
  return paint(pools.size() == 1 ? "Pool" : "Pools", Colour::bold, look) + "\n" +
         table.render(look);
}

std::string render_projects(const StatusView& status, Timestamp now, const Look& look) {
  Table table({{.title = ""},
               {.title = "Name"},
               {.title = "State"},
               {.title = "Server"},
               {.title = "Size", .right = true, .expendable = 1},
               {.title = "Created", .expendable = 2}});
  for (const engine::ProjectView& project : status.projects) {
    table.separate();
    table.add({marker_of(project),
               {project.name, Colour::bold},
               {counted(project.branches.size(), "branch", "branches")},
               {fmt::format("{} · {}",
                            project.image.empty() ? version_of(project.pg_version) : project.image,
                            project.driver)},
               {},
               {to_local(project.created_at)}});
    for (const TreeEntry& entry : tree_of(project.branches)) {
      const engine::BranchView& branch = *entry.branch;
      table.add({marker_of(branch.state),
                 {tree_name(entry)},
                 state_of(branch, now),
                 {fmt::format("Port {}", branch.port)},
                 {size_of(branch.sizes)},
                 {to_local(branch.created_at)}});
    }
  }
  return paint(fmt::format("Projects ({})", status.projects.size()), Colour::bold, look) + "\n" +
         table.render(look);
}

std::string age(Timestamp since, Timestamp now) {
  return to_words(std::chrono::floor<std::chrono::seconds>(now - since));
}

std::string notice_line(std::string_view text, const Look& look) {
  return fmt::format("{} {}\n", paint("Notice:", Colour::cyan, look), text);
}

std::string warning_line(std::string_view text, const Look& look) {
  return fmt::format("{} {}\n", paint("Warning:", Colour::yellow, look), text);
}

std::string render_unfinished(const OperationView& operation, Timestamp now, const Look& look) {
  const std::string what =
      fmt::format("{} {}", engine::kind_in_words(operation.kind), operation.subject);
  if (operation.state == OperationState::running) {
    return notice_line(fmt::format("{} is running, for {} (pid {})", what,
                                   age(operation.started_at, now), operation.pid),
                       look);
  }
  return warning_line(
      fmt::format("{} was interrupted {} ago; the next command that changes something mends it",
                  what, age(operation.started_at, now)),
      look);
}

std::string render_kept(const StatusView& status, const Look& look) {
  constexpr std::size_t most = 5;
  // The newest of what one undelete brings back: a branch's last life, a family, a project.
  std::map<std::string, const engine::KeptView*> by_root;
  for (const engine::KeptView& kept : status.kept) {
    const engine::KeptView*& newest = by_root[kept.comes_back_with];
    if (newest == nullptr || newest->kept_since < kept.kept_since) newest = &kept;
  }
  std::vector<std::pair<std::string, const engine::KeptView*>> newest_first(by_root.begin(),
                                                                            by_root.end());
  std::ranges::stable_sort(newest_first, std::ranges::greater{},
                           [](const auto& one) { return one.second->kept_since; });
  std::string text;
  std::size_t shown = 0;
  for (const auto& [root, kept] : newest_first) {
    if (++shown > most) break;
    const std::string command = fmt::format(
        "velo {} undelete {}", root.find('/') == std::string::npos ? "project" : "branch", root);
    text += notice_line(
        fmt::format("{} was {} and can be had back until {}: {}", root, kept->reason,
                    to_local(kept->kept_until).substr(0, 16), paint(command, Colour::cyan, look)),
        look);
  }
  if (newest_first.size() > most) {
    text += notice_line(
        fmt::format("{} more, from before, can be had back: velo status --json lists them",
                    newest_first.size() - most),
        look);
  }
  return text;
}

Cell state_cell(const OperationView& operation) {
  const std::string name(engine::name_of(operation.state));
  std::string text = name;
  if (!operation.recovery.empty()) {
    text = operation.recovery;
    if (!operation.recovered_by.empty()) text += " by " + operation.recovered_by;
  }
  switch (operation.state) {
    case OperationState::done:
      return {text, Colour::green};
    case OperationState::running:
      return {text, Colour::cyan};
    case OperationState::undone:
      return {text, Colour::dim};
    case OperationState::interrupted:
      return {text, Colour::yellow};
  }
  return {text, Colour::red};
}

}  // namespace

std::string render_attention(const StatusView& status, Timestamp now, const Look& look) {
  std::string text;
  for (const engine::PoolView& pool : status.pools) {
    if (pool.health == "ONLINE") continue;
    text += warning_line(fmt::format("the pool {} is {}", pool.place, pool.health), look);
  }
  for (const OperationView& operation : status.unfinished) {
    text += render_unfinished(operation, now, look);
  }
  for (const engine::ProjectView& project : status.projects) {
    for (const engine::BranchView& branch : project.branches) {
      if (branch.remark.empty()) continue;
      text += warning_line(fmt::format("{}: {}", branch.full_name, branch.remark), look);
    }
  }
  std::vector<std::string> down;
  for (const engine::ProjectView& project : status.projects) {
    for (const engine::BranchView& branch : project.branches) {
      if (branch.state == engine::ServerState::down) down.push_back(branch.full_name);
    }
  }
  if (!down.empty()) {
    text += warning_line(
        fmt::format("{} should run and {} not: {} starts what was running", join_words(down),
                    down.size() == 1 ? "does" : "do", paint("velo up", Colour::cyan, look)),
        look);
  }
  return text + render_kept(status, look);
}

std::string render_status(const StatusView& status, Timestamp now, bool quiet, const Look& look) {
  std::string text = paint("Velo Status", Colour::bold, look) + "\n";
  if (!status.pools.empty()) text += "\n" + render_pools(status.pools, look);
  text += "\n";
  text += status.projects.empty() ? no_projects_yet(look) : render_projects(status, now, look);
  if (!status.branch_pools.empty()) {
    text += "\n" + render_branch_pools(status.branch_pools, look);
  }
  if (quiet) return text;
  const std::string attention = render_attention(status, now, look);
  return attention.empty() ? text : text + "\n" + attention;
}

std::string render_operations(const std::vector<OperationView>& operations, const Look& look) {
  if (operations.empty()) return "No operations yet\n";
  const bool any_error = std::ranges::any_of(
      operations, [](const OperationView& operation) { return !operation.error.empty(); });
  std::vector<Column> columns = {{.title = "Id", .right = true},
                                 {.title = "When", .expendable = 2},
                                 {.title = "Took", .right = true, .expendable = 4},
                                 {.title = "What"},
                                 {.title = "Subject"},
                                 {.title = "State"}};
  if (any_error) columns.push_back({.title = "Error", .expendable = 3});
  Table table(std::move(columns));
  for (const OperationView& operation : operations) {
    constexpr std::size_t error_width = 60;
    std::vector<Cell> row = {
        {fmt::format("{}", operation.id)},
        {to_local(operation.started_at)},
        {operation.ended_at ? step_time(*operation.ended_at - operation.started_at) : ""},
        {engine::kind_in_words(operation.kind)},
        {operation.subject},
        state_cell(operation)};
    if (any_error) row.push_back({shorten(operation.error, error_width), Colour::dim});
    table.add(std::move(row));
  }
  return table.render(look);
}

}  // namespace velo::cli
