// `velo config`: the settings of this VELO_HOME.
#include "engine/config.h"

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/json_views.h"
#include "cli/names.h"
#include "cli/table.h"

namespace velo::cli {
namespace {

Argument key_argument(std::string& target) {
  return {.name = "KEY",
          .help = "archive, grace, guard, pool, retention or runtime",
          .assign = into(target),
          .complete = complete_config_keys()};
}

/// `get` prints the bare value, for scripts; the others say what holds now.
void answer_entry(Context& context, const engine::ConfigEntry& entry) {
  context.answer([&] { return json::config(entry); },
                 [&](const Look&) {
                   return fmt::format("{} = {}{}\n", entry.key, entry.value,
                                      entry.is_set ? "" : " (default)");
                 });
}

Command set() {
  struct Request {
    std::string key;
    std::string value;
  };
  auto request = std::make_shared<Request>();
  return {.name = "set",
          .summary = "Set a key",
          .details =
              "A shorter grace period also holds for what is kept already: what is older than "
              "that is deleted at once.",
          .arguments = {key_argument(request->key),
                        {.name = "VALUE", .help = "Its new value", .assign = into(request->value)}},
          .examples = {{"velo config set grace 7d", "keep what is deleted for a week"},
                       {"velo config set grace 0", "keep nothing"},
                       {"velo config set retention 30d", "keep a month of moments"}},
          .run = [request](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.open_engine());
            answer_entry(context, TRY(engine::set_config(engine, request->key, request->value)));
            return 0;
          }};
}

Command get() {
  auto key = std::make_shared<std::string>();
  return {.name = "get",
          .summary = "Print a key's value",
          .arguments = {key_argument(*key)},
          .examples = {{"velo config get grace", ""}},
          .run = [key](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.read_engine());
            const auto entry = TRY(engine::get_config(engine, *key));
            context.answer([&] { return json::config(entry); },
                           [&](const Look&) { return entry.value + "\n"; });
            return 0;
          }};
}

Command unset() {
  auto key = std::make_shared<std::string>();
  return {.name = "unset",
          .summary = "Go back to a key's default",
          .arguments = {key_argument(*key)},
          .examples = {{"velo config unset grace", ""}},
          .run = [key](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.open_engine());
            answer_entry(context, TRY(engine::unset_config(engine, *key)));
            return 0;
          }};
}

Command list() {
  return {.name = "list",
          .aliases = {"ls"},
          .summary = "List all keys, set or not",
          .examples = {{"velo config list", ""}},
          .run = [](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.read_engine());
            const auto entries = TRY(engine::list_config(engine));
            context.answer(
                [&] { return json::config_list(entries); },
                [&](const Look& look) {
                  Table table({{.title = "Key"},
                               {.title = "Value"},
                               {.title = "Default", .expendable = 1},
                               {.title = "What it is", .expendable = 2}});
                  for (const engine::ConfigEntry& entry : entries) {
                    table.add({{entry.key},
                               {entry.value, entry.is_set ? Colour::bold : Colour::plain},
                               {entry.default_value, Colour::dim},
                               {entry.description}});
                  }
                  return table.render(look);
                });
            return 0;
          }};
}

}  // namespace

Command config_command() {
  return {.name = "config",
          .group = "This machine",
          .summary = "Settings: how long things are kept, how full a pool may be",
          .examples = {{"velo config list", "what there is to set"},
                       {"velo config set grace 7d", "keep what is deleted for a week"}},
          .children = {set(), get(), unset(), list()}};
}

}  // namespace velo::cli
