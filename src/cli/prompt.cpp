#include "cli/prompt.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "cli/errors.h"

namespace velo::cli {

bool should_ask(const Output& output, bool force) {
  return !force && output.input_is_terminal && output.err.look().terminal;
}

Result<bool> confirm(Output& output, const std::string& question) {
  output.err.write(question + " [y/N] ");
  const auto line = output.read_line();
  if (!line || !*line) output.err.write("\n");  // nobody ended the line
  if (!line) return std::unexpected(line.error());
  std::string answer(trim(line->value_or("")));
  std::ranges::transform(answer, answer.begin(), [](unsigned char c) { return std::tolower(c); });
  return answer == "y" || answer == "yes";
}

int declined(Output& output) {
  const Error error{Errc::failed, "nothing was changed", {}, {}};
  const int exit_code = exit_code_of(error.code);
  if (output.json) output.out.write(error_document(error, exit_code));
  output.err.write(error.message + "\n");
  return exit_code;
}

}  // namespace velo::cli
