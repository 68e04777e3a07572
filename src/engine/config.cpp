#include "engine/config.h"

#include <array>
#include <functional>

#include "base/fault.h"
#include "base/text.h"
#include "base/time.h"
#include "catalog/catalog.h"
#include "engine/kept.h"
#include "engine/operation.h"
#include "runtime/registry.h"
#include "storage/registry.h"

namespace velo::engine {
namespace {

Result<void> check_grace(const std::string& value) {
  TRY(parse_duration(value));
  return {};
}

Result<void> check_retention(const std::string& value) {
  if (value == "off") return {};
  if (parse_duration(value)) return {};
  return fail_with_hint(Errc::usage, fmt::format("'{}' is not a length of time", value),
                        "write a number and a unit: 36h, 7d, 30d; or off for no limit");
}

Result<void> check_guard(const std::string& value) {
  const bool digits = !value.empty() && value.size() <= 2 &&
                      value.find_first_not_of("0123456789") == std::string::npos;
  if (digits && std::stoi(value) <= 50) return {};
  return fail_with_hint(Errc::usage, fmt::format("'{}' is not a share of a pool", value),
                        "write a whole number of percent from 0 to 50");
}

Result<void> check_pool(const std::string& value) {
  if (value.starts_with('/')) return {};
  const auto named = storage::choose_driver(value);
  if (named) return {};
  return fail_with_hint(Errc::usage,
                        fmt::format("'{}' is not an absolute path, nor a pool's name: {}", value,
                                    named.error().message),
                        "name a directory, for example /mnt/btrfs");
}

Result<void> check_switch(const std::string& value) {
  if (value == "on" || value == "off") return {};
  return fail_with_hint(Errc::usage, fmt::format("'{}' is neither on nor off", value),
                        "write on or off");
}

Result<void> check_runtime(const std::string& value) {
  if (value == "auto") return {};
  TRY(runtime::open_runtime(value));
  return {};
}

struct Key {
  std::string_view name;
  std::string_view default_value;
  std::string_view description;
  Result<void> (*check)(const std::string& value);
};

constexpr std::array keys{
    Key{"grace", "24h", "how long what delete and reset take away is kept (0: not at all)",
        &check_grace},
    Key{"retention", "7d", "how far back moments are kept without a schedule (off: no limit)",
        &check_retention},
    Key{"guard", "5", "percent of a pool that creates leave free (0: they may fill it)",
        &check_guard},
    Key{"runtime", "auto", "what new projects run as, unless --runtime says", &check_runtime},
    Key{"pool", "", "where new projects' volumes live, unless --pool says", &check_pool},
    Key{"archive", "on", "whether servers keep their WAL, from their next start on (on, off)",
        &check_switch},
};

Result<const Key*> find_key(const std::string& name) {
  std::vector<std::string> names;
  for (const Key& key : keys) {
    if (key.name == name) return &key;
    names.emplace_back(key.name);
  }
  const std::string near = nearest(name, names);
  return fail_with_hint(Errc::not_found, fmt::format("there is no setting '{}'", name),
                        near.empty() ? "the settings are: " + join_words(names)
                                     : fmt::format("did you mean {}?", near));
}

Result<ConfigEntry> entry_of(Engine& engine, const Key& key) {
  const auto value = TRY(engine.catalog().setting(std::string(key.name)));
  return ConfigEntry{.key = std::string(key.name),
                     .value = value.value_or(std::string(key.default_value)),
                     .default_value = std::string(key.default_value),
                     .is_set = value.has_value(),
                     .description = std::string(key.description)};
}

/// Changes a key and what follows from it at once: what is kept longer than a shorter grace period
/// allows goes.
Result<ConfigEntry> change_config(Engine& engine, const Key& key,
                                  const std::function<Result<void>()>& change) {
  TRY(fault_point(Fault::config_change));
  TRY(engine.catalog().change([&]() -> Result<void> {
    TRY(change());
    if (key.name != "grace") return {};
    return shorten_kept(engine, TRY(grace_period(engine)));
  }));
  TRY(fault_point(Fault::config_changed));
  if (key.name == "grace") TRY(mend(engine));
  return entry_of(engine, key);
}

}  // namespace

Result<std::vector<ConfigEntry>> list_config(Engine& engine) {
  std::vector<ConfigEntry> entries;
  for (const Key& key : keys) entries.push_back(TRY(entry_of(engine, key)));
  return entries;
}

Result<ConfigEntry> get_config(Engine& engine, const std::string& key) {
  return entry_of(engine, *TRY(find_key(key)));
}

Result<ConfigEntry> set_config(Engine& engine, const std::string& key, const std::string& value) {
  const Key& known = *TRY(find_key(key));
  std::string plain = value;
  if (known.name == "guard" && plain.ends_with('%'))
    plain = trim(plain.substr(0, plain.size() - 1));
  TRY(known.check(plain));
  if (known.name == "retention" && plain != "off" && TRY(parse_duration(plain)).count() == 0) {
    plain = "off";
  }
  ConfigEntry entry =
      TRY(change_config(engine, known, [&] { return engine.catalog().set_setting(key, plain); }));
  if (known.name == "guard" && std::stoi(plain) == 0) {
    engine.observer().notice("creates may now fill a pool, and servers on a full one stop");
  }
  return entry;
}

Result<ConfigEntry> unset_config(Engine& engine, const std::string& key) {
  const Key& known = *TRY(find_key(key));
  return change_config(engine, known, [&] { return engine.catalog().unset_setting(key); });
}

}  // namespace velo::engine
