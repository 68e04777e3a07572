#include "bench/statistics.h"

#include <algorithm>

namespace velo::bench {

Summary summarize(std::vector<double> samples) {
  std::ranges::sort(samples);
  const std::size_t middle = samples.size() / 2;
  const double median =
      samples.size() % 2 == 1 ? samples[middle] : (samples[middle - 1] + samples[middle]) / 2;
  return {.median = median, .min = samples.front(), .max = samples.back()};
}

Ratio ratio(const std::vector<double>& samples, const std::vector<double>& base) {
  std::vector<double> of_rounds;
  for (std::size_t i = 0; i < std::min(samples.size(), base.size()); ++i) {
    of_rounds.push_back(samples[i] / base[i]);
  }
  const auto [lowest, highest] = std::ranges::minmax(of_rounds);
  return {.of_medians = summarize(samples).median / summarize(base).median,
          .lowest = lowest,
          .highest = highest};
}

}  // namespace velo::bench
