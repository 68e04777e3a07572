// What is made of the samples of one measured thing.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace velo::bench {

using Millis = std::chrono::duration<double, std::milli>;

struct Summary {
  double median = 0;  ///< of an even number, the middle two's mean
  double min = 0;
  double max = 0;
};
/// Of at least one sample.
Summary summarize(std::vector<double> samples);

/// How many times `base` something took.
struct Ratio {
  double of_medians = 0;
  double lowest = 0;  ///< of the rounds' own ratios: both were measured one after the other
  double highest = 0;
};
/// Both have the same number of samples, one for each round.
Ratio ratio(const std::vector<double>& samples, const std::vector<double>& base);

/// How many times `base` something is, by pairs that were measured one after the other: the
/// geometric mean of their ratios, and where it lies with 95 % confidence (Student's t on the
/// ratios' logarithms). Of one pair nothing is known: from 0 to infinity.
struct Interval {
  double mean = 0;
  double low = 0;
  double high = 0;
  bool holds(double value) const { return low <= value && value <= high; }
};
Interval ratio_of_pairs(const std::vector<double>& samples, const std::vector<double>& base);

}  // namespace velo::bench
