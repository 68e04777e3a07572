// Branch after branch of one parent: what the next one costs as their number grows, what an idle
// one takes of the memory, and what looking at all of them and deleting each takes.
#include <csignal>
#include <fstream>

#include "base/text.h"
#include "base/time.h"
#include "bench/groups.h"
#include "bench/plot.h"
#include "engine/limits.h"

namespace velo::bench {
namespace {

/// So many points has a curve of what is not measured with every branch.
constexpr std::size_t looks = 20;

/// MiB.
double available_memory() {
  std::ifstream in("/proc/meminfo");
  constexpr double kilo = 1024;
  std::string word;
  double value = 0;
  while (in >> word) {
    if (word == "MemAvailable:" && in >> value) return value / kilo;
  }
  return 0;
}

/// A clear word before, rather than the kernel's in the middle.
Result<void> check_machine_bears(int branches) {
  for (const engine::Limit& limit : engine::limits()) {
    if (limit.room() >= static_cast<std::uint64_t>(branches)) continue;
    return fail(Errc::failed,
                "this machine does not bear {} more servers: {} is {}, {} of them are taken, and "
                "about {} each takes; {}; or measure fewer: --many {}",
                branches, limit.name, limit.most, limit.taken, limit.of_a_server, limit.hint,
                limit.room());
  }
  return {};
}

std::vector<std::string> words_of(const std::vector<std::string>& settings) {
  std::vector<std::string> words;
  for (const std::string& setting : settings) words.insert(words.end(), {"--pg-conf", setting});
  return words;
}

/// The beginning and the end of a row of samples, which are compared.
std::size_t window_of(std::size_t samples) {
  constexpr std::size_t widest = 20;
  return std::clamp<std::size_t>(samples / 2, 1, widest);
}
std::vector<double> first_of(const std::vector<double>& samples) {
  return {samples.begin(),
          samples.begin() + static_cast<std::ptrdiff_t>(window_of(samples.size()))};
}
std::vector<double> last_of(const std::vector<double>& samples) {
  return {samples.end() - static_cast<std::ptrdiff_t>(window_of(samples.size())), samples.end()};
}

/// What was seen while the branches became many.
struct Growth {
  std::vector<double> create;  ///< one for each branch
  std::vector<double> remove;
  std::vector<double> status;  ///< of each look
  std::vector<double> list;
  std::vector<double> floor;
  std::vector<double> memory;       ///< MiB for each branch since the look before
  std::vector<PlotPoint> in_all;    ///< MiB of all, over their number
  std::vector<PlotPoint> floors;    ///< over the number of branches beside it
  std::vector<PlotPoint> statuses;  ///< likewise
};

class Many {
 public:
  Many(const Bench& bench, const Parent& parent, CloneHow how)
      : bench_(&bench), parent_(&parent), how_(how) {}

  /// Makes `count` running branches with these settings, and looks from time to time.
  Result<Growth> grow(std::size_t count, const std::vector<std::string>& settings) {
    Growth growth;
    const std::size_t step = std::max<std::size_t>(1, count / looks);
    const double before = available_memory();
    double last = before;
    for (std::size_t i = 1; i <= count; ++i) {
      names_.push_back(fresh_branch(*parent_));
      growth.create.push_back(
          TRY(create_and_ask(*bench_->velo, names_.back(), words_of(settings))).count());
      TRY(settle(parent_->place));
      if (i % step != 0) continue;
      const double free = available_memory();
      growth.memory.push_back((last - free) / static_cast<double>(step));
      growth.in_all.push_back({.x = static_cast<double>(i), .y = before - free});
      TRY(look(static_cast<double>(i), growth));
      last = available_memory();
      fmt::print(
          stderr, "  {} branches: create {:.1f} ms, floor {:.1f}, status {:.1f}, {:.1f} MiB\n", i,
          growth.create.back(), growth.floor.back(), growth.status.back(), growth.memory.back());
    }
    return growth;
  }

  /// Deletes what was made, one after the other.
  Result<std::vector<double>> shrink() {
    std::vector<double> took;
    for (; !names_.empty(); names_.pop_back()) {
      took.push_back(
          TRY(bench_->velo->run({"branch", "delete", names_.back(), "--force"})).took.count());
      TRY(settle(parent_->place));
    }
    return took;
  }

 private:
  Result<void> look(double beside, Growth& growth) const {
    growth.floor.push_back(TRY(create_floor(*parent_, how_)).count());
    growth.floors.push_back({.x = beside, .y = growth.floor.back()});
    TRY(bench_->velo->run({"status"}));  // measures sizes that never were, within its budget
    growth.status.push_back(TRY(bench_->velo->run({"status"})).took.count());
    growth.statuses.push_back({.x = beside, .y = growth.status.back()});
    growth.list.push_back(
        TRY(bench_->velo->run({"branch", "list", parent_->project, "--json"})).took.count());
    return {};
  }

  const Bench* bench_;
  const Parent* parent_;
  CloneHow how_;
  std::vector<std::string> names_;
};

Measured times_of(const std::string& driver, std::size_t count, const Growth& growth) {
  Measured group{.section = "many",
                 .title = many_title(driver, count),
                 .base = "",
                 .series = {{many_first, first_of(growth.create)},
                            {many_last, last_of(growth.create)},
                            {"all creates", growth.create},
                            {"the bare floor beside few", first_of(growth.floor)},
                            {"the bare floor beside many", last_of(growth.floor)},
                            {many_status, last_of(growth.status)},
                            {many_list, last_of(growth.list)},
                            {"the first deletes", first_of(growth.remove)},
                            {"the last deletes", last_of(growth.remove)},
                            {"all deletes", growth.remove}},
                 .notes = {"The parent's data is pgbench's of scale 1."}};
  return group;
}

void draw(Bench& bench, const std::string& driver, const Growth& growth) {
  const std::size_t width = std::max<std::size_t>(1, growth.create.size() / looks / 2);
  const std::string words = "running branches of one parent";
  bench.pictures["many-" + driver + "-create"] =
      to_svg({.title = fmt::format("A branch to its first answered query, {}", driver),
              .x_label = words,
              .y_label = "milliseconds",
              .lines = {{"velo branch create, median and span of neighbours",
                         in_groups(growth.create, width)},
                        {"the bare floor", growth.floors},
                        {"velo status", growth.statuses}}});
  std::vector<PlotPoint> removed = in_groups(growth.remove, width);
  for (PlotPoint& point : removed) point.x = static_cast<double>(growth.remove.size()) - point.x;
  std::ranges::reverse(removed);
  bench.pictures["many-" + driver + "-delete"] =
      to_svg({.title = fmt::format("velo branch delete, {}: median and span of neighbours", driver),
              .x_label = words + " that are left",
              .y_label = "milliseconds",
              .lines = {{"velo branch delete", std::move(removed)}}});
}

}  // namespace

const std::vector<std::string>& small_profile() {
  static const std::vector<std::string> settings{
      "shared_buffers=16MB",     "huge_pages=off",         "max_connections=50",
      "max_wal_senders=2",       "max_worker_processes=2", "max_logical_replication_workers=0",
      "autovacuum_max_workers=1"};
  return settings;
}

std::string many_title(const std::string& driver, std::size_t branches) {
  return fmt::format("Branch after branch on {}, up to {} that run", driver, branches);
}

Result<void> measure_many(Bench& bench, const Parent& parent, const std::string& driver,
                          CloneHow how) {
  const auto count = static_cast<std::size_t>(bench.options->many);
  TRY(check_machine_bears(bench.options->many));
  fmt::print(stderr, "{}\n", many_title(driver, count));
  Many many(bench, parent, how);
  Growth growth = TRY(many.grow(count, {}));
  growth.remove = TRY(many.shrink());
  bench.results.push_back(times_of(driver, count, growth));
  draw(bench, driver, growth);

  const std::size_t few = std::max<std::size_t>(1, count / 10);
  fmt::print(stderr, "The small profile\n");
  const Growth small = TRY(many.grow(few, small_profile()));
  TRY(many.shrink());
  bench.pictures["many-" + driver + "-memory"] = to_svg(
      {.title = "What idle branches take of MemAvailable, " + driver,
       .x_label = "running branches",
       .y_label = "MiB",
       .lines = {{"PostgreSQL's defaults", growth.in_all}, {"the small profile", small.in_all}}});
  const auto share = [](const Growth& all) {
    return std::vector<double>{all.in_all.back().y / all.in_all.back().x};
  };
  bench.results.push_back({.section = "many",
                           .title = memory_title(driver),
                           .base = "",
                           .series = {{memory_default, share(growth)},
                                      {memory_small, share(small)},
                                      {"PostgreSQL's defaults, part by part", growth.memory},
                                      {"the small profile, part by part", small.memory}},
                           .notes = {},
                           .unit = "MiB a branch"});
  return {};
}

std::string memory_title(const std::string& driver) {
  return "What an idle branch takes of MemAvailable, " + driver;
}

Result<void> measure_stopped(Bench& bench, const Parent& parent) {
  const auto count = static_cast<std::size_t>(bench.options->stopped);
  const VeloHome& velo = *bench.velo;
  fmt::print(stderr, "{}\n", stopped_title(count));
  Growth growth;
  std::vector<std::string> names;
  std::vector<PlotPoint> lists;
  const std::size_t step = std::max<std::size_t>(1, count / looks);
  for (std::size_t i = 1; i <= count; ++i) {
    names.push_back(fresh_branch(parent));
    growth.create.push_back(
        TRY(velo.run({"branch", "create", names.back(), "--no-start"})).took.count());
    if (i % step != 0) continue;
    TRY(velo.run({"status"}));
    growth.status.push_back(TRY(velo.run({"status"})).took.count());
    growth.list.push_back(TRY(velo.run({"branch", "list", parent.project, "--json"})).took.count());
    growth.statuses.push_back({.x = static_cast<double>(i), .y = growth.status.back()});
    lists.push_back({.x = static_cast<double>(i), .y = growth.list.back()});
    fmt::print(stderr, "  {} branches: create {:.1f} ms, status {:.1f}, list {:.1f}\n", i,
               growth.create.back(), growth.status.back(), growth.list.back());
  }
  for (; !names.empty(); names.pop_back()) {
    growth.remove.push_back(
        TRY(velo.run({"branch", "delete", names.back(), "--force"})).took.count());
  }
  TRY(settle(parent.place));
  bench.results.push_back({.section = "stopped",
                           .title = stopped_title(count),
                           .base = "",
                           .series = {{many_first, first_of(growth.create)},
                                      {many_last, last_of(growth.create)},
                                      {"all creates", growth.create},
                                      {many_status, last_of(growth.status)},
                                      {many_list, last_of(growth.list)},
                                      {"the first deletes", first_of(growth.remove)},
                                      {"the last deletes", last_of(growth.remove)},
                                      {"all deletes", growth.remove}},
                           .notes = {}});
  bench.pictures["stopped-create"] =
      to_svg({.title = "velo branch create --no-start, and looking at all branches, btrfs",
              .x_label = "stopped branches of one parent",
              .y_label = "milliseconds",
              .lines = {{"velo branch create --no-start, median and span of neighbours",
                         in_groups(growth.create, std::max<std::size_t>(1, count / looks / 2))},
                        {"velo status", growth.statuses},
                        {"velo branch list --json", std::move(lists)}}});
  return {};
}

std::string stopped_title(std::size_t branches) {
  return fmt::format("Branch after branch on btrfs, up to {} that do not run", branches);
}

}  // namespace velo::bench
