// Transactions a second in a branch, beside plain PostgreSQL: a server with the same command line
// on a full copy of the same data, on the same file system. Neither archives. In turn, pair by
// pair, with what each has left in memory written out before the other begins.
#include <csignal>

#include "base/time.h"
#include "bench/groups.h"
#include "bench/pgbench.h"
#include "bench/plot.h"

namespace velo::bench {
namespace {

const std::string unit = "transactions/s";

/// A server on a copy, whose blocks are its own from the beginning.
Result<FloorServer> plain_server(const Parent& parent) {
  FloorServer server = TRY(FloorServer::prepare(parent, CloneHow::copy));
  TRY(clone_by_base_backup(server, parent));
  server.add_settings({"archive_mode=off"});
  TRY(settle(parent.place));
  TRY(server.start());
  return server;
}

/// What pgbench reaches there, all of its changes written out before it begins and after it ended.
Result<Throughput> work_on(const Parent& parent, const Address& address, int seconds) {
  TRY(TRY(Client::connect(address)).query("CHECKPOINT"));
  TRY(settle(parent.place));
  Throughput found = TRY(run_pgbench(address, Work::writes, seconds));
  TRY(TRY(Client::connect(address)).query("CHECKPOINT"));
  return found;
}

/// Every table written anew: none of its blocks is the parent's any more.
Result<void> rewrite_tables(const Parent& parent, const Address& address) {
  Client client = TRY(Client::connect(address));
  TRY(client.query("VACUUM FULL ANALYZE"));
  TRY(client.query("CHECKPOINT"));
  return settle(parent.place);
}

Result<std::string> new_branch(const VeloHome& velo, const Parent& parent) {
  const std::string branch = fresh_branch(parent);
  TRY(create_and_ask(velo, branch, {"--no-archive"}));
  return branch;
}

/// The medians of each second of several runs.
PlotLine line_of(const std::string& name, const std::vector<Throughput>& runs) {
  PlotLine line{.name = name, .points = {}};
  for (std::size_t second = 0; !runs.empty(); ++second) {
    std::vector<double> samples;
    for (const Throughput& run : runs) {
      if (second < run.seconds.size()) samples.push_back(run.seconds[second]);
    }
    if (samples.size() < runs.size()) break;
    const Summary summary = summarize(samples);
    line.points.push_back({.x = static_cast<double>(second + 1),
                           .y = summary.median,
                           .low = summary.min,
                           .high = summary.max});
  }
  return line;
}

Measured pairs(const std::string& title) {
  return {.section = "tps",
          .title = title,
          .base = plain_name,
          .series = {{plain_name, {}}, {branch_name, {}}},
          .notes = {},
          .unit = unit};
}

void conclude(Measured& measured) {
  const Interval ratio = ratio_of_pairs(measured.series[1].samples, measured.series[0].samples);
  measured.notes.push_back(
      fmt::format("A branch reaches {:.3f} × plain PostgreSQL's, with 95 % confidence {:.3f} to "
                  "{:.3f} (geometric mean of {} pairs)",
                  ratio.mean, ratio.low, ratio.high, measured.series[0].samples.size()));
}

/// Both in turn, the one that begins changing.
Result<void> run_pair(int round, const std::function<Result<void>()>& plain,
                      const std::function<Result<void>()>& branch) {
  TRY(round % 2 == 0 ? plain() : branch());
  return round % 2 == 0 ? branch() : plain();
}

/// Right after a branch was made: the first change of each block takes a new one.
Result<void> measure_fresh(Bench& bench, const Parent& parent) {
  const int seconds = bench.options->seconds;
  Measured measured = pairs(fmt::format("pgbench -c {} for {} s, {}, a branch just made",
                                        bench_clients, seconds, parent.project));
  std::vector<Throughput> plain_runs;
  std::vector<Throughput> branch_runs;
  for (int round = 0; round < bench.options->rounds; ++round) {
    fmt::print(stderr, "{}: round {}\n", measured.title, round + 1);
    const auto plain = [&]() -> Result<void> {
      FloorServer server = TRY(plain_server(parent));
      TRY(read_through(server.directory() / "fs/pgdata"));
      plain_runs.push_back(TRY(work_on(parent, server.address(), seconds)));
      TRY(server.stop(SIGQUIT));
      TRY(server.remove());
      return settle(parent.place);
    };
    const auto branch = [&]() -> Result<void> {
      const std::string name = TRY(new_branch(*bench.velo, parent));
      const BranchFacts facts = TRY(bench.velo->facts(name));
      TRY(read_through(facts.data_directory));
      branch_runs.push_back(TRY(work_on(parent, facts.address, seconds)));
      return delete_branch(*bench.velo, parent, name);
    };
    TRY(run_pair(round, plain, branch));
    measured.series[0].samples.push_back(plain_runs.back().tps);
    measured.series[1].samples.push_back(branch_runs.back().tps);
    fmt::print(stderr, "  {:.0f} {:.0f}\n", plain_runs.back().tps, branch_runs.back().tps);
  }
  conclude(measured);
  bench.results.push_back(std::move(measured));
  bench.pictures["tps-fresh-" + parent.project] =
      to_svg({.title = fmt::format("pgbench -c {} in a branch just made, on {}", bench_clients,
                                   parent.project == "btrfs" ? "btrfs" : "XFS"),
              .x_label = "seconds since it began",
              .y_label = "transactions in that second",
              .lines = {line_of(plain_name, plain_runs), line_of(branch_name, branch_runs)}});
  return {};
}

/// Once its tables were written anew, in a branch and in the plain server alike.
Result<void> measure_own(Bench& bench, const Parent& parent) {
  const int seconds = bench.options->seconds;
  Measured measured = pairs(own_title(parent.project));
  FloorServer plain = TRY(plain_server(parent));
  const std::string branch = TRY(new_branch(*bench.velo, parent));
  const Address address = TRY(bench.velo->address(branch));
  TRY(rewrite_tables(parent, plain.address()));
  TRY(rewrite_tables(parent, address));
  for (int round = 0; round < bench.options->rounds; ++round) {
    fmt::print(stderr, "{}: round {}\n", measured.title, round + 1);
    const auto run = [&](const Address& where, Series& series) -> Result<void> {
      series.samples.push_back(TRY(work_on(parent, where, seconds)).tps);
      fmt::print(stderr, "  {} {:.0f}\n", series.name, series.samples.back());
      return {};
    };
    TRY(run_pair(
        round, [&] { return run(plain.address(), measured.series[0]); },
        [&] { return run(address, measured.series[1]); }));
  }
  conclude(measured);
  measured.notes.push_back("Own are the blocks that VACUUM FULL made, in both");
  bench.results.push_back(std::move(measured));
  TRY(plain.stop(SIGQUIT));
  TRY(plain.remove());
  return delete_branch(*bench.velo, parent, branch);
}

}  // namespace

std::string own_title(const std::string& driver) {
  return fmt::format("pgbench -c {}, {}, once a branch's blocks are its own", bench_clients,
                     driver);
}

Result<void> measure_tps(Bench& bench, const Parent& parent) {
  TRY(measure_fresh(bench, parent));
  return measure_own(bench, parent);
}

}  // namespace velo::bench
