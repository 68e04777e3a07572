#include "cli/render.h"

#include <algorithm>
#include <set>

#include "base/size.h"
#include "base/text.h"

namespace velo::cli {
namespace {

using engine::BranchView;
using engine::ProjectView;
using engine::ServerState;

Colour colour_of(ServerState state) {
  switch (state) {
    case ServerState::running:
      return Colour::green;
    case ServerState::starting:
      return Colour::yellow;
    case ServerState::stopped:
      return Colour::dim;
    case ServerState::down:
    case ServerState::missing:
      break;
  }
  return Colour::red;
}

std::string settings_of(const std::map<std::string, std::string>& settings) {
  std::string text;
  for (const auto& [name, value] : settings) {
    text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", name, value);
  }
  return text;
}

std::string words_for_wal(bool archives, bool forgets) {
  if (archives) return "archived";
  return forgets ? "not kept: it has no earlier moments (--no-archive)"
                 : "not kept: archiving is off (velo config set archive on)";
}

std::string until(Timestamp time) {
  return to_local(time).substr(0, 16);
}

}  // namespace

Cell marker_of(ServerState state) {
  switch (state) {
    case ServerState::running:
    case ServerState::starting:
      return {"●", colour_of(state)};
    case ServerState::stopped:
      return {"○", colour_of(state)};
    case ServerState::down:
    case ServerState::missing:
      break;
  }
  return {"!", colour_of(state)};
}

Cell marker_of(const ProjectView& project) {
  const auto any = [&](auto... states) {
    return std::ranges::any_of(project.branches, [&](const BranchView& branch) {
      return ((branch.state == states) || ...);
    });
  };
  if (any(ServerState::down, ServerState::missing)) return marker_of(ServerState::down);
  if (any(ServerState::running)) return marker_of(ServerState::running);
  if (any(ServerState::starting)) return marker_of(ServerState::starting);
  return marker_of(ServerState::stopped);
}

Cell state_of(const BranchView& branch, Timestamp now) {
  std::string text(engine::name_of(branch.state));
  if (branch.started_at) {
    text += " | " + to_words(std::chrono::floor<std::chrono::seconds>(now - *branch.started_at));
  }
  return {text, colour_of(branch.state)};
}

std::string size_of(const std::optional<engine::Sizes>& sizes) {
  return sizes ? to_size(sizes->exclusive) : "–";
}

std::string version_of(const std::string& pg_version) {
  return "PG " + pg_version;
}

std::string counted(std::size_t number, const std::string& one, const std::string& many) {
  return fmt::format("{} {}", number, number == 1 ? one : many);
}

std::vector<TreeEntry> tree_of(const std::vector<BranchView>& branches) {
  std::multimap<std::string_view, const BranchView*> children;
  std::vector<const BranchView*> roots;
  std::set<std::string_view> names;
  for (const BranchView& branch : branches) names.insert(branch.full_name);
  for (const BranchView& branch : branches) {
    if (branch.parent && names.contains(*branch.parent)) {
      children.emplace(*branch.parent, &branch);
    } else {
      roots.push_back(&branch);
    }
  }
  std::vector<TreeEntry> tree;
  const std::function<void(const BranchView*, std::size_t)> add = [&](const BranchView* branch,
                                                                      std::size_t depth) {
    tree.push_back({branch, depth});
    const auto [from, to] = children.equal_range(branch->full_name);
    for (auto child = from; child != to; ++child) add(child->second, depth + 1);
  };
  for (const BranchView* root : roots) add(root, 0);
  return tree;
}

std::string tree_name(const TreeEntry& entry) {
  return std::string(2 * (entry.depth + 1), ' ') + "↳ " + entry.branch->full_name;
}

std::string render_connection(const engine::ConnectionView& connection, const Look& look) {
  return fmt::format("{}\n  {}\n", paint("Connection ready:", Colour::bold, look),
                     connection.masked_url);
}

std::string render_next(const std::vector<std::pair<std::string, std::string>>& commands,
                        const Look& look) {
  std::size_t width = 0;
  for (const auto& [command, meaning] : commands) width = std::max(width, width_of(command));
  std::string text = "\n" + paint("Next:", Colour::bold, look) + "\n";
  for (const auto& [command, meaning] : commands) {
    text +=
        fmt::format("  {}{}\n", paint(pad_right(command, width + 3), Colour::cyan, look), meaning);
  }
  return text;
}

std::string render_project_list(const std::vector<ProjectView>& projects, const Look& look) {
  if (projects.empty()) return no_projects_yet(look);
  Table table({{.title = ""},
               {.title = "Name"},
               {.title = "Version", .expendable = 1},
               {.title = "Storage", .expendable = 2},
               {.title = "Branches", .right = true},
               {.title = "Pool", .expendable = 4},
               {.title = "Created", .expendable = 3}});
  for (const ProjectView& project : projects) {
    table.add({marker_of(project),
               {project.name},
               {version_of(project.pg_version)},
               {project.driver},
               {fmt::format("{}", project.branches.size())},
               {project.pool},
               {to_local(project.created_at)}});
  }
  return table.render(look);
}

std::string render_project(const ProjectView& project, Timestamp now, const Look& look) {
  std::string text = render_pairs({{"Project", {project.name, Colour::bold}},
                                   {"PostgreSQL", {project.pg_version}},
                                   {"Programs", {project.bin_directory}},
                                   {"Image", {project.image}},
                                   {"Digest", {project.image_digest}},
                                   {"Runtime", {project.runtime}},
                                   {"Runs so because", {project.runtime_reason}},
                                   {"Storage", {project.driver}},
                                   {"Chosen because", {project.storage_reason}},
                                   {"Pool", {project.pool}},
                                   {"Created", {to_local(project.created_at)}},
                                   {"Id", {project.id, Colour::dim}}},
                                  look);
  if (!project.branches.empty()) {
    text += "\n" + render_branch_list(project.branches, project.name, now, look);
  }
  return text;
}

std::string render_branch_list(const std::vector<BranchView>& branches, const std::string& project,
                               Timestamp now, const Look& look) {
  if (branches.empty() && project.empty()) return no_projects_yet(look);
  Table table({{.title = ""},
               {.title = "Name"},
               {.title = "State"},
               {.title = "Port", .right = true},
               {.title = "Size", .right = true, .expendable = 1},
               {.title = "Created", .expendable = 2}});
  std::string last_project;
  for (const TreeEntry& entry : tree_of(branches)) {
    const BranchView& branch = *entry.branch;
    if (entry.depth == 0 && branch.project != last_project) table.separate();
    last_project = branch.project;
    const std::string name = entry.depth == 0 ? branch.full_name : tree_name(entry).substr(2);
    table.add({marker_of(branch.state),
               {name},
               state_of(branch, now),
               {fmt::format("{}", branch.port)},
               {size_of(branch.sizes)},
               {to_local(branch.created_at)}});
  }
  return table.render(look);
}

namespace {

std::string words_of(const engine::Freed& freed) {
  std::string text = fmt::format("frees {}", to_size(freed.bytes));
  if (freed.grace.count() > 0) {
    text += fmt::format(" once it was kept for {}", to_words(freed.grace));
  }
  if (freed.stays == 0) return text;
  const std::string who =
      freed.shared_with.empty() ? "volumes that are kept" : join_words(freed.shared_with);
  return text + fmt::format("; {} stay, shared with {}", to_size(freed.stays), who);
}

std::string words_of(const engine::KeptView& kept) {
  const std::string size =
      kept.exclusive ? fmt::format("{} of its own, ", to_size(*kept.exclusive)) : "";
  return fmt::format("{}, {}from before it was {} {}, until {}", kept.volume, size, kept.reason,
                     to_local(kept.kept_since), until(kept.kept_until));
}

}  // namespace

std::string render_branch(const BranchView& branch, Timestamp now, const Look& look) {
  std::string sizes;
  if (branch.sizes) {
    sizes = fmt::format("{} of its own, {} in all", to_size(branch.sizes->exclusive),
                        to_size(branch.sizes->referenced));
  }
  Cell state = state_of(branch, now);
  if (branch.pid) state.text += fmt::format(" (pid {})", *branch.pid);
  std::vector<std::pair<std::string, Cell>> pairs = {
      {"Branch", {branch.full_name, Colour::bold}},
      {"State", state},
      {"Notice", {branch.remark}},
      {"Parent", {branch.parent.value_or("")}},
      {"Address", {fmt::format("{}:{}", branch.address, branch.port)}},
      {"Size", {sizes}},
      {"PostgreSQL", {branch.pg_version}},
      {"Image", {branch.image}},
      {"Digest", {branch.image_digest}},
      {"Settings", {settings_of(branch.settings)}},
      {"WAL", {words_for_wal(branch.archives, branch.forgets)}},
      {"Storage", {fmt::format("{}, {}", branch.driver, branch.runtime)}},
      {"Volume", {branch.volume}},
      {"Data", {branch.data_directory}},
      {"Log", {branch.log_file}},
      {"Created", {to_local(branch.created_at)}},
      {"Reset", {branch.reset_at ? to_local(*branch.reset_at) : ""}},
      {"Id", {branch.id, Colour::dim}}};
  for (const engine::KeptView& kept : branch.kept) {
    pairs.emplace_back("Kept", Cell{words_of(kept)});
  }
  if (branch.freed) pairs.emplace_back("Deleting", Cell{words_of(*branch.freed)});
  return render_pairs(pairs, look);
}

std::string render_deletion(const std::string& name, const engine::Deletion& deletion,
                            const std::string& undelete_command, const Look& look) {
  std::string text = fmt::format("Deleted {}", name);
  const bool more = deletion.branches.size() > 1 ||
                    (deletion.branches.size() == 1 && deletion.branches.front() != name);
  if (more) text += fmt::format(" ({})", join_words(deletion.branches));
  text += "\n";
  if (deletion.kept_until) {
    text += fmt::format("Kept until {}: {}\n", until(*deletion.kept_until),
                        paint(undelete_command, Colour::cyan, look));
  }
  return text;
}

std::string render_way_back(const BranchView& branch, const Look& look) {
  if (branch.kept.empty()) return "Nothing is kept of what it held: there is no way back\n";
  return fmt::format("What it held is kept until {}: {}\n", until(branch.kept.back().kept_until),
                     paint("velo branch undelete " + branch.full_name, Colour::cyan, look));
}

std::string render_warning(const std::string& what, const engine::Deletion& deletion) {
  std::string text = fmt::format("This deletes {} with its data", what);
  if (deletion.branches.size() > 1) text += ": " + join_words(deletion.branches);
  text += deletion.kept_until
              ? fmt::format(".\nIt can be had back until {}.\n", until(*deletion.kept_until))
              : ".\nNothing is kept: there is no way back.\n";
  return text;
}

std::string no_projects_yet(const Look& look) {
  return "No projects yet\n" +
         render_next(
             {{"velo project create demo", "a PostgreSQL server with the branch demo/main"}}, look);
}

}  // namespace velo::cli
