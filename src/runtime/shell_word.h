// A word for the shell, in the settings that PostgreSQL gives to one: archive_command and
// restore_command.
#pragma once

#include <string>
#include <string_view>

namespace velo::runtime {

/// Quoted, and with its '%' doubled: %p, %f and %r are PostgreSQL's own (src/common/archive.c).
inline std::string shell_word(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += R"('\'')";
    } else if (c == '%') {
      out += "%%";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace velo::runtime
