// How projects and branches look on a screen.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/table.h"
#include "engine/branches.h"
#include "engine/projects.h"
#include "engine/views.h"

namespace velo::cli {

/// ● runs, ○ does not, ! should and does not.
Cell marker_of(engine::ServerState state);
/// Of a whole project: ! when any branch is in trouble, ● when any runs.
Cell marker_of(const engine::ProjectView& project);
/// "running | 13s", in its colour.
Cell state_of(const engine::BranchView& branch, Timestamp now);
/// "127.50 KB"; "–" while nobody has measured it.
std::string size_of(const std::optional<engine::Sizes>& sizes);
/// "PG 15.18"
std::string version_of(const std::string& pg_version);
/// "1 branch", "3 branches"
std::string counted(std::size_t number, const std::string& one, const std::string& many);

struct TreeEntry {
  const engine::BranchView* branch = nullptr;
  std::size_t depth = 0;  ///< 0: main, and whatever has lost its parent
};
/// Branches below their parents, siblings in the order given. Holds pointers into `branches`.
std::vector<TreeEntry> tree_of(const std::vector<engine::BranchView>& branches);
/// "    ↳ demo/dev"
std::string tree_name(const TreeEntry& entry);

/// The URL without its password, below "Connection ready:".
std::string render_connection(const engine::ConnectionView& connection, const Look& look);
/// Commands worth typing now, with what they do.
std::string render_next(const std::vector<std::pair<std::string, std::string>>& commands,
                        const Look& look);

std::string render_project_list(const std::vector<engine::ProjectView>& projects, const Look& look);
std::string render_project(const engine::ProjectView& project, Timestamp now, const Look& look);
/// `project` empty: of all projects.
std::string render_branch_list(const std::vector<engine::BranchView>& branches,
                               const std::string& project, Timestamp now, const Look& look);
std::string render_branch(const engine::BranchView& branch, Timestamp now, const Look& look);
/// "Deleted demo/dev." and until when it can be had back.
std::string render_deletion(const std::string& name, const engine::Deletion& deletion,
                            const std::string& undelete_command, const Look& look);
/// After a reset: how it can be taken back, and until when.
std::string render_way_back(const engine::BranchView& branch, const Look& look);
/// What a person sees before being asked: "This deletes …".
std::string render_warning(const std::string& what, const engine::Deletion& deletion);
std::string no_projects_yet(const Look& look);

}  // namespace velo::cli
