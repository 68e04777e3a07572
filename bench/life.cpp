// What else is done to a branch: reset, stop, start, delete; each beside its bare floor.
#include <csignal>

#include "base/time.h"
#include "bench/groups.h"

namespace velo::bench {
namespace {

/// A running server of the floor's.
Result<FloorServer> running_floor(const Parent& parent) {
  FloorServer floor = TRY(FloorServer::prepare(parent, CloneHow::snapshot));
  TRY(floor.clone());
  TRY(floor.start());
  return floor;
}

/// Measures `work` on a running server of the floor's.
Result<Millis> on_floor(const Parent& parent,
                        const std::function<Result<Millis>(FloorServer&)>& work) {
  Millis took{};
  {
    FloorServer floor = TRY(running_floor(parent));
    took = TRY(work(floor));
  }
  TRY(settle(parent.place));
  return took;
}

/// Measures `work` on a branch, which it may have deleted.
Result<Millis> on_branch(const VeloHome& velo, const Parent& parent,
                         const std::function<Result<Millis>(const std::string&)>& work) {
  const std::string branch = fresh_branch(parent);
  TRY(create_and_ask(velo, branch));
  const Millis took = TRY(work(branch));
  if (velo.address(branch)) TRY(delete_branch(velo, parent, branch));
  TRY(settle(parent.place));
  return took;
}

Result<Millis> stop_floor(FloorServer& floor) {
  const Stopwatch watch;
  TRY(floor.stop(SIGINT));
  return watch.elapsed();
}

Result<Millis> start_floor(FloorServer& floor) {
  TRY(floor.stop(SIGINT));
  const Stopwatch watch;
  TRY(floor.start());
  return watch.elapsed();
}

Result<Millis> delete_floor(FloorServer& floor) {
  const Stopwatch watch;
  TRY(floor.stop(SIGQUIT));
  TRY(floor.remove());
  return watch.elapsed();
}

/// A new clone beside the old server, which ends before the new one starts.
Result<Millis> reset_floor(const Parent& parent, FloorServer& old) {
  FloorServer fresh = TRY(FloorServer::prepare(parent, CloneHow::snapshot));
  const Stopwatch watch;
  TRY(fresh.clone());
  TRY(old.stop(SIGQUIT));
  TRY(fresh.start());
  return watch.elapsed();
}

/// `velo branch WORD BRANCH` and, where it leaves a server, the first query.
Result<Millis> change_and_ask(const VeloHome& velo, std::vector<std::string> words,
                              const std::string& branch) {
  words.push_back(branch);
  const Address address = TRY(velo.address(branch));  // reset and start leave it as it is
  const Millis changed = TRY(velo.run(words)).took;
  const Stopwatch watch;
  TRY(first_query(address));
  return changed + watch.elapsed();
}

}  // namespace

Result<void> measure_life(Bench& bench, const Parent& parent) {
  const VeloHome& velo = *bench.velo;
  const auto measure =
      [&](const std::string& title, const std::string& command,
          std::function<Result<Millis>(FloorServer&)> on_bare,
          std::function<Result<Millis>(const std::string&)> with_velo) -> Result<void> {
    const Group group{.section = "life",
                      .title = title,
                      .base = "floor",
                      .cases = {{floor_name, [&] { return on_floor(parent, on_bare); }},
                                {command, [&] { return on_branch(velo, parent, with_velo); }}},
                      .prepare = {},
                      .notes = {}};
    bench.results.push_back(TRY(run_rounds(group, bench.options->rounds)));
    return {};
  };
  TRY(measure(
      "Reset to the first answered query, btrfs", "velo branch reset",
      [&](FloorServer& old) { return reset_floor(parent, old); },
      [&](const std::string& branch) {
        return change_and_ask(velo, {"branch", "reset", "--force"}, branch);
      }));
  TRY(measure("Stop, cleanly, btrfs", "velo branch stop", stop_floor,
              [&](const std::string& branch) -> Result<Millis> {
                return TRY(velo.run({"branch", "stop", branch})).took;
              }));
  TRY(measure("Start to the first answered query, btrfs", "velo branch start", start_floor,
              [&](const std::string& branch) -> Result<Millis> {
                TRY(velo.run({"branch", "stop", branch}));
                return change_and_ask(velo, {"branch", "start"}, branch);
              }));
  return measure("Delete, server and data, btrfs", "velo branch delete", delete_floor,
                 [&](const std::string& branch) -> Result<Millis> {
                   return TRY(velo.run({"branch", "delete", branch, "--force"})).took;
                 });
}

}  // namespace velo::bench
