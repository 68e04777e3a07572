#include "engine/names.h"

#include <algorithm>

#include "base/text.h"

namespace velo::engine {
namespace {

constexpr size_t longest_name = 63;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_allowed(char c) {
  return is_letter_or_digit(c) || c == '_' || c == '-';
}

}  // namespace

Result<void> check_name(std::string_view what, std::string_view name) {
  const auto bad = [&](std::string why) {
    return fail_with_hint(
        Errc::invalid_name,
        fmt::format("'{}' cannot be the name of a {}: {}", printable(name), what, why),
        fmt::format("use letters, digits, - and _, beginning with a letter or digit, {} at most",
                    longest_name));
  };
  if (name.empty()) return bad("it is empty");
  if (name.size() > longest_name) return bad(fmt::format("it has {} characters", name.size()));
  if (!is_letter_or_digit(name.front())) {
    return bad(fmt::format("it begins with '{}'", printable(first_character(name))));
  }
  const auto wrong = static_cast<size_t>(std::ranges::find_if_not(name, is_allowed) - name.begin());
  if (wrong < name.size()) {
    return bad(fmt::format("it contains '{}'", printable(first_character(name.substr(wrong)))));
  }
  return {};
}

Result<BranchName> parse_branch_name(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || text.find('/', slash + 1) != std::string_view::npos) {
    const std::string_view project = slash == std::string_view::npos ? text : text.substr(0, slash);
    return fail_with_hint(Errc::invalid_name,
                          fmt::format("'{}' is not of the form PROJECT/BRANCH", printable(text)),
                          fmt::format("write, for example, {}/dev",
                                      check_name("project", project) ? project : "demo"));
  }
  BranchName name{.project = std::string(text.substr(0, slash)),
                  .branch = std::string(text.substr(slash + 1))};
  TRY(check_name("project", name.project));
  TRY(check_name("branch", name.branch));
  return name;
}

}  // namespace velo::engine
