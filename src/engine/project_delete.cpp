#include <algorithm>

#include "base/text.h"
#include "catalog/catalog.h"
#include "engine/names.h"
#include "engine/operation.h"
#include "engine/projects.h"
#include "engine/records.h"
#include "engine/survey.h"
#include "engine/temporary.h"
#include "engine/tombstones.h"

namespace velo::engine {
namespace {

constexpr std::string_view kept_hint =
    "what delete takes away is kept for the grace period (velo config get grace); velo status "
    "shows "
    "it";

/// Of that name, or, where none lives and the request is for what is kept too, the one that was
/// deleted last.
Result<catalog::Project> find_either(Engine& engine, const DeleteRequest& request) {
  auto live = find_project(engine, request.name);
  if (live || live.error().code != Errc::not_found) return live;
  auto kept = TRY(last_deleted_project(engine, request.name));
  if (!kept) return live;
  if (request.at_once) return std::move(*kept);
  return deleted_already("project", request.name);
}

/// Its branches, those that are kept only where nothing can bring them back once it is gone.
Result<Doomed> find_doomed(Engine& engine, const DeleteRequest& request) {
  const catalog::Project project = TRY(find_either(engine, request));
  Doomed doomed{.branches = {}, .project = project, .grace = TRY(grace_of(engine, request))};
  const bool nothing_stays = doomed.grace.count() == 0;
  std::vector<std::string> others;  // that did not go, and do not go, with main by themselves
  for (const auto& branch : TRY(engine.catalog().branches_of(
           project.id, nothing_stays ? catalog::Which::all : catalog::Which::live))) {
    doomed.branches.push_back(TRY(load_remains(engine, branch)));
    const BranchRecords& b = doomed.branches.back();
    const bool went_with_it = project.deleted_at && branch.deleted_at == project.deleted_at;
    if (b.is_main() || went_with_it || TRY(is_spare(engine, branch.id))) continue;
    others.push_back(b.full_name() + (branch.deleted_at ? " (deleted, and kept)" : ""));
  }
  std::ranges::reverse(doomed.branches);  // made after their parents, main first of all
  if (others.empty() || request.with_branches) return doomed;
  return fail_with_hint(
      Errc::has_children,
      fmt::format("the project {} has branches besides main: {}", request.name, join_words(others)),
      fmt::format("delete those first, or all of it: velo project delete {}{} --force",
                  request.name, request.at_once ? " --now" : ""));
}

/// The project of that name that was deleted last, and the branches deleted with it, main first.
Result<Doomed> find_buried(Engine& engine, const std::string& name) {
  const auto project = TRY(last_deleted_project(engine, name));
  if (!project) {
    return fail_with_hint(Errc::not_found, fmt::format("nothing is kept of a project {}", name),
                          std::string(kept_hint));
  }
  Doomed buried{.branches = {}, .project = project, .grace = {}};
  for (const auto& branch : TRY(engine.catalog().branches_of(project->id, catalog::Which::all))) {
    if (branch.deleted_at == project->deleted_at) {
      buried.branches.push_back(TRY(load_branch(engine, branch.id)));
    }
  }
  if (buried.branches.empty()) {
    return fail(Errc::not_found, "nothing is kept of the project {} as a whole", name);
  }
  return buried;
}

}  // namespace

Result<Deletion> preview_delete_project(Engine& engine, const DeleteRequest& request) {
  return describe(TRY(find_doomed(engine, request)));
}

Result<Deletion> delete_project(Engine& engine, const DeleteRequest& request) {
  return find_and_bury(engine, "project.delete", request.name,
                       fmt::format("Deleting project {}", request.name),
                       [&] { return find_doomed(engine, request); });
}

Result<ProjectView> undelete_project(Engine& engine, const std::string& name) {
  TRY(check_name("project", name));
  Doomed buried;
  const BranchLocks locks = TRY(lock_branches(engine, [&]() -> Result<LockSet> {
    buried = TRY(find_buried(engine, name));
    if (TRY(engine.catalog().project_named(name))) {
      return fail_with_hint(Errc::already_exists,
                            fmt::format("there is another project {} by now", name),
                            "delete that one first; both can be brought back in turn");
    }
    LockSet set;
    for (const BranchRecords& b : buried.branches) set.exclusive.push_back(b.branch.id);
    return set;
  }));
  engine.observer().begin(fmt::format("Bringing back project {}", name));
  TRY(unbury(engine, "project.undelete", name, buried.branches, buried.project));
  return TRY(Survey::take(engine)).project(buried.project->id);
}

}  // namespace velo::engine
