#include "base/secrets.h"

#include <algorithm>
#include <array>

namespace velo {
namespace {

constexpr std::string_view mask = "***";
constexpr std::string_view ends_of_an_authority = "/?# \t\r\n'\"";

/// "…://user:secret@host" → "…://user:***@host".
std::string without_passwords_in_urls(std::string_view text) {
  std::string out;
  for (;;) {
    const std::size_t scheme = text.find("://");
    if (scheme == std::string_view::npos) return out += text;
    const std::size_t from = scheme + 3;
    // A password may hold an @: the last one before the host's end counts.
    const std::string_view authority =
        text.substr(from, text.find_first_of(ends_of_an_authority, from) - from);
    const std::size_t at = authority.rfind('@');
    const std::size_t colon = authority.substr(0, at).find(':');
    out += text.substr(0, from);
    if (at == std::string_view::npos || colon == std::string_view::npos) {
      out += authority;
    } else {
      out += authority.substr(0, colon + 1);
      out += mask;
      out += authority.substr(at);
    }
    text.remove_prefix(from + authority.size());
  }
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool begins_with(std::string_view text, std::string_view word) {
  return text.size() >= word.size() &&
         std::ranges::equal(text.substr(0, word.size()), word, {}, &lower);
}

/// How long the value at the start of `text` is: a quoted one with its quotes.
std::size_t length_of_value(std::string_view text) {
  if (!text.empty() && (text.front() == '\'' || text.front() == '"')) {
    const std::size_t end = text.find(text.front(), 1);
    return end == std::string_view::npos ? text.size() : end + 1;
  }
  return std::min(text.find_first_of(" \t\r\n,;&'\""), text.size());
}

/// "password=secret" and "PASSWORD 'secret'" lose their values.
std::string without_named_values(std::string_view text) {
  constexpr std::array names{std::string_view("password"), std::string_view("passwd"),
                             std::string_view("secret"), std::string_view("token")};
  std::string out;
  while (!text.empty()) {
    const auto* const name = std::ranges::find_if(
        names, [&](std::string_view candidate) { return begins_with(text, candidate); });
    if (name == names.end()) {
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    out += text.substr(0, name->size());
    text.remove_prefix(name->size());
    const std::size_t value = text.find_first_not_of(" =");
    const bool is_given = value != std::string_view::npos && value > 0 &&
                          (text.substr(0, value).find('=') != std::string_view::npos ||
                           text[value] == '\'' || text[value] == '"');
    if (!is_given) continue;
    out += text.substr(0, value);
    out += mask;
    text.remove_prefix(value + length_of_value(text.substr(value)));
  }
  return out;
}

std::string without_private_keys(std::string_view text) {
  constexpr std::string_view begin = "-----BEGIN ";
  constexpr std::string_view end = "-----END ";
  std::string out;
  for (;;) {
    const std::size_t from = text.find(begin);
    const std::size_t kind =
        text.find("PRIVATE KEY-----", from == std::string_view::npos ? 0 : from);
    if (from == std::string_view::npos || kind == std::string_view::npos) return out += text;
    out += text.substr(0, from);
    out += mask;
    const std::size_t last = text.find(end, kind);
    if (last == std::string_view::npos) return out;
    const std::size_t rest = text.find("-----", last + end.size());
    if (rest == std::string_view::npos) return out;
    text.remove_prefix(rest + 5);
  }
}

}  // namespace

std::string without_secrets(std::string_view text) {
  return without_private_keys(without_named_values(without_passwords_in_urls(text)));
}

}  // namespace velo
