#include "cli/look.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace velo::cli {

Look look_for(bool is_terminal, int columns, const Variable& variable) {
  if (!is_terminal || variable("TERM") == "dumb") return {};
  return {.terminal = true, .colour = variable("NO_COLOR").empty(), .width = std::max(columns, 0)};
}

Look look_of(int descriptor, const Variable& variable) {
  winsize size{};
  const bool known = ::ioctl(descriptor, TIOCGWINSZ, &size) == 0;
  return look_for(::isatty(descriptor) == 1, known ? size.ws_col : 0, variable);
}

std::string paint(std::string_view text, Colour colour, const Look& look) {
  if (!look.colour || colour == Colour::plain || text.empty()) return std::string(text);
  std::string_view code;
  switch (colour) {
    case Colour::plain:
      break;
    case Colour::bold:
      code = "1";
      break;
    case Colour::dim:
      code = "2";
      break;
    case Colour::red:
      code = "31";
      break;
    case Colour::green:
      code = "32";
      break;
    case Colour::yellow:
      code = "33";
      break;
    case Colour::cyan:
      code = "36";
      break;
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::size_t width_of(std::string_view text) {
  // Every byte but UTF-8's continuation bytes begins a character.
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string pad_right(std::string_view text, std::size_t width) {
  const std::size_t has = width_of(text);
  return std::string(text) + std::string(width > has ? width - has : 0, ' ');
}

std::string pad_left(std::string_view text, std::size_t width) {
  const std::size_t has = width_of(text);
  return std::string(width > has ? width - has : 0, ' ') + std::string(text);
}

std::string shorten(std::string_view text, std::size_t width) {
  if (width_of(text) <= width) return std::string(text);
  std::string cut;
  for (const char c : text) {
    const bool begins = (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    if (begins && width_of(cut) + 1 >= width) break;
    cut += c;
  }
  return cut + "…";
}

}  // namespace velo::cli
