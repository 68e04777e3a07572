#include "base/size.h"

#include <array>
#include <cctype>
#include <charconv>
#include <limits>

namespace velo {

std::string to_size(std::uint64_t bytes) {
  constexpr std::array units{"B", "KB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.2f} {}", value, units.at(unit));
}

std::string to_size_argument(std::uint64_t bytes) {
  std::string_view unit = "KMGTPE";
  std::string letter;
  while (bytes != 0 && bytes % 1024 == 0 && !unit.empty()) {
    bytes /= 1024;
    letter = unit.front();
    unit.remove_prefix(1);
  }
  return fmt::format("{}{}", bytes, letter);
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const auto bad = [&] {
    return std::unexpected(Error{Errc::usage,
                                 fmt::format("'{}' is not a size", text),
                                 "write a number and a unit: 512M, 20G, 1T",
                                 {}});
  };
  std::uint64_t number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc{}) return bad();
  std::string unit(end, text.data() + text.size() - end);
  for (char& c : unit) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (unit.size() > 1 && unit.ends_with("IB")) unit.resize(unit.size() - 2);
  if (unit.size() > 1 && unit.ends_with('B')) unit.resize(unit.size() - 1);
  constexpr std::string_view letters = "BKMGTPE";
  const size_t power = unit.empty() ? 0 : letters.find(unit);
  if (unit.size() > 1 || power == std::string_view::npos) return bad();
  const unsigned shift = 10U * static_cast<unsigned>(power);
  if (number > (std::numeric_limits<std::uint64_t>::max() >> shift)) return bad();
  return number << shift;
}

}  // namespace velo
