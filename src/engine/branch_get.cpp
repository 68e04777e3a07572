#include <algorithm>

#include "catalog/catalog.h"
#include "engine/branches.h"
#include "engine/kept.h"
#include "engine/records.h"
#include "engine/sizes.h"
#include "engine/survey.h"
#include "engine/temporary.h"

namespace velo::engine {
namespace {

/// Measures the branch's volumes, its present one first; empty where the pool cannot be asked.
std::vector<storage::Sizes> measure(const BranchRecords& b, const std::vector<KeptView>& kept) {
  std::vector<std::string> volumes{b.incarnation.volume};
  for (const KeptView& earlier : kept) volumes.push_back(earlier.volume);
  const auto driver = driver_of(b.project);
  if (!driver) return {};
  auto sizes = (*driver)->measure(volumes);
  return sizes && sizes->size() == volumes.size() ? *std::move(sizes)
                                                  : std::vector<storage::Sizes>{};
}

Result<std::vector<std::string>> relatives_of(Engine& engine, const BranchRecords& b) {
  std::vector<std::string> names;
  if (b.branch.parent_id) {
    const catalog::Branch parent = TRY(engine.catalog().branch(*b.branch.parent_id));
    if (!parent.deleted_at) names.push_back(b.project.name + "/" + parent.name);
  }
  for (const catalog::Branch& child : TRY(engine.catalog().children_of(b.branch.id))) {
    if (!TRY(is_spare(engine, child.id))) names.push_back(b.project.name + "/" + child.name);
  }
  return names;
}

}  // namespace

Result<BranchView> get_branch(Engine& engine, const std::string& name) {
  const BranchRecords b = TRY(find_branch(engine, name));
  // A pool that cannot be asked is no reason not to show all else.
  const std::vector<storage::Sizes> sizes = measure(b, TRY(view_branch(engine, b.branch.id)).kept);
  if (sizes.empty()) return view_branch(engine, b.branch.id);
  // This only reads: that the branch goes meanwhile, or the disk is full, is no error here.
  (void)remember_sizes(engine, b.incarnation.id, sizes.front());
  BranchView view = TRY(view_branch(engine, b.branch.id));
  if (view.kept.size() + 1 != sizes.size()) return view;  // changed meanwhile
  Freed freed{.bytes = sizes.front().exclusive,
              .grace = TRY(grace_period(engine)),
              .stays = sizes.front().referenced -
                       std::min(sizes.front().referenced, sizes.front().exclusive),
              .shared_with = TRY(relatives_of(engine, b))};
  for (std::size_t i = 0; i < view.kept.size(); ++i) {
    view.kept[i].exclusive = sizes[i + 1].exclusive;
    freed.bytes += sizes[i + 1].exclusive;
  }
  if (!view.is_main) view.freed = std::move(freed);
  return view;
}

}  // namespace velo::engine
