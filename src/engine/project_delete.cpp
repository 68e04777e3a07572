#include <algorithm>

#include "base/text.h"
#include "catalog/catalog.h"
#include "engine/kept.h"
#include "engine/names.h"
#include "engine/operation.h"
#include "engine/projects.h"
#include "engine/records.h"
#include "engine/survey.h"
#include "engine/tombstones.h"

namespace velo::engine {
namespace {

struct Doomed {
  catalog::Project project;
  std::vector<BranchRecords> branches;  ///< children first, main last
};

Result<Doomed> find_doomed(Engine& engine, const std::string& name) {
  const catalog::Project project = TRY(find_project(engine, name));
  const BranchRecords main = TRY(load_branch(engine, project.main_branch_id));
  return Doomed{.project = project, .branches = TRY(family_of(engine, main))};
}

/// The project of that name that was deleted last, and the branches deleted with it, main first.
Result<Doomed> find_buried(Engine& engine, const std::string& name) {
  Doomed buried;
  bool found = false;
  for (const auto& project : TRY(engine.catalog().projects(catalog::Which::all))) {
    if (project.name != name || !project.deleted_at) continue;
    if (!found || *buried.project.deleted_at < *project.deleted_at) buried.project = project;
    found = true;
  }
  if (!found) {
    return fail_with_hint(Errc::not_found, fmt::format("nothing is kept of a project {}", name),
                          "what delete takes away is kept for the grace period (velo config get "
                          "grace); velo status shows it");
  }
  for (const auto& branch :
       TRY(engine.catalog().branches_of(buried.project.id, catalog::Which::all))) {
    if (branch.deleted_at == buried.project.deleted_at) {
      buried.branches.push_back(TRY(load_branch(engine, branch.id)));
    }
  }
  if (buried.branches.empty()) {
    return fail(Errc::not_found, "nothing is kept of the project {} as a whole", name);
  }
  return buried;
}

}  // namespace

Result<Deletion> preview_delete_project(Engine& engine, const std::string& name) {
  return describe(TRY(find_doomed(engine, name)).branches, TRY(grace_period(engine)));
}

Result<Deletion> delete_project(Engine& engine, const std::string& name, bool with_branches) {
  Doomed doomed;
  const BranchLocks locks = TRY(lock_branches(engine, [&]() -> Result<LockSet> {
    doomed = TRY(find_doomed(engine, name));
    if (doomed.branches.size() > 1 && !with_branches) {
      std::vector<std::string> names;
      for (const BranchRecords& b : doomed.branches) {
        if (!b.is_main()) names.push_back(b.full_name());
      }
      return fail_with_hint(
          Errc::has_children,
          fmt::format("the project {} has branches besides main: {}", name, join_words(names)),
          fmt::format("delete those first, or all of it: velo project delete {} --force", name));
    }
    LockSet set;
    for (const BranchRecords& b : doomed.branches) set.exclusive.push_back(b.branch.id);
    return set;
  }));
  engine.observer().begin(fmt::format("Deleting project {}", name));
  return bury(engine, "project.delete", name, doomed.branches, doomed.project);
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
  return TRY(Survey::take(engine)).project(buried.project.id);
}

}  // namespace velo::engine
