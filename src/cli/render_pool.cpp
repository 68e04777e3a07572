#include "cli/render_pool.h"

#include <algorithm>

#include "base/text.h"

namespace velo::cli {
namespace {

constexpr std::size_t short_id_size = 8;
constexpr std::size_t error_width = 60;

Cell ready_cell(const engine::BranchPoolView& pool) {
  std::string text = fmt::format("{} of {}", pool.ready, pool.size);
  if (pool.stale > 0) text += fmt::format(", {} stale", pool.stale);
  return {std::move(text), pool.ready >= pool.size ? Colour::green : Colour::yellow};
}

std::string remark_of(const engine::BranchPoolView& pool) {
  if (!pool.error.empty()) return shorten(pool.error, error_width);
  return pool.ephemeral ? "ephemeral" : "";
}

std::string basis_of(const engine::BranchPoolView& pool) {
  if (!pool.based_on) return "its snapshot is gone";
  return words_of(*pool.based_on) + (pool.follows ? ", the newest" : "");
}

}  // namespace

std::string words_of(const engine::Basis& basis) {
  return fmt::format("snapshot {}, as of {}",
                     basis.label.empty() ? basis.snapshot_id.substr(0, short_id_size) : basis.label,
                     to_local(basis.as_of));
}

std::string render_branch_pools(const std::vector<engine::BranchPoolView>& pools,
                                const Look& look) {
  std::vector<Column> columns{
      {.title = "Pool of"}, {.title = "Ready"}, {.title = "Its branches are of"}};
  const bool any_remark = std::ranges::any_of(
      pools, [](const engine::BranchPoolView& pool) { return !remark_of(pool).empty(); });
  if (any_remark) columns.push_back({.title = "Remark", .expendable = 1});
  Table table(std::move(columns));
  for (const engine::BranchPoolView& pool : pools) {
    std::vector<Cell> row{{pool.parent}, ready_cell(pool), {basis_of(pool)}};
    if (any_remark) {
      row.push_back({remark_of(pool), pool.error.empty() ? Colour::dim : Colour::red});
    }
    table.add(std::move(row));
  }
  return table.render(look);
}

}  // namespace velo::cli
