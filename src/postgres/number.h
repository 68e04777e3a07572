// Numbers in what PostgreSQL writes.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace velo::postgres {

/// The whole of `text` as a number; empty when it is anything else, or does not fit.
template <class Number>
std::optional<Number> parse_number(std::string_view text, int base = 10) {
  Number value{};
  const auto [stop, problem] = std::from_chars(text.begin(), text.end(), value, base);
  if (problem != std::errc{} || stop != text.end()) return std::nullopt;
  return value;
}

}  // namespace velo::postgres
