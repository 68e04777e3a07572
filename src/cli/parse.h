// Words to a command: finds it, reads its options and arguments, and says what is wrong with them.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "cli/command.h"

namespace velo::cli {

/// Options of every command, wherever they stand.
struct Globals {
  bool json = false;
  bool quiet = false;
  bool help = false;
  bool version = false;
};
/// Declared like all options, for the parser, the help pages and the completion.
std::vector<Option> global_options(Globals& globals);

/// A command and the words that lead to it: {"velo", "branch", "create"}.
struct Found {
  const Command* command = nullptr;
  std::vector<std::string> path;
  std::size_t words = 0;  ///< how many of the given words that took
};
/// Follows words into the tree as far as they lead, past global options before a command's name.
Found find_command(const Command& root, const std::vector<std::string>& words);

struct Parsed {
  Found found;
  Globals globals;
  std::vector<std::string> passthrough;
};
/// Fills in the command's request. Errc::usage with what was probably meant. With --help nothing is
/// required and nothing is filled in.
Result<Parsed> parse(const Command& root, const std::vector<std::string>& words);

/// Whether --json is among the words (before `--`), for when they could not be parsed.
bool wants_json(const std::vector<std::string>& words);

}  // namespace velo::cli
