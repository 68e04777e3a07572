#include "cli/help.h"

#include <algorithm>

#include "base/text.h"

namespace velo::cli {
namespace {

constexpr std::size_t text_width = 80;

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string heading(std::string_view text, const Look& look) {
  return paint(text, Colour::bold, look) + "\n";
}

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  std::string line;
  for (const std::string_view word : split(text, ' ')) {
    if (!line.empty() && width_of(line) + 1 + width_of(word) > width) {
      lines.push_back(std::exchange(line, ""));
    }
    if (!line.empty()) line += ' ';
    line += word;
  }
  lines.push_back(std::move(line));
  return lines;
}

/// Two columns; the right one wraps below itself.
std::string columns(const Pairs& pairs, std::size_t left, const Look& look) {
  const std::size_t width = look.width > 0 ? static_cast<std::size_t>(look.width) : text_width + 12;
  std::string text;
  for (const auto& [term, meaning] : pairs) {
    std::string line = "  " + paint(term, Colour::cyan, look);
    const std::size_t used = width_of(term) + 2;
    const bool below = used + 2 > left;
    if (!below) line += std::string(left - used, ' ');
    if (below) line += "\n" + std::string(left, ' ');
    const auto lines = wrap(meaning, width > left + 30 ? width - left : 60);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (i > 0) line += "\n" + std::string(left, ' ');
      line += lines[i];
    }
    text += line + "\n";
  }
  return text;
}

std::size_t left_width(const Pairs& pairs) {
  std::size_t width = 0;
  for (const auto& [term, meaning] : pairs) width = std::max(width, width_of(term));
  return std::min<std::size_t>(width + 4, 34);
}

std::string section(std::string_view title, const Pairs& pairs, const Look& look) {
  if (pairs.empty()) return "";
  return "\n" + heading(title, look) + columns(pairs, left_width(pairs), look);
}

std::string examples_of(const Command& command, const Look& look) {
  if (command.examples.empty()) return "";
  std::size_t width = 0;
  for (const Example& example : command.examples) {
    width = std::max(width, width_of(example.command));
  }
  std::string text = "\n" + heading("Examples", look);
  for (const Example& example : command.examples) {
    text += "  " + (example.comment.empty() ? example.command
                                            : pad_right(example.command, width + 2) +
                                                  paint("# " + example.comment, Colour::dim, look));
    text += "\n";
  }
  return text;
}

Pairs listed(const std::vector<Command>& commands) {
  Pairs pairs;
  for (const Command& command : commands) {
    if (command.hidden) continue;
    std::string names = command.name;
    for (const std::string& alias : command.aliases) names += ", " + alias;
    pairs.emplace_back(names, command.summary);
  }
  return pairs;
}

Pairs listed(const std::vector<Option>& options) {
  Pairs pairs;
  for (const Option& option : options) pairs.emplace_back(shown_flags(option), option.help);
  return pairs;
}

}  // namespace

std::string shown_flags(const Option& option) {
  const auto flags = all_flags(option);
  std::string text = flags.front().starts_with("--") ? "    " : "";
  text += fmt::format("{}", fmt::join(flags, ", "));
  if (!option.value.empty()) text += " " + option.value;
  return text;
}

std::string render_overview(const Command& root, const Look& look) {
  std::string text = heading("Velo: PostgreSQL with instant branching", look);
  text += "\nUsage: velo COMMAND [options]\n";

  std::vector<std::string> groups;
  std::size_t left = 0;
  for (const Command& command : root.children) {
    if (command.hidden) continue;
    if (std::ranges::find(groups, command.group) == groups.end()) groups.push_back(command.group);
  }
  left = left_width(listed(root.children));
  for (const std::string& group : groups) {
    std::vector<Command> members;
    std::ranges::copy_if(root.children, std::back_inserter(members),
                         [&](const Command& command) { return command.group == group; });
    text += "\n" + heading(group, look) + columns(listed(members), left, look);
  }

  text += examples_of(root, look);
  Globals unused;
  text += section("Options of every command", listed(global_options(unused)), look);
  text += "\nvelo COMMAND --help says more, with examples.\n";
  return text;
}

std::string render_help(const Found& found, const Look& look) {
  const Command& command = *found.command;
  std::string text = command.summary + "\n";
  text += fmt::format("\nUsage: {}\n", usage_of(command, found.path));
  if (!command.aliases.empty()) {
    text += fmt::format("Also:  {}\n", fmt::join(command.aliases, ", "));
  }
  for (const std::string_view paragraph : lines_of(command.details)) {
    text += "\n";
    for (const std::string& line : wrap(paragraph, text_width)) text += line + "\n";
  }
  text += section("Commands", listed(command.children), look);
  Pairs arguments;
  for (const Argument& argument : command.arguments) {
    arguments.emplace_back(argument.name, argument.help);
  }
  text += section("Arguments", arguments, look);
  text += section("Options", listed(command.options), look);
  text += examples_of(command, look);
  Globals unused;
  text += section("Options of every command", listed(global_options(unused)), look);
  return text;
}

}  // namespace velo::cli
