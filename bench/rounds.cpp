#include "bench/rounds.h"

#include <cstdio>

namespace velo::bench {

const Series* Measured::find(const std::string& name) const {
  const auto found = std::ranges::find(series, name, &Series::name);
  return found == series.end() ? nullptr : &*found;
}

Result<Measured> run_rounds(const Group& group, int rounds) {
  Measured measured{.section = group.section,
                    .title = group.title,
                    .base = group.base,
                    .series = {},
                    .notes = group.notes};
  for (const Case& one : group.cases) measured.series.push_back({.name = one.name, .samples = {}});
  fmt::print(stderr, "{}\n", group.title);
  for (int round = 0; round < rounds; ++round) {
    fmt::print(stderr, "  round {} of {}:", round + 1, rounds);
    for (std::size_t i = 0; i < group.cases.size(); ++i) {
      const std::size_t turn = (i + static_cast<std::size_t>(round)) % group.cases.size();
      const Case& one = group.cases[turn];
      if (group.prepare) TRY(group.prepare());
      auto sample = one.measure();
      if (!sample) {
        fmt::print(stderr, "\n");
        sample.error().message = fmt::format("{}: {}", one.name, sample.error().message);
        return std::unexpected(std::move(sample).error());
      }
      measured.series[turn].samples.push_back(sample->count());
      fmt::print(stderr, "  {} {:.1f}", one.name, sample->count());
    }
    fmt::print(stderr, "\n");
  }
  return measured;
}

}  // namespace velo::bench
