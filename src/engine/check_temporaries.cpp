// Branches that no person named: pools that are not filled, and what a dead run left.

#include "catalog/catalog.h"
#include "engine/branch_pool.h"
#include "engine/check_parts.h"
#include "engine/temporary.h"

namespace velo::engine {
namespace {

void check_pools(Findings& findings, Engine& engine) {
  const auto pools = list_branch_pools(engine);
  if (!pools) {
    findings.failed(Level::warning, "pool.unread", "the pools of branches", pools.error());
    return;
  }
  for (const BranchPoolView& pool : *pools) {
    const std::string found =
        fmt::format("the pool of {}: {} of {} ready", pool.parent, pool.ready, pool.size);
    if (pool.ready >= pool.size) {
      findings.ok("pool.ready", pool.parent, found);
    } else if (!pool.error.empty()) {
      findings.add(
          Level::warning, "pool.unfilled", pool.parent, fmt::format("{}; {}", found, pool.error),
          fmt::format("put that right, then: velo pool set {} --size {}", pool.parent, pool.size));
    } else {
      findings.add(Level::info, "pool.filling", pool.parent, found);
    }
  }
}

void check_runs(Findings& findings, const Known& known) {
  const auto temporaries = known.engine->catalog().temporaries();
  if (!temporaries) return;  // said already
  for (const catalog::Temporary& one : *temporaries) {
    if (one.role != catalog::run_role || is_leased(*known.engine, one.branch_id)) continue;
    for (const Life& life : known.lives) {
      if (life.kept || life.b.branch.id != one.branch_id) continue;
      findings.add(Level::info, "run.abandoned", life.b.full_name(),
                   fmt::format("{}: its command is gone; the next command that changes something "
                               "deletes it",
                               life.b.full_name()));
    }
  }
}

}  // namespace

void check_temporaries(Findings& findings, const Known& known) {
  check_pools(findings, *known.engine);
  check_runs(findings, known);
}

}  // namespace velo::engine
