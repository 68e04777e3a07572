// Line charts as SVG, drawn by hand: readable on a light page and on a dark one, in any browser and
// where Markdown shows pictures.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace velo::bench {

struct PlotPoint {
  double x = 0;
  double y = 0;
  /// How far y was spread; a line whose points have both is drawn on a band.
  std::optional<double> low = {};
  std::optional<double> high = {};
};

struct PlotLine {
  std::string name;  ///< for the legend, and unless it is the only one
  std::vector<PlotPoint> points;
};

/// Along x in steps that double (1, 2, 4, 8…) or that are equal.
enum class Axis { even, doubling };

struct Plot {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<PlotLine> lines;  ///< six colours; more begin again
  Axis x_axis = Axis::even;
};

/// A whole SVG document. The y axis begins at 0; a plot without points is its title and its axes.
std::string to_svg(const Plot& plot);

/// One point for each `width` samples in turn, the last of fewer: x is the number of the last of
/// them, beginning with 1; y their median; low and high their least and greatest.
std::vector<PlotPoint> in_groups(const std::vector<double>& samples, std::size_t width);

}  // namespace velo::bench
