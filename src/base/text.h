// Small things that text needs everywhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace velo {

std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);
std::vector<std::string_view> lines_of(std::string_view text);
/// The last `count` lines of a text, each ending in '\n'.
std::string last_lines(std::string_view text, std::size_t count);
/// "a, b and c"
std::string join_words(const std::vector<std::string>& words);
/// The first character of a UTF-8 text, all its bytes; the first byte where they are no character.
std::string_view first_character(std::string_view text);
/// What a terminal may be shown: control characters, and bytes that are no UTF-8, as "\n", "\x1b".
std::string printable(std::string_view text);
/// The candidate that a person most likely meant by `word`: the smallest edit distance, at most a
/// third of the word's length (and at least 2 are allowed). Empty when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace velo
