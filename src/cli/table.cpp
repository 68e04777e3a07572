#include "cli/table.h"

#include <algorithm>
#include <numeric>

namespace velo::cli {
namespace {

/// Indices into the columns, and their widths.
struct Layout {
  std::vector<std::size_t> columns;
  std::vector<std::size_t> widths;
  bool box = true;

  std::size_t total() const {
    const std::size_t text = std::accumulate(widths.begin(), widths.end(), std::size_t{0});
    // "│ a │ b │" against "a  b"
    return box ? text + (3 * widths.size()) + 1 : text + (2 * (widths.size() - 1));
  }
};

std::string rule(const Layout& layout, std::string_view left, std::string_view middle,
                 std::string_view right, const Look& look) {
  std::string line(left);
  for (std::size_t i = 0; i < layout.widths.size(); ++i) {
    if (i > 0) line += middle;
    for (std::size_t n = 0; n < layout.widths[i] + 2; ++n) line += "─";
  }
  line += right;
  return paint(line, Colour::dim, look) + "\n";
}

void trim_right(std::string& text) {
  text.erase(text.find_last_not_of(' ') + 1);
}

}  // namespace

void Table::add(std::vector<Cell> row) {
  row.resize(columns_.size());
  rows_.push_back({std::move(row), std::exchange(line_next_, false)});
}

void Table::separate() {
  line_next_ = !rows_.empty();
}

std::string Table::render(const Look& look) const {
  Layout layout;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = width_of(columns_[i].title);
    for (const Row& row : rows_) width = std::max(width, width_of(row.cells[i].text));
    layout.columns.push_back(i);
    layout.widths.push_back(width);
  }

  const auto too_wide = [&] {
    return look.width > 0 && layout.total() > static_cast<std::size_t>(look.width);
  };
  if (too_wide()) layout.box = false;
  while (too_wide()) {
    const auto victim = std::ranges::max_element(
        layout.columns, {}, [&](std::size_t column) { return columns_[column].expendable; });
    if (columns_[*victim].expendable == 0) break;
    layout.widths.erase(layout.widths.begin() + (victim - layout.columns.begin()));
    layout.columns.erase(victim);
  }

  const std::string bar = layout.box ? paint("│", Colour::dim, look) : "";
  const auto line_of = [&](const auto& cell_at) {
    std::string line = layout.box ? bar + " " : "";
    for (std::size_t i = 0; i < layout.columns.size(); ++i) {
      if (i > 0) line += layout.box ? " " + bar + " " : "  ";
      const Cell cell = cell_at(layout.columns[i]);
      const std::size_t gap = layout.widths[i] - std::min(layout.widths[i], width_of(cell.text));
      const std::string space(gap, ' ');
      const std::string text = paint(cell.text, cell.colour, look);
      line += columns_[layout.columns[i]].right ? space + text : text + space;
    }
    if (layout.box) line += " " + bar;
    trim_right(line);
    return line + "\n";
  };

  std::string text;
  if (layout.box) text += rule(layout, "┌", "┬", "┐", look);
  text += line_of([&](std::size_t i) { return Cell{columns_[i].title, Colour::bold}; });
  if (layout.box) text += rule(layout, "├", "┼", "┤", look);
  for (const Row& row : rows_) {
    if (row.line_above && layout.box) text += rule(layout, "├", "┼", "┤", look);
    text += line_of([&](std::size_t i) { return row.cells[i]; });
  }
  if (layout.box) text += rule(layout, "└", "┴", "┘", look);
  return text;
}

std::string render_pairs(const std::vector<std::pair<std::string, Cell>>& pairs, const Look& look) {
  std::size_t width = 0;
  for (const auto& [key, value] : pairs) {
    if (!value.text.empty()) width = std::max(width, width_of(key));
  }
  std::string text;
  for (const auto& [key, value] : pairs) {
    if (value.text.empty()) continue;
    text += fmt::format("{}{}\n", paint(pad_right(key + ":", width + 3), Colour::dim, look),
                        paint(value.text, value.colour, look));
  }
  return text;
}

}  // namespace velo::cli
