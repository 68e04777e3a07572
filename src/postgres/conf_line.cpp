#include "postgres/conf_line.h"

#include <algorithm>

#include "base/text.h"

namespace velo::postgres {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80U;
}

bool is_octal(char c) {
  return c >= '0' && c <= '7';
}

bool is_identifier(std::string_view text) {
  return !text.empty() && is_letter(text.front()) && std::ranges::all_of(text, [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '$';
  });
}

/// What follows a backslash, at the front of `rest`; takes it off.
char take_escaped(std::string_view& rest) {
  const char first = rest.front();
  rest.remove_prefix(1);
  switch (first) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      break;
  }
  if (!is_octal(first)) return first;
  constexpr int more_octal_digits = 2;
  auto value = static_cast<unsigned>(first - '0');
  for (int i = 0; i < more_octal_digits && !rest.empty() && is_octal(rest.front()); ++i) {
    value = value * 8U + static_cast<unsigned>(rest.front() - '0');
    rest.remove_prefix(1);
  }
  return static_cast<char>(value);
}

/// A quoted string at the front of `rest` (behind its opening quote); takes it off. Empty when it
/// has no end.
std::optional<std::string> take_quoted(std::string_view& rest) {
  std::string value;
  while (!rest.empty()) {
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c == '\\' && !rest.empty()) {
      value += take_escaped(rest);
    } else if (c == '\'' && rest.starts_with('\'')) {
      value += '\'';
      rest.remove_prefix(1);
    } else if (c == '\'') {
      return value;
    } else {
      value += c;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool is_setting_name(std::string_view name) {
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return is_identifier(name);
  return is_identifier(name.substr(0, dot)) && is_identifier(name.substr(dot + 1));
}

bool is_include(std::string_view name) {
  return name == "include" || name == "include_if_exists" || name == "include_dir";
}

std::optional<ConfLine> parse_conf_line(std::string_view line) {
  line = trim(line);
  const std::size_t name_end = std::min(line.find_first_of(" \t=#'"), line.size());
  const std::string_view name = line.substr(0, name_end);
  if (!is_setting_name(name)) return std::nullopt;

  std::string_view rest = trim(line.substr(name_end));
  if (rest.starts_with('=')) rest = trim(rest.substr(1));
  std::string value;
  if (rest.starts_with('\'')) {
    rest.remove_prefix(1);
    auto quoted = take_quoted(rest);
    if (!quoted) return std::nullopt;
    value = std::move(*quoted);
  } else {
    const std::size_t value_end = std::min(rest.find_first_of(" \t#"), rest.size());
    value = rest.substr(0, value_end);
    rest.remove_prefix(value_end);
    if (value.empty()) return std::nullopt;
  }
  rest = trim(rest);
  if (!rest.empty() && !rest.starts_with('#')) return std::nullopt;
  return ConfLine{.name = lower(name), .value = std::move(value)};
}

}  // namespace velo::postgres
