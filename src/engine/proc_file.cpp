#include "engine/proc_file.h"

#include <charconv>

#include "base/text.h"

namespace velo::engine {

std::optional<std::uint64_t> number_in(std::string_view text) {
  const std::string_view word = trim(text);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end == word.data()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> number_behind(std::string_view text, std::string_view word) {
  for (const std::string_view line : lines_of(text)) {
    if (line.starts_with(word)) return number_in(line.substr(word.size()));
  }
  return std::nullopt;
}

}  // namespace velo::engine
