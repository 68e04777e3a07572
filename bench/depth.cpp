// A branch of a branch of …: how long the last one's making takes, and what pgbench reaches in it.
#include "base/time.h"
#include "bench/groups.h"
#include "bench/pgbench.h"
#include "bench/plot.h"

namespace velo::bench {
namespace {

/// No deeper than the most branches that anything is measured with.
std::vector<int> depths_for(const Options& options) {
  std::vector<int> depths{1, 8, 32};
  std::erase_if(depths, [&](int depth) { return depth > std::max(1, options.branches); });
  return depths;
}

/// So many transactions make each branch differ from its parent.
constexpr int changes_a_branch = 2000;

std::string link_name(const Parent& parent, int depth) {
  return parent.branch(depth == 0 ? "main" : fmt::format("depth{}", depth));
}

Result<void> change(const Address& address) {
  TRY(run_program(
      {(debian_bin(15) / "pgbench").string(), "--no-vacuum",
       fmt::format("--client={}", bench_clients),
       fmt::format("--transactions={}", changes_a_branch / bench_clients), address.conninfo()},
      plain_environment()));
  return {};
}

/// Branches one below the other, each with changes of its own, stopped but for main.
Result<void> make_chain(const VeloHome& velo, const Parent& parent, int length) {
  for (int depth = 1; depth <= length; ++depth) {
    fmt::print(stderr, "A branch at depth {}\n", depth);
    const std::string above = link_name(parent, depth - 1);
    const std::string name = link_name(parent, depth);
    TRY(velo.run({"branch", "create", name, "--parent", above, "--no-archive"}));
    if (depth > 1) TRY(velo.run({"branch", "stop", above}));
    TRY(change(TRY(velo.address(name))));
  }
  if (length > 0) TRY(velo.run({"branch", "stop", link_name(parent, length)}));
  return settle(parent.place);
}

Result<void> delete_chain(const VeloHome& velo, const Parent& parent, int length) {
  if (length > 0) TRY(velo.run({"branch", "delete", link_name(parent, 1), "--force"}));
  return settle(parent.place);
}

/// Of one depth, a value for each round.
struct Curve {
  std::vector<double> creates;
  std::vector<double> reads;
  std::vector<double> writes;
};

/// Makes a branch at that depth, of a running parent, works in it, and deletes it.
Result<void> sample(Bench& bench, const Parent& parent, int depth, Curve& curve) {
  const VeloHome& velo = *bench.velo;
  const std::string above = link_name(parent, depth - 1);
  if (depth > 1) TRY(velo.run({"branch", "start", above}));
  TRY(first_query(TRY(velo.address(above))));
  TRY(settle(parent.place));
  const std::string name = fresh_branch(parent);
  curve.creates.push_back(
      TRY(create_and_ask(velo, name, {"--parent", above, "--no-archive"})).count());
  if (depth > 1) TRY(velo.run({"branch", "stop", above}));
  const BranchFacts facts = TRY(velo.facts(name));
  TRY(read_through(facts.data_directory));
  TRY(settle(parent.place));
  const int seconds = bench.options->seconds;
  curve.reads.push_back(TRY(run_pgbench(facts.address, Work::reads, seconds)).tps);
  curve.writes.push_back(TRY(run_pgbench(facts.address, Work::writes, seconds)).tps);
  fmt::print(stderr, "  depth {}: {:.0f} ms, {:.0f} and {:.0f} transactions/s\n", depth,
             curve.creates.back(), curve.reads.back(), curve.writes.back());
  return delete_branch(velo, parent, name);
}

std::string depth_name(int depth) {
  return fmt::format("depth {}", depth);
}

void add_results(Bench& bench, const Parent& parent, const std::map<int, Curve>& curves) {
  struct Aspect {
    std::string title;
    std::string line;
    std::vector<double> Curve::* samples;
    std::string unit;
  };
  const std::vector<Aspect> aspects{
      {"A branch of a branch of …: to its first answered query", "create", &Curve::creates,
       "milliseconds"},
      {"pgbench -c 8 --select-only in it", "reads", &Curve::reads, "transactions/s"},
      {"pgbench -c 8 in it, just made", "writes", &Curve::writes, "transactions/s"}};
  std::vector<PlotLine> lines;
  for (const Aspect& aspect : aspects) {
    Measured measured{.section = "depth",
                      .title = fmt::format("{}, {}", aspect.title, parent.project),
                      .base = depth_name(curves.begin()->first),
                      .series = {},
                      .notes = {},
                      .unit = aspect.unit};
    PlotLine line{.name = aspect.line, .points = {}};
    const std::vector<double>& base = curves.begin()->second.*aspect.samples;
    for (const auto& [depth, curve] : curves) {
      const std::vector<double>& samples = curve.*aspect.samples;
      measured.series.push_back({.name = depth_name(depth), .samples = samples});
      const Interval is = ratio_of_pairs(samples, base);
      PlotPoint point{.x = static_cast<double>(depth), .y = is.mean};
      if (samples.size() > 1) {
        point.low = is.low;
        point.high = is.high;
      }
      line.points.push_back(point);
      if (depth == curves.begin()->first) continue;
      measured.notes.push_back(
          fmt::format("At depth {} {:.3f} × as much as at depth {}, with 95 % confidence {:.3f} to "
                      "{:.3f}",
                      depth, is.mean, curves.begin()->first, is.low, is.high));
    }
    lines.push_back(std::move(line));
    bench.results.push_back(std::move(measured));
  }
  bench.pictures["depth-" + parent.project] =
      to_svg({.title = fmt::format("A branch of a branch of …, on {}",
                                   parent.project == "btrfs" ? "btrfs" : "XFS"),
              .x_label = "depth",
              .y_label = "× the same at depth 1",
              .lines = std::move(lines),
              .x_axis = Axis::doubling});
}

}  // namespace

Result<void> measure_depth(Bench& bench, const Parent& parent) {
  const std::vector<int> depths = depths_for(*bench.options);
  TRY(make_chain(*bench.velo, parent, depths.back() - 1));
  std::map<int, Curve> curves;
  for (int round = 0; round < bench.options->rounds; ++round) {
    fmt::print(stderr, "Depths on {}, round {} of {}\n", parent.project, round + 1,
               bench.options->rounds);
    for (std::size_t i = 0; i < depths.size(); ++i) {
      const int depth = depths.at((i + static_cast<std::size_t>(round)) % depths.size());
      TRY(sample(bench, parent, depth, curves[depth]));
    }
  }
  add_results(bench, parent, curves);
  return delete_chain(*bench.velo, parent, depths.back() - 1);
}

}  // namespace velo::bench
