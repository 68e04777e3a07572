// What the project promises of its speed.
#include "bench/groups.h"
#include "bench/report.h"

namespace velo::bench {
namespace {

constexpr double most_floors = 1.25;
constexpr double most_status_ms = 50;
constexpr double most_wal_info_ms = 200;
constexpr double least_replay = 0.95;

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
  const Series* const own = group.find(create_name);
  for (const Series& rival : group.series) {
    if (&rival == own) continue;
    const Ratio r = ratio(rival.samples, own->samples);
    targets.push_back({.what = fmt::format("{}: {}", group.title, rival.name),
                       .wanted = "slower than a branch",
                       .measured = fmt::format("{:.2f} × a branch's time ({:.2f} to {:.2f})",
                                               r.of_medians, r.lowest, r.highest),
                       .met = r.of_medians > 1});
  }
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
  return targets;
}

}  // namespace velo::bench
