// What the project promises of its speed.
#include <algorithm>

#include "bench/groups.h"
#include "bench/report.h"

namespace velo::bench {
namespace {

constexpr double most_floors = 1.25;
constexpr double most_status_ms = 50;
constexpr double most_pool_ms = 15;
constexpr double most_wal_info_ms = 200;
constexpr double least_replay = 0.95;
constexpr double most_growth = 1.3;
constexpr double most_look_ms = 200;
constexpr double most_mib = 18;
constexpr double most_small_mib = 12;
constexpr double least_at_once = 1.6;
constexpr double most_own_kib = 512;

const Measured* find_group(const std::vector<Measured>& results, const std::string& title) {
  const auto found = std::ranges::find(results, title, &Measured::title);
  return found == results.end() ? nullptr : &*found;
}

void add_floor_target(std::vector<Target>& targets, const std::vector<Measured>& results,
                      const std::string& title) {
  const Measured* const group = find_group(results, title);
  if (group == nullptr) return;
  const Ratio r = ratio(group->find(create_name)->samples, group->find(floor_name)->samples);
  targets.push_back(
      {.what = title,
       .wanted = fmt::format("at most {:.2f} × the floor", most_floors),
       .measured = fmt::format("{:.2f} × ({:.2f} to {:.2f})", r.of_medians, r.lowest, r.highest),
       .met = r.of_medians <= most_floors});
}

void add_rival_targets(std::vector<Target>& targets, const Measured& group) {
  if (group.section != "rivals") return;
  const std::vector<std::string> ours{create_name, create_from_pool};
  for (const std::string& way : ours) {
    const Series* const own = group.find(way);
    if (own == nullptr) continue;
    for (const Series& rival : group.series) {
      if (std::ranges::find(ours, rival.name) != ours.end()) continue;
      const Ratio r = ratio(rival.samples, own->samples);
      targets.push_back({.what = fmt::format("{}: {}", group.title, rival.name),
                         .wanted = "slower than " + way,
                         .measured = fmt::format("{:.2f} × its time ({:.2f} to {:.2f})",
                                                 r.of_medians, r.lowest, r.highest),
                         .met = r.of_medians > 1});
    }
  }
}

/// Of a row of branches: the last beside the first, and looking at all of them.
void add_many_targets(std::vector<Target>& targets, const std::vector<Measured>& results,
                      const std::string& title) {
  const Measured* const group = find_group(results, title);
  if (group == nullptr) return;
  const Summary first = summarize(group->find(many_first)->samples);
  const Summary last = summarize(group->find(many_last)->samples);
  targets.push_back(
      {.what = title + ": the last creates",
       .wanted = fmt::format("at most {:.1f} × the first, by their medians", most_growth),
       .measured = fmt::format("{:.2f} × ({:.1f} and {:.1f} ms)", last.median / first.median,
                               last.median, first.median),
       .met = last.median <= most_growth * first.median});
  for (const char* look : {many_status, many_list}) {
    const Summary took = summarize(group->find(look)->samples);
    targets.push_back(
        {.what = fmt::format("{}: {}", title, look),
         .wanted = fmt::format("under {:.0f} ms", most_look_ms),
         .measured = fmt::format("{:.1f} ms ({:.1f} to {:.1f})", took.median, took.min, took.max),
         .met = took.median < most_look_ms});
  }
}

void add_memory_targets(std::vector<Target>& targets, const std::vector<Measured>& results,
                        const std::string& title) {
  const Measured* const group = find_group(results, title);
  if (group == nullptr) return;
  const auto add = [&](const char* name, double most) {
    const double took = group->find(name)->samples.front();
    targets.push_back({.what = fmt::format("{}: {}", title, name),
                       .wanted = fmt::format("under {:.0f} MiB", most),
                       .measured = fmt::format("{:.1f} MiB", took),
                       .met = took < most});
  };
  add(memory_default, most_mib);
  add(memory_small, most_small_mib);
}

void add_at_once_targets(std::vector<Target>& targets, const std::vector<Measured>& results,
                         const std::string& title) {
  const Measured* const group = find_group(results, title);
  if (group == nullptr) return;
  for (const char* name : {at_once_processes, at_once_count}) {
    const Ratio r = ratio(group->find(at_once_in_turn)->samples, group->find(name)->samples);
    targets.push_back(
        {.what = fmt::format("{}: {}", title, name),
         .wanted = fmt::format("at least {:.1f} × the throughput of one at a time", least_at_once),
         .measured = fmt::format("{:.2f} × ({:.2f} to {:.2f})", r.of_medians, r.lowest, r.highest),
         .met = r.of_medians >= least_at_once});
  }
}

/// A create beside a busy parent, by that way, and what the parent's clients notice of it.
void add_busy_targets(std::vector<Target>& targets, const std::vector<Measured>& results,
                      const std::string& way) {
  const Measured* const times = find_group(results, busy_title(way));
  const Measured* const latencies = find_group(results, busy_latency_title);
  if (times == nullptr || latencies == nullptr) return;
  const auto of = [&](const Measured& group) {
    return ratio(group.find(busy_create(way))->samples, group.find(busy_floor(way))->samples);
  };
  const Ratio time = of(*times);
  const Ratio latency = of(*latencies);
  targets.push_back({.what = times->title,
                     .wanted = fmt::format("at most {:.2f} × the floor", most_floors),
                     .measured = fmt::format("{:.2f} × ({:.2f} to {:.2f})", time.of_medians,
                                             time.lowest, time.highest),
                     .met = time.of_medians <= most_floors});
  targets.push_back({.what = fmt::format("{}, by {}", latencies->title, way),
                     .wanted = "no more than during the floor",
                     .measured = fmt::format("{:.2f} × ({:.2f} to {:.2f})", latency.of_medians,
                                             latency.lowest, latency.highest),
                     .met = latency.of_medians <= 1});
}

void add_own_target(std::vector<Target>& targets, const std::vector<Measured>& results,
                    const std::string& driver) {
  const Measured* const group = find_group(results, own_title(driver));
  if (group == nullptr) return;
  const Interval is =
      ratio_of_pairs(group->find(branch_name)->samples, group->find(plain_name)->samples);
  targets.push_back(
      {.what = group->title,
       .wanted = "no difference outside the interval, or more than plain PostgreSQL",
       .measured = fmt::format("{:.3f} × ({:.3f} to {:.3f}, 95 %)", is.mean, is.low, is.high),
       .met = is.high >= 1});
}

void add_size_target(std::vector<Target>& targets, const std::vector<Measured>& results) {
  const Measured* const group = find_group(results, size_title("btrfs"));
  if (group == nullptr) return;
  const Summary size = summarize(group->find(size_name)->samples);
  targets.push_back(
      {.what = group->title,
       .wanted = fmt::format("under {:.0f} KiB, always", most_own_kib),
       .measured = fmt::format("{:.0f} KiB ({:.0f} to {:.0f})", size.median, size.min, size.max),
       .met = size.max < most_own_kib});
}

}  // namespace

std::vector<Target> targets_of(const std::vector<Measured>& results, const Options& options) {
  std::vector<Target> targets;
  for (const std::string& title :
       {create_title("btrfs", false), create_title("btrfs", true), std::string(docker_title)}) {
    add_floor_target(targets, results, title);
  }
  for (const Measured& group : results) add_rival_targets(targets, group);
  if (const Measured* const group = find_group(results, status_title(options.branches))) {
    const Summary status = summarize(group->find("velo status")->samples);
    targets.push_back({.what = fmt::format("velo status with {} branches", options.branches),
                       .wanted = fmt::format("under {:.0f} ms", most_status_ms),
                       .measured = fmt::format("{:.1f} ms ({:.1f} to {:.1f})", status.median,
                                               status.min, status.max),
                       .met = status.median < most_status_ms});
  }
  if (const Measured* const group = find_group(results, pool_title)) {
    const Summary run = summarize(group->find(run_from_pool)->samples);
    targets.push_back(
        {.what = "velo run from a pool to the first answered query",
         .wanted = fmt::format("at most {:.0f} ms", most_pool_ms),
         .measured = fmt::format("{:.1f} ms ({:.1f} to {:.1f})", run.median, run.min, run.max),
         .met = run.median <= most_pool_ms});
  }
  if (const Measured* const group = find_group(results, wal_info_title)) {
    const Summary info = summarize(group->series.front().samples);
    targets.push_back(
        {.what = "velo wal info on 20,000 segments",
         .wanted = fmt::format("under {:.0f} ms", most_wal_info_ms),
         .measured = fmt::format("{:.1f} ms ({:.1f} to {:.1f})", info.median, info.min, info.max),
         .met = info.median < most_wal_info_ms});
  }
  if (const Measured* const group = find_group(results, replay_title)) {
    const Ratio r = ratio(group->find(replay_by_cp)->samples, group->find(replay_by_velo)->samples);
    targets.push_back(
        {.what = "Replay by velo wal fetch",
         .wanted = fmt::format("at least {:.2f} × the throughput of cp", least_replay),
         .measured = fmt::format("{:.2f} × ({:.2f} to {:.2f})", r.of_medians, r.lowest, r.highest),
         .met = r.of_medians >= least_replay});
  }
  add_at_once_targets(targets, results, at_once_title("btrfs"));
  for (const std::string driver : {"btrfs", "reflink"}) {
    add_many_targets(targets, results, many_title(driver, static_cast<std::size_t>(options.many)));
    add_memory_targets(targets, results, memory_title(driver));
  }
  add_many_targets(targets, results, stopped_title(static_cast<std::size_t>(options.stopped)));
  add_busy_targets(targets, results, "checkpoint");
  add_busy_targets(targets, results, "replay");
  add_own_target(targets, results, "btrfs");
  add_own_target(targets, results, "reflink");
  add_size_target(targets, results);
  return targets;
}

}  // namespace velo::bench
