#include "cli/errors.h"

#include "base/text.h"
#include "cli/json_views.h"

namespace velo::cli {

std::string render_error(const Error& error, const Look& look) {
  std::string text = fmt::format("{} {}\n", paint("error:", Colour::red, look), error.message);
  for (const std::string_view line : lines_of(error.detail)) text += fmt::format("  {}\n", line);
  for (const std::string_view line : lines_of(error.hint)) {
    text += fmt::format("  {} {}\n", paint("→", Colour::cyan, look), line);
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
