#include "bench/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

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

namespace {

/// Of Student's distribution, two-sided, 95 %, from one degree of freedom on; from 30 on nearly the
/// normal one's.
constexpr std::array t_quantiles = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                                    2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
                                    2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
                                    2.060,  2.056, 2.052, 2.048, 2.045, 2.042};
constexpr double normal_quantile = 1.96;

}  // namespace

Interval ratio_of_pairs(const std::vector<double>& samples, const std::vector<double>& base) {
  const std::size_t pairs = std::min(samples.size(), base.size());
  std::vector<double> logs;
  double sum = 0;
  for (std::size_t i = 0; i < pairs; ++i) {
    logs.push_back(std::log(samples[i] / base[i]));
    sum += logs.back();
  }
  const double mean = sum / static_cast<double>(pairs);
  if (pairs < 2) {
    return {.mean = std::exp(mean), .low = 0, .high = std::numeric_limits<double>::infinity()};
  }
  double squares = 0;
  for (const double value : logs) squares += (value - mean) * (value - mean);
  const auto freedom = static_cast<double>(pairs - 1);
  const double error = std::sqrt(squares / freedom / static_cast<double>(pairs));
  const double t = pairs - 2 < t_quantiles.size() ? t_quantiles[pairs - 2] : normal_quantile;
  return {.mean = std::exp(mean),
          .low = std::exp(mean - t * error),
          .high = std::exp(mean + t * error)};
}

}  // namespace velo::bench
