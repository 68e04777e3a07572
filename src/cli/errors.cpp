#include "cli/errors.h"

#include "base/text.h"
#include "cli/json_views.h"

namespace velo::cli {

namespace {

/// A line of somebody else's, such as a server's log: tabs are no harm in it.
std::string shown(std::string_view line) {
  std::string text;
  for (const std::string_view part : split(line, '\t')) {
    if (!text.empty() || part.data() != line.data()) text += '\t';
    text += printable(part);
  }
  return text;
}

}  // namespace

std::string render_error(const Error& error, const Look& look) {
  std::string text =
      fmt::format("{} {}\n", paint("error:", Colour::red, look), printable(error.message));
  for (const std::string_view line : lines_of(error.detail)) {
    text += fmt::format("  {}\n", shown(line));
  }
  for (const std::string_view line : lines_of(error.hint)) {
    text += fmt::format("  {} {}\n", paint("→", Colour::cyan, look), printable(line));
  }
  return text;
}

std::string error_document(const Error& error, int exit_code) {
  return json::error(error, exit_code);
}

int exit_code_for(const Error& error, int signal_number) {
  if (error.code == Errc::interrupted && signal_number != 0) return 128 + signal_number;
  return exit_code_of(error.code);
}

}  // namespace velo::cli
