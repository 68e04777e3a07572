// Tables in boxes, for screens and pipes alike.
#pragma once

#include <string>
#include <vector>

#include "cli/look.h"

namespace velo::cli {

struct Cell {
  std::string text;
  Colour colour = Colour::plain;
};

struct Column {
  std::string title;
  bool right = false;  ///< numbers line up at their right
  /// On a screen that is too narrow the highest number goes first; 0 stays whatever happens.
  int expendable = 0;
};

/// Drawn in a box; on a screen too narrow for it without the box; then without the expendable
/// columns. Lines never end in spaces.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// One cell a column; missing ones are empty.
  void add(std::vector<Cell> row);
  /// A line between the last row and the next.
  void separate();
  std::string render(const Look& look) const;

 private:
  struct Row {
    std::vector<Cell> cells;
    bool line_above = false;
  };
  std::vector<Column> columns_;
  std::vector<Row> rows_;
  bool line_next_ = false;
};

/// "Key:    value" lines, values aligned; a pair with an empty value is left out.
std::string render_pairs(const std::vector<std::pair<std::string, Cell>>& pairs, const Look& look);

}  // namespace velo::cli
