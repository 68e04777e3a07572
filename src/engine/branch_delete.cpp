#include "base/text.h"
#include "catalog/catalog.h"
#include "engine/branches.h"
#include "engine/names.h"
#include "engine/operation.h"
#include "engine/records.h"
#include "engine/temporary.h"
#include "engine/tombstones.h"

namespace velo::engine {
namespace {

std::string names_of(const std::vector<BranchRecords>& branches) {
  std::vector<std::string> names;
  for (const BranchRecords& b : branches) names.push_back(b.full_name());
  return join_words(names);
}

Result<void> check_not_main(const BranchRecords& b) {
  if (!b.is_main()) return {};
  return fail_with_hint(
      Errc::protected_branch,
      fmt::format("{} is its project's first branch and goes only with it", b.full_name()),
      fmt::format("velo project delete {}{}", b.project.name, b.branch.deleted_at ? " --now" : ""));
}

/// Its children that live, each with a family of its own.
Result<void> check_childless(Engine& engine, const BranchRecords& root,
                             const std::string& with_all) {
  std::vector<std::string> names;
  for (const auto& child : TRY(engine.catalog().children_of(root.branch.id))) {
    if (TRY(is_spare(engine, child.id))) continue;
    names.push_back(root.project.name + "/" + child.name);
  }
  if (names.empty()) return {};
  return fail_with_hint(
      Errc::has_children,
      fmt::format("{} has {}: {}", root.full_name(),
                  names.size() == 1 ? "a branch of its own" : "branches of its own",
                  join_words(names)),
      fmt::format("delete those first, or all of them: {}", with_all));
}

/// Those that were deleted on their own, and that undelete could not bring back without the root.
Result<void> check_no_orphans(const std::vector<BranchRecords>& family, const BranchRecords& root,
                              const std::string& with_all) {
  std::vector<BranchRecords> orphans;
  for (const BranchRecords& b : family) {
    if (b.branch.deleted_at && b.branch.deleted_at != root.branch.deleted_at) orphans.push_back(b);
  }
  if (orphans.empty()) return {};
  return fail_with_hint(Errc::has_children,
                        fmt::format("what is kept of {} could not be brought back without {}",
                                    names_of(orphans), root.full_name()),
                        fmt::format("to delete that as well: {}", with_all));
}

/// The branch of that name, or, where none lives and the request is for what is kept too, the one
/// that was deleted last.
Result<BranchRecords> find_root(Engine& engine, const DeleteRequest& request) {
  auto live = find_branch(engine, request.name);
  if (live || live.error().code != Errc::not_found) return live;
  const auto kept = TRY(last_deleted(engine, TRY(parse_branch_name(request.name))));
  if (!kept) return live;
  if (request.at_once) return load_remains(engine, *kept);
  return deleted_already("branch", request.name);
}

/// What goes when this branch goes; refused as the header says.
Result<Doomed> find_doomed(Engine& engine, const DeleteRequest& request) {
  const BranchRecords root = TRY(find_root(engine, request));
  TRY(check_not_main(root));
  const std::string with_all =
      fmt::format("velo branch delete {}{} --force", request.name, request.at_once ? " --now" : "");
  Doomed doomed{.branches = {}, .project = {}, .grace = TRY(grace_of(engine, request))};
  const bool nothing_stays = doomed.grace.count() == 0;
  doomed.branches =
      TRY(family_of(engine, root, nothing_stays ? catalog::Which::all : catalog::Which::live));
  if (request.with_branches) return doomed;
  TRY(check_childless(engine, root, with_all));
  TRY(check_no_orphans(doomed.branches, root, with_all));
  return doomed;
}

}  // namespace

Result<Deletion> preview_delete_branch(Engine& engine, const DeleteRequest& request) {
  return describe(TRY(find_doomed(engine, request)));
}

Result<Deletion> delete_branch(Engine& engine, const DeleteRequest& request) {
  return find_and_bury(engine, "branch.delete", request.name,
                       fmt::format("Deleting {}", request.name),
                       [&] { return find_doomed(engine, request); });
}

}  // namespace velo::engine
