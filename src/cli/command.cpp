#include "cli/command.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "postgres/settings.h"

namespace velo::cli {

const Command* Command::child(std::string_view word) const {
  for (const Command& command : children) {
    if (command.name == word || std::ranges::find(command.aliases, word) != command.aliases.end()) {
      return &command;
    }
  }
  return nullptr;
}

std::vector<std::string> all_flags(const Option& option) {
  std::vector<std::string> flags;
  for (const std::string_view flag : split(option.flags, ',')) flags.emplace_back(flag);
  return flags;
}

std::string long_flag(const Option& option) {
  const auto flags = all_flags(option);
  const auto found = std::ranges::find_if(flags, [](const auto& f) { return f.starts_with("--"); });
  return found == flags.end() ? flags.front() : *found;
}

std::string usage_of(const Command& command, const std::vector<std::string>& path) {
  std::string usage = fmt::format("{}", fmt::join(path, " "));
  if (!command.children.empty() && !command.run) usage += " COMMAND";
  for (const Argument& argument : command.arguments) {
    usage += fmt::format(fmt::runtime(argument.needed == Needed::required ? " {}" : " [{}]"),
                         argument.name);
  }
  if (!command.options.empty()) usage += " [options]";
  if (!command.passthrough.empty()) usage += fmt::format(" [-- {}]", command.passthrough);
  return usage;
}

Assign into(std::string& target) {
  return [&target](const std::string& word) -> Result<void> {
    target = word;
    return {};
  };
}

Assign into(bool& target) {
  return [&target](const std::string&) -> Result<void> {
    target = true;
    return {};
  };
}

Assign into(int& target, const std::string& what, int lowest, int highest) {
  return [&target, what, lowest, highest](const std::string& word) -> Result<void> {
    int number = 0;
    const auto [end, status] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (status != std::errc{} || end != word.data() + word.size() || number < lowest ||
        number > highest) {
      return fail(Errc::usage, "{} takes a number from {} to {}, not '{}'", what, lowest, highest,
                  word);
    }
    target = number;
    return {};
  };
}

Assign into(std::map<std::string, std::string>& settings) {
  return [&settings](const std::string& word) -> Result<void> {
    auto [name, value] = TRY(postgres::parse_setting(word));
    settings[std::move(name)] = std::move(value);
    return {};
  };
}

Assign into(std::string& target, const std::string& what, std::vector<std::string> words) {
  return [&target, what, words = std::move(words)](const std::string& word) -> Result<void> {
    if (std::ranges::find(words, word) == words.end()) {
      const std::string near = nearest(word, words);
      return fail_with_hint(
          Errc::usage,
          fmt::format("{} takes one of {}, not '{}'", what, fmt::join(words, ", "), word),
          near.empty() ? "" : fmt::format("did you mean {}?", near));
    }
    target = word;
    return {};
  };
}

Option force_option(bool& target, std::string help) {
  return {.flags = "-f,--force", .help = std::move(help), .assign = into(target)};
}

Option now_option(bool& target) {
  return {.flags = "--now",
          .help = "Keep nothing: its space is free at once, and there is no way back",
          .assign = into(target)};
}

Option setting_option(std::map<std::string, std::string>& settings) {
  return {.flags = "--pg-conf",
          .value = "K=V",
          .help = "A PostgreSQL setting of this branch; may be given several times",
          .assign = into(settings),
          .repeatable = true};
}

Option port_option(int& target) {
  return {.flags = "--port",
          .value = "N",
          .help = "Listen on this port (default: the next free one)",
          .assign = into(target, "--port", 1, 65535)};
}

Option bind_option(std::string& target) {
  return {.flags = "--bind",
          .value = "ADDRESS",
          .help = "Listen on this address, 0.0.0.0 for all (default: 127.0.0.1)",
          .assign = into(target)};
}

}  // namespace velo::cli
