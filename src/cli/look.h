// How text may look where it goes: colours, widths, alignment.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace velo::cli {

/// What the place that text goes to can show.
struct Look {
  bool terminal = false;  ///< someone watches: spinners and rewritten lines make sense
  bool colour = false;
  int width = 0;  ///< columns; 0: as wide as it wants
};

/// $NAME, or empty; a parameter so that tests need no environment.
using Variable = std::function<std::string(const char* name)>;

/// NO_COLOR (any value), TERM=dumb or no terminal: no colour. TERM=dumb cannot rewrite lines
/// either, so it counts as no terminal. `columns` is what the terminal says, 0 when it does not.
Look look_for(bool is_terminal, int columns, const Variable& variable);
/// Of a descriptor of this process.
Look look_of(int descriptor, const Variable& variable);

enum class Colour { plain, bold, dim, red, green, yellow, cyan };
std::string paint(std::string_view text, Colour colour, const Look& look);

/// Columns that UTF-8 text takes: one for each character (Velo prints no wide and no combining
/// ones).
std::size_t width_of(std::string_view text);
/// Filled with spaces to `width` columns.
std::string pad_right(std::string_view text, std::size_t width);
std::string pad_left(std::string_view text, std::size_t width);
/// Cut to `width` columns, the last of them "…" when something was cut.
std::string shorten(std::string_view text, std::size_t width);

}  // namespace velo::cli
