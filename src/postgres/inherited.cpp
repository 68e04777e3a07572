#include "postgres/inherited.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/text.h"
#include "postgres/conf_line.h"

namespace velo::postgres {
namespace {

struct Neutral {
  std::string_view name;
  std::string_view value;
  int since_major;
};

// What would act on the outside world, or wait for it, as if the clone were its parent. Custom
// names with a dot are known to every server, whether or not the extension is loaded.
constexpr std::array neutral_settings = {
    Neutral{"archive_command", "", 0},
    Neutral{"archive_library", "", 15},
    Neutral{"archive_cleanup_command", "", 0},
    Neutral{"restore_command", "", 0},
    Neutral{"recovery_end_command", "", 0},
    Neutral{"primary_conninfo", "", 0},
    Neutral{"primary_slot_name", "", 0},
    Neutral{"synchronous_standby_names", "", 0},
    Neutral{"synchronized_standby_slots", "", 17},
    // pg_cron knows the first since 1.5. Older ones are told to run jobs over connections, which
    // lead nowhere, and to keep no record of that.
    Neutral{"cron.launch_active_jobs", "off", 0},
    Neutral{"cron.use_background_workers", "off", 0},
    Neutral{"cron.host", "/dev/null", 0},
    Neutral{"cron.log_run", "off", 0},
};

// Dropped, not blanked: a server refuses to recover to one target when any other is assigned after
// it, even to '' (xlogrecovery.c, error_multiple_recovery_targets).
constexpr std::array<std::string_view, 9> recovery_settings = {
    "recovery_target",          "recovery_target_name",   "recovery_target_time",
    "recovery_target_xid",      "recovery_target_lsn",    "recovery_target_inclusive",
    "recovery_target_timeline", "recovery_target_action", "recovery_min_apply_delay",
};

constexpr int last_major_with_stats_directory = 14;
constexpr std::string_view default_log_directory = "log";
constexpr std::string_view default_stats_directory = "pg_stat_tmp";
constexpr std::string_view pid_file = "external_pid_file";

/// `value` under `to` when it is a path under `from`.
std::optional<std::string> moved(const std::string& value, const fs::path& from,
                                 const fs::path& to) {
  if (!value.starts_with('/')) return std::nullopt;
  const fs::path relative = fs::path(value).lexically_normal().lexically_relative(from);
  if (relative.empty() || *relative.begin() == "..") return std::nullopt;
  return (to / relative).lexically_normal().string();
}

/// A file's text with each line's value passed through: re-pointed, or made a comment.
std::string adapted_lines(std::string_view text, const Inheritance& inheritance) {
  const fs::path source = inheritance.source_root.lexically_normal();
  std::string out;
  for (const std::string_view line : lines_of(text)) {
    const auto parsed = parse_conf_line(line);
    if (parsed && parsed->name == pid_file) {
      out += fmt::format("# {} # Velo: the parent's\n", line);
    } else if (const auto path =
                   parsed ? moved(parsed->value, source, inheritance.root) : std::nullopt) {
      out += fmt::format("{} = {}\n", parsed->name, quote_value(*path));
    } else {
      out += fmt::format("{}\n", line);
    }
  }
  return out;
}

/// Rewrites one file that way; its text afterwards, empty when it is missing.
Result<std::string> adapt_file(const fs::path& path, const Inheritance& inheritance) {
  if (!path_exists(path)) return std::string{};
  const std::string text = TRY(read_file(path));
  std::string adapted = adapted_lines(text, inheritance);
  if (adapted != text) TRY(write_file(path, adapted, 0600));
  return adapted;
}

/// Whether settings may come from files that were not looked at.
bool includes_others(std::string_view text) {
  return std::ranges::any_of(lines_of(text), [](std::string_view line) {
    const auto parsed = parse_conf_line(line);
    return parsed && is_include(parsed->name) && parsed->value != velo_conf;
  });
}

/// The settings of postgresql.conf (without its includes), velo.conf and postgresql.auto.conf.
struct Layers {
  Settings main;
  Settings velo;
  Settings automatic;
  bool other_files = false;

  std::optional<std::string> effective(std::string_view name) const {
    for (const Settings* layer : {&automatic, &velo, &main}) {
      const auto found = layer->find(std::string(name));
      if (found != layer->end()) return found->second;
    }
    return std::nullopt;
  }
};

/// Whether the server would write to a directory that is not the clone's own.
bool leads_outside(const Layers& layers, std::string_view name, const fs::path& root) {
  const auto value = layers.effective(name);
  if (!value) return layers.other_files;
  return value->starts_with('/') && !moved(*value, root.lexically_normal(), root);
}

/// Whether the server would refuse to start without huge pages: the machine has reserved as many as
/// the parent needs, and no more. (The values of the enum, config_enum_entry huge_pages_options in
/// guc_tables.c.)
bool insists_on_huge_pages(const Layers& layers) {
  const auto value = layers.effective("huge_pages");
  if (!value) return layers.other_files;
  const std::string word = lower(*value);
  return word == "on" || word == "true" || word == "yes" || word == "1";
}

/// Whether the server would archive without Velo, by what postgresql.conf says. If not, nothing is
/// said of it: with Velo's archive_mode = on on its command line, each reload would log that the
/// file's cannot be applied.
bool archives_by_itself(const Layers& layers) {
  const auto value = layers.main.find("archive_mode");
  return value == layers.main.end() ? layers.other_files : lower(value->second) != "off";
}

Settings neutral_for(const Inheritance& inheritance, const Layers& layers) {
  Settings settings;
  for (const Neutral& neutral : neutral_settings) {
    if (inheritance.major >= neutral.since_major) settings.emplace(neutral.name, neutral.value);
  }
  if (leads_outside(layers, "log_directory", inheritance.root)) {
    settings.emplace("log_directory", default_log_directory);
  }
  if (inheritance.major <= last_major_with_stats_directory &&
      leads_outside(layers, "stats_temp_directory", inheritance.root)) {
    settings.emplace("stats_temp_directory", default_stats_directory);
  }
  if (archives_by_itself(layers)) settings.emplace("archive_mode", "off");
  if (insists_on_huge_pages(layers)) settings.emplace("huge_pages", "try");
  for (const auto& [name, value] : inheritance.defaults) {
    if (!layers.effective(name) && !layers.other_files) settings.emplace(name, value);
  }
  return settings;
}

}  // namespace

Result<void> adapt_inherited_settings(const Inheritance& inheritance) {
  const fs::path& pgdata = inheritance.pgdata;
  const std::string main_text = TRY(adapt_file(pgdata / "postgresql.conf", inheritance));
  const Layers layers{
      .main = parse_conf(main_text),
      .velo = parse_conf(TRY(adapt_file(pgdata / velo_conf, inheritance))),
      .automatic = parse_conf(TRY(adapt_file(pgdata / "postgresql.auto.conf", inheritance))),
      .other_files = includes_others(main_text)};

  Settings ours = neutral_for(inheritance, layers);
  for (const auto& [name, value] : inheritance.settings) ours[name] = value;

  std::vector<std::string> unwanted(recovery_settings.begin(), recovery_settings.end());
  unwanted.emplace_back("archive_mode");
  for (const auto& [name, value] : ours) unwanted.push_back(name);
  TRY(remove_from_auto_conf(pgdata, unwanted));

  Settings merged = layers.velo;
  for (const std::string& name : unwanted) merged.erase(name);
  merged.merge(ours);
  return write_velo_conf(pgdata, merged);
}

}  // namespace velo::postgres
