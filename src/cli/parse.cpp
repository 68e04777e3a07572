#include "cli/parse.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/text.h"

namespace velo::cli {
namespace {

using Words = std::vector<std::string>;

std::string said(const Found& found) {
  return fmt::format("{}", fmt::join(found.path, " "));
}

std::string help_hint(const Found& found) {
  return said(found) + " --help shows how it is used";
}

bool is_option(const std::string& word) {
  return word.size() > 1 && word.front() == '-';
}

std::unexpected<Error> no_such_command(const Found& found, const std::string& word) {
  Words names;
  for (const Command& child : found.command->children) {
    if (child.hidden) continue;
    names.push_back(child.name);
    names.insert(names.end(), child.aliases.begin(), child.aliases.end());
  }
  const std::string near = nearest(word, names);
  return fail_with_hint(Errc::usage, fmt::format("{} has no command '{}'", said(found), word),
                        near.empty() ? said(found) + " --help lists the commands"
                                     : fmt::format("did you mean {} {}?", said(found), near));
}

std::unexpected<Error> no_such_option(const Found& found, const std::vector<Option>& options,
                                      const std::string& word) {
  const std::string flag = word.substr(0, word.find('='));
  Words flags;
  for (const Option& option : options) {
    for (std::string& name : all_flags(option)) flags.push_back(std::move(name));
  }
  // A short flag is near to every other short one: only long ones are worth a guess.
  const std::string near = flag.starts_with("--") ? nearest(flag, flags) : "";
  if (near.empty() && !found.command->passthrough.empty()) {
    return fail_with_hint(Errc::usage, fmt::format("{} has no option {}", said(found), flag),
                          fmt::format("{} go behind --: {} … -- {} …", found.command->passthrough,
                                      said(found), flag));
  }
  return fail_with_hint(Errc::usage, fmt::format("{} has no option {}", said(found), flag),
                        near.empty() ? help_hint(found) : fmt::format("did you mean {}?", near));
}

std::unexpected<Error> no_command_given(const Found& found) {
  Words names;
  for (const Command& child : found.command->children) {
    if (!child.hidden) names.push_back(child.name);
  }
  return fail_with_hint(Errc::usage,
                        fmt::format("{} needs a command: {}", said(found), join_words(names)),
                        help_hint(found));
}

Result<void> take_arguments(const Found& found, const Words& given) {
  const Command& command = *found.command;
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (i >= command.arguments.size()) {
      return fail_with_hint(Errc::usage, fmt::format("{}: '{}' is too much", said(found), given[i]),
                            "usage: " + usage_of(command, found.path));
    }
    if (auto taken = command.arguments[i].assign(given[i]); !taken) return taken;
  }
  for (std::size_t i = given.size(); i < command.arguments.size(); ++i) {
    if (command.arguments[i].needed == Needed::optional) continue;
    return fail_with_hint(
        Errc::usage, fmt::format("{} needs {}", said(found), command.arguments[i].name),
        command.examples.empty() ? help_hint(found)
                                 : "for example: " + command.examples.front().command);
  }
  return {};
}

/// CLI11 reads the options of one command; everything else that it finds it leaves over. (Its own
/// subcommands are not used: it takes an argument that has a command's name, as a project may, for
/// that command. Nor are its conversions: our messages say what to type instead.)
class OptionReader {
 public:
  explicit OptionReader(const std::vector<Option>& options) : options_(options) {
    app_.allow_extras();
    app_.set_help_flag();
    for (const Option& option : options) {
      if (option.value.empty()) {
        read_.push_back(app_.add_flag(option.flags)->disable_flag_override());
      } else {
        read_.push_back(app_.add_option(option.flags)->expected(1)->allow_extra_args(false));
        read_.back()->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
      }
    }
  }

  /// Returns what was no option, in order.
  Result<Words> read(const Found& found, Words words) {
    try {
      std::ranges::reverse(words);  // CLI11 takes them from the back
      app_.parse(std::move(words));
    } catch (const CLI::ParseError& error) {
      return fail_with_hint(Errc::usage, in_our_words(error.what()), help_hint(found));
    }
    return app_.remaining();
  }

  Result<void> assign(const Found& found) const {
    for (std::size_t i = 0; i < options_.size(); ++i) {
      const Option& option = options_[i];
      const Words values =
          option.value.empty() ? Words(read_[i]->empty() ? 0 : 1) : read_[i]->results();
      if (values.size() > 1 && !option.repeatable) {
        return fail_with_hint(
            Errc::usage, fmt::format("{} was given {} times", long_flag(option), values.size()),
            help_hint(found));
      }
      for (const std::string& value : values) {
        // CLI11 takes whatever follows: `--parent --force` is a value forgotten, not one given.
        if (is_flag(value))
          return fail_with_hint(Errc::usage, needs_value(option), help_hint(found));
        if (auto taken = option.assign(value); !taken) return taken;
      }
    }
    return {};
  }

 private:
  static std::string needs_value(const Option& option) {
    return fmt::format("{0} needs a value: {0} {1}", long_flag(option), option.value);
  }
  bool is_flag(const std::string& word) const {
    return std::ranges::any_of(options_, [&](const Option& option) {
      const auto flags = all_flags(option);
      return std::ranges::find(flags, word) != flags.end();
    });
  }
  /// CLI11's messages begin with the option's name, some without its dashes.
  std::string in_our_words(const std::string& message) const {
    const std::string name = message.substr(0, message.find_first_of(": "));
    for (const Option& option : options_) {
      const std::string flag = long_flag(option);
      if (name != flag && "--" + name != flag) continue;
      return option.value.empty() ? flag + " takes no value" : needs_value(option);
    }
    return message;
  }

  const std::vector<Option>& options_;
  CLI::App app_;
  std::vector<CLI::Option*> read_;
};

}  // namespace

std::vector<Option> global_options(Globals& globals) {
  return {{.flags = "--json",
           .help = "Answer with one JSON document on standard output",
           .assign = into(globals.json)},
          {.flags = "-q,--quiet", .help = "No progress, no notices", .assign = into(globals.quiet)},
          {.flags = "-h,--help", .help = "Show how it is used", .assign = into(globals.help)}};
}

Found find_command(const Command& root, const std::vector<std::string>& words) {
  Found found{.command = &root, .path = {root.name}};
  for (std::size_t i = 0; i < words.size() && !found.command->children.empty(); ++i) {
    if (is_option(words[i])) continue;
    const Command* child = found.command->child(words[i]);
    if (child == nullptr) break;
    found.command = child;
    found.path.push_back(child->name);
    found.words = i + 1;
  }
  return found;
}

Result<Parsed> parse(const Command& root, const std::vector<std::string>& words) {
  Parsed parsed;
  const auto end = std::ranges::find(words, "--");
  Words before(words.begin(), end);
  if (end != words.end()) parsed.passthrough.assign(end + 1, words.end());

  // `velo help branch create` is `velo branch create --help`.
  if (!before.empty() && before.front() == "help") {
    before.erase(before.begin());
    parsed.globals.help = true;
  }
  parsed.found = find_command(root, before);
  const Found& found = parsed.found;
  const Command& command = *found.command;

  // The words of the path go; options that stood between them stay.
  Words rest;
  std::size_t steps = found.path.size() - 1;
  for (const std::string& word : before) {
    if (steps > 0 && !is_option(word)) {
      --steps;
    } else {
      rest.push_back(word);
    }
  }

  std::vector<Option> options = command.options;
  for (Option& option : global_options(parsed.globals)) options.push_back(std::move(option));
  if (&command == &root) {
    options.push_back(
        {.flags = "--version", .help = "Show the version", .assign = into(parsed.globals.version)});
  }

  OptionReader reader(options);
  Words given = TRY(reader.read(found, std::move(rest)));
  for (const std::string& word : given) {
    if (!command.children.empty() && !is_option(word)) return no_such_command(found, word);
    if (is_option(word)) return no_such_option(found, options, word);
  }
  if (auto assigned = reader.assign(found); !assigned && !parsed.globals.help) {
    return std::unexpected(std::move(assigned).error());
  }
  if (parsed.globals.help || parsed.globals.version) return parsed;
  if (!command.run && found.path.size() > 1) return no_command_given(found);

  if (command.passthrough.empty()) {
    given.insert(given.end(), parsed.passthrough.begin(), parsed.passthrough.end());
    parsed.passthrough.clear();
  }
  if (auto taken = take_arguments(found, given); !taken) {
    return std::unexpected(std::move(taken).error());
  }
  return parsed;
}

bool wants_json(const std::vector<std::string>& words) {
  const auto end = std::ranges::find(words, "--");
  return std::find(words.begin(), end, "--json") != end;
}

}  // namespace velo::cli
