// A branch of a parent that is hard at work: by a checkpoint and by replay, each beside the floor
// by the same way; and what the parent's own clients notice of it.
#include <unistd.h>

#include <csignal>

#include "base/time.h"
#include "bench/groups.h"
#include "bench/pgbench.h"

namespace velo::bench {
namespace {

using By = FloorServer::By;

constexpr const char* by_themselves = "neither (a second of it)";
/// How long the parent is looked at while nothing is made.
constexpr auto quiet_time = std::chrono::seconds(1);

/// When each thing was done, by its name, one for each round.
using Windows = std::map<std::string, std::vector<Window>>;

Result<Millis> floor_once(const Parent& parent, By by, std::vector<Window>& windows) {
  FloorServer floor = TRY(FloorServer::prepare(parent, CloneHow::snapshot));
  const double from = seconds_now();
  const Stopwatch watch;
  TRY(floor.clone(by));
  TRY(floor.start());
  const Millis took = watch.elapsed();
  windows.push_back({.from = from, .to = seconds_now()});
  TRY(floor.stop(SIGQUIT));
  TRY(floor.remove());
  TRY(settle(parent.place));
  return took;
}

Result<Millis> create_once(const VeloHome& velo, const Parent& parent, const std::string& way,
                           std::vector<Window>& windows) {
  const std::string branch = fresh_branch(parent);
  const double from = seconds_now();
  const Millis took = TRY(create_and_ask(velo, branch, {"--when-busy", way}));
  windows.push_back({.from = from, .to = seconds_now()});
  TRY(delete_branch(velo, parent, branch));
  return took;
}

Result<Millis> look_on(std::vector<Window>& windows) {
  const double from = seconds_now();
  const Stopwatch watch;
  ::usleep(std::chrono::microseconds(quiet_time).count());
  windows.push_back({.from = from, .to = seconds_now()});
  return Millis(watch.elapsed());
}

/// Some of what was measured in the same rounds, beside the first of them.
Measured some_of(const Measured& all, const std::string& title,
                 const std::vector<std::string>& names) {
  Measured some{
      .section = all.section, .title = title, .base = all.base, .series = {}, .notes = {}};
  for (const std::string& name : names) some.series.push_back(*all.find(name));
  return some;
}

/// The parent's latencies while each of those things was done, the quiet time first.
Measured latencies(const Measured& all, const std::vector<Transaction>& transactions,
                   const Windows& windows) {
  Measured found{.section = all.section,
                 .title = busy_latency_title,
                 .base = "neither",
                 .series = {},
                 .notes = {}};
  std::string pooled;
  for (const Series& one : all.series) {
    Series series{.name = one.name, .samples = {}};
    for (const Window& window : windows.at(one.name)) {
      series.samples.push_back(p99_in(transactions, {window}));
    }
    pooled += fmt::format("{}{} {:.1f}", pooled.empty() ? "" : ", ", one.name,
                          p99_in(transactions, windows.at(one.name)));
    found.series.push_back(std::move(series));
  }
  std::ranges::rotate(found.series, found.series.end() - 1);
  found.notes.push_back("Of all rounds' transactions together: " + pooled);
  return found;
}

}  // namespace

std::string busy_floor(const std::string& way) {
  return fmt::format("{} by {}", floor_name, way);
}

std::string busy_create(const std::string& way) {
  return fmt::format("{} --when-busy {}", create_name, way);
}

std::string busy_title(const std::string& way) {
  return fmt::format("A branch to its first answered query, btrfs, parent under pgbench -c 8, {}",
                     way == "auto" ? "by itself" : "by " + way);
}

Result<void> measure_busy(Bench& bench, const Parent& parent) {
  const VeloHome& velo = *bench.velo;
  Windows windows;
  const auto floor_by = [&](By by, const std::string& name) {
    return Case{name, [&, by, name] { return floor_once(parent, by, windows[name]); }};
  };
  const auto create_by = [&](const std::string& way) {
    const std::string name = busy_create(way);
    return Case{name, [&, way, name] { return create_once(velo, parent, way, windows[name]); }};
  };
  Group group{.section = "busy",
              .title = "A branch of a parent under pgbench -c 8",
              .base = "floor",
              .cases = {floor_by(By::checkpoint, busy_floor("checkpoint")),
                        create_by("checkpoint"),
                        floor_by(By::replay, busy_floor("replay")),
                        create_by("replay"),
                        create_by("auto"),
                        {by_themselves, [&] { return look_on(windows[by_themselves]); }}},
              .prepare = {},
              .notes = {}};
  const fs::path log = velo.root() / "busy-pgbench";
  Load load = TRY(Load::start(parent, log.string() + ".out", bench.options->scale,
                              {.clients = bench_clients, .transactions = log}));
  group.prepare = [&load] { return load.reach_steady_state(); };
  const Measured all = TRY(run_rounds(group, bench.options->rounds));
  load.end();
  for (const std::string way : {"checkpoint", "replay"}) {
    bench.results.push_back(some_of(all, busy_title(way), {busy_floor(way), busy_create(way)}));
  }
  bench.results.push_back(
      some_of(all, busy_title("auto"),
              {busy_floor("checkpoint"), busy_floor("replay"), busy_create("auto")}));
  bench.results.push_back(latencies(all, TRY(read_transactions(log)), windows));
  return {};
}

}  // namespace velo::bench
