// `velo branch create` beside the bare floor.
#include <csignal>

#include "base/time.h"
#include "bench/groups.h"

namespace velo::bench {
namespace {

Result<Millis> create_branch(const VeloHome& velo, const Parent& parent) {
  const std::string branch = fresh_branch(parent);
  const Millis took = TRY(create_and_ask(velo, branch));
  TRY(delete_branch(velo, parent, branch));
  return took;
}

Group create_group(const Bench& bench, const Parent& parent, CloneHow how, bool loaded) {
  return {.section = parent.project,
          .title = create_title(parent.project, loaded),
          .base = "floor",
          .cases = {{floor_name, [&parent, how] { return create_floor(parent, how); }},
                    {create_name,
                     [&parent, velo = bench.velo] { return create_branch(*velo, parent); }}},
          .prepare = {},
          .notes = {}};
}

}  // namespace

std::string create_title(const std::string& driver, bool loaded) {
  return fmt::format("A branch to its first answered query, {}, parent {}", driver,
                     loaded ? "under pgbench" : "idle");
}

Result<Millis> create_floor(const Parent& parent, CloneHow how) {
  FloorServer floor = TRY(FloorServer::prepare(parent, how));
  const Stopwatch watch;
  TRY(floor.clone());
  TRY(floor.start());
  const Millis took = watch.elapsed();
  TRY(floor.stop(SIGQUIT));
  TRY(floor.remove());
  TRY(settle(parent.place));
  return took;
}

std::string fresh_branch(const Parent& parent) {
  static int number = 0;
  return parent.branch(fmt::format("b{}", ++number));
}

Result<Millis> create_and_ask(const VeloHome& velo, const std::string& branch,
                              const std::vector<std::string>& options) {
  std::vector<std::string> words{"branch", "create", branch};
  words.insert(words.end(), options.begin(), options.end());
  const Millis created = TRY(velo.run(words)).took;
  const Address address = TRY(velo.address(branch));
  const Stopwatch watch;
  TRY(first_query(address));
  return created + watch.elapsed();
}

Result<void> delete_branch(const VeloHome& velo, const Parent& parent, const std::string& branch) {
  TRY(velo.run({"branch", "delete", branch, "--force"}));
  return settle(parent.place);
}

Result<void> measure_create(Bench& bench, const Parent& parent, CloneHow how) {
  const int rounds = bench.options->rounds;
  bench.results.push_back(TRY(run_rounds(create_group(bench, parent, how, false), rounds)));
  Load load = TRY(Load::start(parent, bench.velo->root() / (parent.project + "-pgbench.log"),
                              bench.options->scale));
  Group loaded = create_group(bench, parent, how, true);
  loaded.prepare = [&load] { return load.reach_steady_state(); };
  bench.results.push_back(TRY(run_rounds(loaded, rounds)));
  return {};
}

}  // namespace velo::bench
