// What a command is: its words, its options, its help and what it does, declared in one place. The
// parser, the help pages, the completion and docs/commands.md all read this declaration.
//
// A command's file keeps its request in a shared_ptr: the options write into it, `run` reads it and
// keeps it alive.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace velo::cli {

class Context;
class Names;

/// The words that can stand somewhere, for the shell's completion.
using Completer = std::function<std::vector<std::string>(Names&)>;
/// Takes one word into the request; Errc::usage when it cannot be meant.
using Assign = std::function<Result<void>(const std::string&)>;

struct Option {
  std::string flags;  ///< "-f,--force"
  std::string value;  ///< "N"; empty for a flag
  std::string help;
  Assign assign;  ///< a flag's is given ""
  Completer complete = nullptr;
  bool repeatable = false;
};

enum class Needed { required, optional };

struct Argument {
  std::string name;  ///< "PROJECT/BRANCH"
  std::string help;
  Assign assign;
  Completer complete = nullptr;
  Needed needed = Needed::required;
  /// Behind an option with which more can be meant, that too.
  struct More {
    std::string flags;  ///< as the option has them: "--now"
    Completer complete;
  };
  std::optional<More> more = std::nullopt;
};

struct Example {
  std::string command;
  std::string comment;
};

struct Command {
  std::string name;
  std::vector<std::string> aliases;
  std::string group;    ///< its heading in the overview; top-level commands only
  std::string summary;  ///< one line, no full stop
  std::string details;  ///< paragraphs below it on its own help page; may be empty
  std::vector<Argument> arguments;
  std::vector<Option> options;
  std::vector<Example> examples;
  std::string passthrough;  ///< "psql arguments": what the words after `--` are; empty: not taken
  bool hidden = false;      ///< in no list, help page or completion
  std::vector<Command> children;
  std::function<Result<int>(Context&)> run;  ///< returns the exit code

  const Command* child(std::string_view word) const;
};

/// The long name ("--force") of "-f,--force".
std::string long_flag(const Option& option);
std::vector<std::string> all_flags(const Option& option);
/// "velo branch create PROJECT/NAME [options]", with the words that lead to the command.
std::string usage_of(const Command& command, const std::vector<std::string>& path);

// What requests are made of. The target must outlive the command (see above).
Assign into(std::string& target);
Assign into(bool& target);
/// `lowest` to `highest`; `what` begins the message: "--port".
Assign into(int& target, const std::string& what, int lowest, int highest);
/// k=v into a map, by postgres::parse_setting.
Assign into(std::map<std::string, std::string>& settings);
/// One of these words.
Assign into(std::string& target, const std::string& what, std::vector<std::string> words);

/// Options that several commands share.
Option force_option(bool& target, std::string help);
/// Of what deletes: without a grace period.
Option now_option(bool& target);
Option setting_option(std::map<std::string, std::string>& settings);
Option port_option(int& target);
Option bind_option(std::string& target);

}  // namespace velo::cli
