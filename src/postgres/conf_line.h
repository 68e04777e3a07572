// One line of a PostgreSQL configuration file, as src/backend/utils/misc/guc-file.l reads it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace velo::postgres {

struct ConfLine {
  std::string name;   ///< in lower case: PostgreSQL compares names without case
  std::string value;  ///< without its quotes and escapes
};

/// Empty for blank lines, comments, and what PostgreSQL would call a syntax error. The `=` is
/// optional; a comment may follow. Include directives have the form of a setting.
std::optional<ConfLine> parse_conf_line(std::string_view line);

/// include, include_if_exists, include_dir.
bool is_include(std::string_view name);
/// Letters, digits, _ and $, not beginning with a digit; at most one dot between two of those.
bool is_setting_name(std::string_view name);
/// ASCII only, as PostgreSQL's guc_name_compare.
std::string lower(std::string_view text);

}  // namespace velo::postgres
