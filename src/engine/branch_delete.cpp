#include "base/text.h"
#include "catalog/catalog.h"
#include "engine/branches.h"
#include "engine/kept.h"
#include "engine/operation.h"
#include "engine/records.h"
#include "engine/tombstones.h"

namespace velo::engine {
namespace {

/// What goes when this branch goes; refused as the header says.
Result<std::vector<BranchRecords>> to_delete(Engine& engine, const std::string& name,
                                             bool with_children) {
  const BranchRecords root = TRY(find_branch(engine, name));
  if (root.is_main()) {
    return fail_with_hint(
        Errc::protected_branch,
        fmt::format("{} is its project's first branch and goes only with it", root.full_name()),
        "velo project delete " + root.project.name);
  }
  std::vector<BranchRecords> family = TRY(family_of(engine, root));
  if (family.size() > 1 && !with_children) {
    std::vector<std::string> names;
    for (const auto& child : TRY(engine.catalog().children_of(root.branch.id))) {
      names.push_back(root.project.name + "/" + child.name);
    }
    return fail_with_hint(
        Errc::has_children,
        fmt::format("{} has {}: {}", root.full_name(),
                    names.size() == 1 ? "a branch of its own" : "branches of its own",
                    join_words(names)),
        fmt::format("delete those first, or all of them: velo branch delete {} --force", name));
  }
  return family;
}

}  // namespace

Result<Deletion> preview_delete_branch(Engine& engine, const std::string& name,
                                       bool with_children) {
  return describe(TRY(to_delete(engine, name, with_children)), TRY(grace_period(engine)));
}

Result<Deletion> delete_branch(Engine& engine, const std::string& name, bool with_children) {
  std::vector<BranchRecords> family;
  const BranchLocks locks = TRY(lock_branches(engine, [&]() -> Result<LockSet> {
    family = TRY(to_delete(engine, name, with_children));
    LockSet set;
    for (const BranchRecords& b : family) set.exclusive.push_back(b.branch.id);
    return set;
  }));
  engine.observer().begin(fmt::format("Deleting {}", name));
  return bury(engine, "branch.delete", name, family, {});
}

}  // namespace velo::engine
