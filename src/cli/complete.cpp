#include "cli/complete.h"

#include <algorithm>
#include <set>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/json_views.h"
#include "cli/parse.h"
#include "engine/branches.h"
#include "engine/config.h"
#include "engine/snapshots.h"
#include "engine/status.h"

namespace velo::cli {
namespace {

using Words = std::vector<std::string>;

void offer(std::vector<Candidate>& candidates, const std::string& prefix, std::string word,
           std::string description) {
  if (word.starts_with(prefix)) candidates.push_back({std::move(word), std::move(description)});
}

const Option* option_named(const std::vector<Option>& options, const std::string& flag) {
  for (const Option& option : options) {
    const auto flags = all_flags(option);
    if (std::ranges::find(flags, flag) != flags.end()) return &option;
  }
  return nullptr;
}

std::vector<Candidate> values_of(const Completer& completer, const std::string& prefix,
                                 const std::string& lead, Names& names) {
  std::vector<Candidate> candidates;
  if (!completer) return candidates;
  for (const std::string& word : completer(names)) {
    if (word.starts_with(prefix)) candidates.push_back({lead + word, ""});
  }
  return candidates;
}

/// What of the words before the cursor counts: how many arguments there are, which option awaits
/// its value, which flags were given.
struct Before {
  std::size_t arguments = 0;
  const Option* awaits_value = nullptr;
  std::set<std::string> given;
};

Before look_at(const Words& words, const std::vector<Option>& options) {
  Before before;
  for (const std::string& word : words) {
    if (std::exchange(before.awaits_value, nullptr) != nullptr) continue;
    if (word.size() < 2 || word.front() != '-') {
      ++before.arguments;
      continue;
    }
    const Option* option = option_named(options, word.substr(0, word.find('=')));
    if (option == nullptr) continue;
    before.given.insert(option->flags);
    if (!option->value.empty() && word.find('=') == std::string::npos) before.awaits_value = option;
  }
  return before;
}

/// What a completion cannot read completes to nothing.
template <class T>
T or_none(Result<T> result) {
  return result ? std::move(*result) : T{};
}

/// Names out of the catalog. Opened at the first question: most completions ask none.
class CatalogNames final : public Names {
 public:
  explicit CatalogNames(Context& context) : context_(context) {}

  std::vector<std::string> projects() override {
    Words names;
    if (auto* engine = opened()) {
      for (const auto& project : or_none(engine::list_projects(*engine))) {
        names.push_back(project.name);
      }
    }
    return names;
  }
  std::vector<std::string> branches() override {
    Words names;
    if (auto* engine = opened()) {
      for (const auto& branch : or_none(engine::list_branches(*engine, ""))) {
        names.push_back(branch.full_name);
      }
    }
    return names;
  }
  std::vector<std::string> kept_branches() override {
    return kept_roots([](const std::string& root) { return root.contains('/'); });
  }
  std::vector<std::string> kept_projects() override {
    return kept_roots([](const std::string& root) { return !root.contains('/'); });
  }
  std::vector<std::string> snapshots() override {
    Words names;
    if (auto* engine = opened()) {
      for (const auto& snapshot : or_none(engine::list_snapshots(*engine, ""))) {
        names.push_back(snapshot.label.empty() ? snapshot.short_id
                                               : snapshot.branch + "@" + snapshot.label);
      }
    }
    return names;
  }
  std::vector<std::string> config_keys() override {
    Words names;
    if (auto* engine = opened()) {
      for (const auto& entry : or_none(engine::list_config(*engine))) {
        names.push_back(entry.key);
      }
    }
    return names;
  }

 private:
  /// What undelete takes.
  Words kept_roots(bool (*wanted)(const std::string&)) {
    std::set<std::string> names;
    if (auto* engine = opened()) {
      for (const auto& kept : or_none(engine::status(*engine)).kept) {
        if (wanted(kept.comes_back_with)) names.insert(kept.comes_back_with);
      }
    }
    return {names.begin(), names.end()};
  }
  engine::Engine* opened() {
    if (!engine_) {
      if (auto engine = context_.read_engine()) engine_.emplace(std::move(*engine));
    }
    return engine_ ? &*engine_ : nullptr;
  }

  Context& context_;
  std::optional<engine::Engine> engine_;
};

}  // namespace

std::vector<Candidate> complete(const Command& root, std::vector<std::string> words, Names& names) {
  if (words.empty()) words.emplace_back();
  std::string current = std::move(words.back());
  words.pop_back();
  if (std::ranges::find(words, "--") != words.end()) return {};

  // bash splits --storage=b into three words, and replaces only what follows the "=".
  const bool only_value = current == "=" || (!words.empty() && words.back() == "=");
  if (current == "=") {
    current.clear();
  } else if (only_value) {
    words.pop_back();
  }

  const Found found = find_command(root, words);
  const Command& command = *found.command;
  Globals unused;
  std::vector<Option> options = command.options;
  for (Option& option : global_options(unused)) options.push_back(std::move(option));
  const Before before = look_at(
      Words(words.begin() + static_cast<std::ptrdiff_t>(found.words), words.end()), options);

  if (before.awaits_value != nullptr) {
    return values_of(before.awaits_value->complete, current, "", names);
  }
  if (only_value) return {};

  std::vector<Candidate> candidates;
  if (current.starts_with('-')) {
    const std::size_t equals = current.find('=');
    if (equals != std::string::npos) {
      const Option* option = option_named(options, current.substr(0, equals));
      if (option == nullptr) return {};
      return values_of(option->complete, current.substr(equals + 1), current.substr(0, equals + 1),
                       names);
    }
    for (const Option& option : options) {
      if (before.given.contains(option.flags) && !option.repeatable) continue;
      offer(candidates, current, long_flag(option), option.help);
    }
    return candidates;
  }
  for (const Command& child : command.children) {
    if (!child.hidden) offer(candidates, current, child.name, child.summary);
  }
  if (before.arguments < command.arguments.size()) {
    const Argument& argument = command.arguments[before.arguments];
    candidates = values_of(argument.complete, current, "", names);
    if (argument.more && before.given.contains(argument.more->flags)) {
      for (Candidate& candidate : values_of(argument.more->complete, current, "", names)) {
        candidates.push_back(std::move(candidate));
      }
    }
  }
  return candidates;
}

Command complete_command() {
  return {
      .name = "__complete",
      .summary = "Print the words that can stand next, a line each: word, tab, description",
      .passthrough = "words",
      .hidden = true,
      .run = [](Context& context) -> Result<int> {
        CatalogNames names(context);
        context.output().quiet = true;
        std::string text;
        for (const Candidate& candidate : complete(context.root(), context.passthrough(), names)) {
          text += candidate.description.empty()
                      ? candidate.word + "\n"
                      : fmt::format("{}\t{}\n", candidate.word, candidate.description);
        }
        context.answer([&] { return json::texts({{"words", text}}); },
                       [&](const Look&) { return text; });
        return 0;
      }};
}

}  // namespace velo::cli
