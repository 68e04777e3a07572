// `velo status` as branches become many: all of them running.
#include "bench/groups.h"

namespace velo::bench {
namespace {

constexpr int some_branches = 20;

/// More branches until the project has `count`, main among them.
Result<void> grow_to(const VeloHome& velo, const Parent& parent, int count, int& present) {
  for (; present < count; ++present) {
    TRY(velo.run({"branch", "create", parent.branch(fmt::format("s{}", present))}));
  }
  return settle(parent.place);
}

}  // namespace

std::string status_title(int branches) {
  return fmt::format("Looking at {} running branch{}", branches, branches == 1 ? "" : "es");
}

Result<void> measure_status(Bench& bench, const Parent& parent) {
  const VeloHome& velo = *bench.velo;
  const int most = bench.options->branches;
  const auto measure = [&velo](const std::vector<std::string>& words) {
    return [&velo, words]() -> Result<Millis> { return TRY(velo.run(words)).took; };
  };
  int present = 1;
  for (const int count : std::set<int>{1, std::min(some_branches, most), most}) {
    fmt::print(stderr, "Making branches: {}\n", count);
    TRY(grow_to(velo, parent, count, present));
    // The first look after a change measures sizes, up to its budget; later ones show them.
    Measured first = TRY(run_rounds({.section = "status",
                                     .title = status_title(count),
                                     .base = "",
                                     .cases = {{"velo status, the first", measure({"status"})}},
                                     .prepare = {},
                                     .notes = {}},
                                    1));
    Measured later = TRY(run_rounds(
        {.section = "status",
         .title = status_title(count),
         .base = "",
         .cases = {{"velo status", measure({"status"})},
                   {"velo status --json", measure({"status", "--json"})},
                   {"velo branch url", measure({"branch", "url", parent.branch("main")})}},
         .prepare = {},
         .notes = {}},
        bench.options->rounds));
    later.series.insert(later.series.begin(), first.series.begin(), first.series.end());
    bench.results.push_back(std::move(later));
  }
  for (--present; present > 0; --present) {
    TRY(velo.run({"branch", "delete", parent.branch(fmt::format("s{}", present)), "--force"}));
  }
  return settle(parent.place);
}

}  // namespace velo::bench
