#include "bench/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "bench/statistics.h"

namespace velo::bench {
namespace {

constexpr double width = 720;
constexpr double height = 400;
constexpr double left = 72;
constexpr double right = 20;
constexpr double top = 44;
constexpr double bottom = 56;
constexpr double legend_line = 18;
constexpr int steps_wanted = 5;
constexpr std::size_t colours = 6;
/// From so few points on each is marked.
constexpr std::size_t few_points = 40;

/// Colours that people who see some of them alike can tell apart (Okabe and Ito), lighter where the
/// page is dark.
constexpr std::string_view style =
    "<style>\n"
    "text{font-family:system-ui,sans-serif;font-size:13px;fill:#1f2328}\n"
    ".title{font-size:15px;font-weight:600}\n"
    ".page{fill:#ffffff}.grid{stroke:#d1d9e0}.axis{stroke:#59636e}\n"
    ".line{fill:none;stroke-width:2}.band{opacity:.18;stroke:none}\n"
    ".c0{color:#0072b2}.c1{color:#d55e00}.c2{color:#009e73}.c3{color:#aa4499}.c4{color:#8a6d00}"
    ".c5{color:#555555}\n"
    ".line{stroke:currentColor}.band,.dot{fill:currentColor}\n"
    "@media (prefers-color-scheme:dark){text{fill:#e6edf3}.page{fill:#0d1117}"
    ".grid{stroke:#30363d}.axis{stroke:#9198a1}.band{opacity:.28}\n"
    ".c0{color:#56b4e9}.c1{color:#ff9955}.c2{color:#2bcb9a}.c3{color:#e58fc4}.c4{color:#e6c84a}"
    ".c5{color:#b0b0b0}}\n"
    "</style>\n";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else {
      out += c;
    }
  }
  return out;
}

/// 1, 2, 2.5 or 5 times a power of ten, so that some five of them make up `span`.
double round_step(double span) {
  const double rough = span / steps_wanted;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 2.5, 5.0}) {
    if (factor * power >= rough) return factor * power;
  }
  return 10 * power;
}

struct Range {
  double from = 0;
  double to = 1;
};

template <class Value>
Range range_of(const Plot& plot, Value&& values_of) {
  bool any = false;
  Range range;
  for (const PlotLine& line : plot.lines) {
    for (const PlotPoint& point : line.points) {
      for (const double value : values_of(point)) {
        range = any ? Range{std::min(range.from, value), std::max(range.to, value)}
                    : Range{value, value};
        any = true;
      }
    }
  }
  if (range.to <= range.from) range.to = range.from + 1;
  return range;
}

class Canvas {
 public:
  explicit Canvas(const Plot& plot) : plot_(plot) {
    x_ = range_of(plot, [](const PlotPoint& p) { return std::array{p.x}; });
    if (plot.x_axis == Axis::even && x_.from < x_.to / 3) x_.from = std::min(0.0, x_.from);
    if (plot.x_axis == Axis::doubling) x_.from = std::max(x_.from, 1e-9);
    y_ = range_of(plot, [](const PlotPoint& p) {
      return std::array{p.low.value_or(p.y), p.y, p.high.value_or(p.y)};
    });
    y_.from = std::min(0.0, y_.from);
    y_step_ = round_step(y_.to - y_.from);
    y_.to = std::ceil(y_.to / y_step_) * y_step_;
    legend_ = plot.lines.size() > 1 ? static_cast<double>(plot.lines.size()) * legend_line : 0;
  }

  double x(double value) const {
    const auto place = [&](double v) { return plot_.x_axis == Axis::doubling ? std::log2(v) : v; };
    const double share =
        (place(std::max(value, x_.from)) - place(x_.from)) / (place(x_.to) - place(x_.from));
    return left + share * (width - left - right);
  }
  double y(double value) const {
    return foot() - (value - y_.from) / (y_.to - y_.from) * (foot() - top);
  }
  double foot() const { return height - bottom; }
  double whole_height() const { return height + legend_; }

  std::vector<double> x_ticks() const {
    std::vector<double> ticks;
    if (plot_.x_axis == Axis::doubling) {
      for (double at = std::exp2(std::ceil(std::log2(x_.from))); at <= x_.to; at *= 2) {
        ticks.push_back(at);
      }
      return ticks;
    }
    const double step = round_step(x_.to - x_.from);
    for (double at = std::ceil(x_.from / step) * step; at <= x_.to + step / 1e6; at += step) {
      ticks.push_back(at);
    }
    return ticks;
  }
  std::vector<double> y_ticks() const {
    std::vector<double> ticks;
    const auto first = static_cast<int>(std::floor(y_.from / y_step_));
    const auto last = static_cast<int>(std::lround(y_.to / y_step_));
    for (int i = first; i <= last; ++i) ticks.push_back(i * y_step_);
    return ticks;
  }

 private:
  const Plot& plot_;
  Range x_;
  Range y_;
  double y_step_ = 1;
  double legend_ = 0;
};

std::string text(double x, double y, std::string_view anchor, std::string_view words,
                 std::string_view more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y,
                     anchor, more, escaped(words));
}

std::string number(double value) {
  return fmt::format("{:.6g}", value);
}

std::string frame(const Plot& plot, const Canvas& canvas) {
  std::string out = text(left, 24, "start", plot.title, " class=\"title\"");
  for (const double at : canvas.y_ticks()) {
    out += fmt::format("<path class=\"grid\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>\n", left, canvas.y(at),
                       width - right);
    out += text(left - 8, canvas.y(at) + 4, "end", number(at));
  }
  for (const double at : canvas.x_ticks()) {
    out +=
        fmt::format("<path class=\"axis\" d=\"M{:.1f} {:.1f}v5\"/>\n", canvas.x(at), canvas.foot());
    out += text(canvas.x(at), canvas.foot() + 20, "middle", number(at));
  }
  out += fmt::format("<path class=\"axis\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>\n", left, canvas.foot(),
                     width - right);
  const double middle = (left + width - right) / 2;
  out += text(middle, canvas.foot() + 42, "middle", plot.x_label);
  const double centre = (top + canvas.foot()) / 2;
  out += text(18, centre, "middle", plot.y_label,
              fmt::format(" transform=\"rotate(-90 18 {:.1f})\"", centre));
  return out;
}

std::string curve(const PlotLine& line, std::size_t colour, const Canvas& canvas) {
  std::string band;
  std::string back;
  std::string path;
  std::string dots;
  bool has_band = !line.points.empty();
  for (const PlotPoint& point : line.points) {
    const double x = canvas.x(point.x);
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", x, canvas.y(point.y));
    if (line.points.size() < few_points) {
      dots += fmt::format("<circle class=\"dot\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>", x,
                          canvas.y(point.y));
    }
    has_band = has_band && point.low && point.high;
    if (!has_band) continue;
    band += fmt::format("{}{:.1f} {:.1f}", band.empty() ? "M" : "L", x, canvas.y(*point.high));
    back = fmt::format("L{:.1f} {:.1f}", x, canvas.y(*point.low)) + back;
  }
  std::string out = fmt::format("<g class=\"c{}\">", colour % colours);
  if (has_band) out += fmt::format("<path class=\"band\" d=\"{}{}Z\"/>", band, back);
  if (!path.empty()) out += fmt::format("<path class=\"line\" d=\"{}\"/>", path);
  return out + dots + "</g>\n";
}

std::string legend(const Plot& plot) {
  if (plot.lines.size() < 2) return "";
  std::string out;
  for (std::size_t i = 0; i < plot.lines.size(); ++i) {
    const double y = height + 4 + static_cast<double>(i) * legend_line;
    out += fmt::format("<path class=\"line c{}\" d=\"M{:.1f} {:.1f}h24\"/>\n", i % colours, left,
                       y - 4);
    out += text(left + 32, y, "start", plot.lines[i].name);
  }
  return out;
}

}  // namespace

std::string to_svg(const Plot& plot) {
  const Canvas canvas(plot);
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" role=\"img\">\n<title>{2}</title>\n",
      width, canvas.whole_height(), escaped(plot.title));
  out += style;
  out += fmt::format("<rect class=\"page\" width=\"{}\" height=\"{}\"/>\n", width,
                     canvas.whole_height());
  out += frame(plot, canvas);
  for (std::size_t i = 0; i < plot.lines.size(); ++i) out += curve(plot.lines[i], i, canvas);
  return out + legend(plot) + "</svg>\n";
}

std::vector<PlotPoint> in_groups(const std::vector<double>& samples, std::size_t width_of_group) {
  std::vector<PlotPoint> points;
  for (std::size_t from = 0; from < samples.size(); from += width_of_group) {
    const std::size_t to = std::min(from + width_of_group, samples.size());
    const Summary group = summarize({samples.begin() + static_cast<std::ptrdiff_t>(from),
                                     samples.begin() + static_cast<std::ptrdiff_t>(to)});
    points.push_back(
        {.x = static_cast<double>(to), .y = group.median, .low = group.min, .high = group.max});
  }
  return points;
}

}  // namespace velo::bench
