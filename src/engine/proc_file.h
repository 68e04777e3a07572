// Numbers in the texts that the kernel writes for programs: /proc, /sys, control groups.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace velo::engine {

/// The number that a text begins with, behind blanks.
std::optional<std::uint64_t> number_in(std::string_view text);

/// The number behind a word at a line's beginning: "MemTotal:", "inactive_file".
std::optional<std::uint64_t> number_behind(std::string_view text, std::string_view word);

}  // namespace velo::engine
