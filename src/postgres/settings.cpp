#include "postgres/settings.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "base/files.h"
#include "base/text.h"
#include "postgres/conf_line.h"

namespace velo::postgres {
namespace {

struct Owned {
  std::string_view name;   ///< a whole name, or the beginning of several when it ends in '*'
  std::string_view value;  ///< only this value is refused; empty: any
  std::string_view why;
  std::string_view hint;
};

constexpr std::string_view own_port = "give the branch another with --port";
constexpr std::string_view own_address = "choose the address with --bind";
constexpr std::string_view own_archive =
    "leave it out: Velo archives each branch's WAL (velo config get archive)";
constexpr std::string_view own_restore = "leave it out: a branch follows no other server";
constexpr std::string_view own_log = "read the log with velo logs";
constexpr std::string_view own_tls = "Velo makes each project's certificate itself";
constexpr std::string_view own_files = "leave it out: each branch has files of its own";

constexpr std::array owned_settings = {
    Owned{"port", "", "Velo gives each branch its port", own_port},
    Owned{"listen_addresses", "", "Velo chooses the address", own_address},
    Owned{"unix_socket_*", "", "Velo keeps the sockets in a directory of its own", own_address},
    Owned{"data_directory", "", "it would point the server at another cluster", own_files},
    Owned{"config_file", "", "it would point the server at another cluster's settings", own_files},
    Owned{"hba_file", "", "Velo's way in is a line of pg_hba.conf",
          "edit pg_hba.conf in the branch's data directory instead"},
    Owned{"ident_file", "", "it would be shared with other branches", own_files},
    Owned{"external_pid_file", "", "it would be shared with other branches", own_files},
    Owned{"include", "", "it is a directive, not a setting", "give the settings one by one"},
    Owned{"include_*", "", "it is a directive, not a setting", "give the settings one by one"},
    Owned{"ssl", "", "Velo turns TLS on", own_tls},
    Owned{"ssl_*", "", "Velo sets up TLS", own_tls},
    Owned{"archive_*", "", "archiving is Velo's", own_archive},
    Owned{"wal_level", "minimal", "the WAL archive needs replica or logical",
          "leave it out (replica is the default), or take logical"},
    Owned{"restore_command", "", "Velo sets up recovery", own_restore},
    Owned{"recovery_*", "", "Velo sets up recovery", own_restore},
    Owned{"primary_conninfo", "", "Velo sets up recovery", own_restore},
    Owned{"primary_slot_name", "", "Velo sets up recovery", own_restore},
    Owned{"promote_trigger_file", "", "Velo sets up recovery", own_restore},
    Owned{"logging_collector", "", "Velo keeps the log", own_log},
    Owned{"log_destination", "", "Velo keeps the log", own_log},
    Owned{"log_directory", "", "Velo keeps the log", own_log},
    Owned{"log_filename", "", "Velo keeps the log", own_log},
};

bool covers(const Owned& owned, std::string_view name, std::string_view value) {
  const bool named = owned.name.ends_with('*')
                         ? name.starts_with(owned.name.substr(0, owned.name.size() - 1))
                         : name == owned.name;
  return named && (owned.value.empty() || lower(value) == owned.value);
}

std::string line_of(std::string_view name, std::string_view value) {
  return fmt::format("{} = {}\n", name, quote_value(value));
}

constexpr std::string_view include_note = "# Velo's settings; keep this line the last one.";

bool is_our_include(std::string_view line) {
  const auto parsed = parse_conf_line(line);
  return parsed && is_include(parsed->name) && parsed->value == velo_conf;
}

/// postgresql.conf with the include of velo.conf as its last line that means anything: a setting
/// behind it would win over velo.conf.
std::string with_include_last(const std::string& text) {
  const auto lines = lines_of(text);
  const auto last = std::ranges::find_if(lines.rbegin(), lines.rend(), [](std::string_view line) {
    return parse_conf_line(line).has_value();
  });
  if (last != lines.rend() && is_our_include(*last)) return text;

  std::string out;
  for (const std::string_view line : lines) {
    if (is_our_include(line) || line == include_note) continue;
    out += fmt::format("{}\n", line);
  }
  return out + fmt::format("{}\ninclude_if_exists = '{}'\n", include_note, velo_conf);
}

}  // namespace

Settings wal_settings_where_writes_take_new_blocks() {
  return {{"wal_init_zero", "off"}, {"wal_recycle", "off"}};
}

std::string quote_value(std::string_view value) {
  std::string quoted = "'";
  for (const char c : value) {
    switch (c) {
      case '\'':
        quoted += "''";
        break;
      case '\\':
        quoted += "\\\\";
        break;
      case '\n':
        quoted += "\\n";
        break;
      case '\r':
        quoted += "\\r";
        break;
      default:
        quoted += c;
    }
  }
  return quoted + "'";
}

Result<std::pair<std::string, std::string>> parse_setting(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::string name = lower(trim(text.substr(0, equals)));
  if (equals == std::string_view::npos || !is_setting_name(name)) {
    return fail_with_hint(Errc::usage, fmt::format("\"{}\" is not a setting", text),
                          "write it as name=value, for example work_mem=64MB");
  }
  const std::string value(trim(text.substr(equals + 1)));
  for (const Owned& owned : owned_settings) {
    if (!covers(owned, name, value)) continue;
    const std::string what = owned.value.empty() ? name : fmt::format("{}={}", name, value);
    return fail_with_hint(Errc::usage, fmt::format("{} cannot be set: {}", what, owned.why),
                          std::string(owned.hint));
  }
  return std::pair{name, value};
}

Settings parse_conf(std::string_view text) {
  Settings settings;
  for (const std::string_view line : lines_of(text)) {
    if (auto parsed = parse_conf_line(line); parsed && !is_include(parsed->name)) {
      settings[parsed->name] = std::move(parsed->value);
    }
  }
  return settings;
}

Result<void> write_velo_conf(const fs::path& pgdata, const Settings& settings) {
  std::string text =
      "# Written by Velo: what --pg-conf gave, and what keeps a branch from acting as its parent.\n"
      "# Changes here are lost; ALTER SYSTEM wins over this file.\n";
  for (const auto& [name, value] : settings) text += line_of(name, value);
  TRY(write_file(pgdata / velo_conf, text, 0600));

  const fs::path main_file = pgdata / "postgresql.conf";
  std::string main_text;
  if (path_exists(main_file)) main_text = TRY(read_file(main_file));
  const std::string wanted = with_include_last(main_text);
  if (wanted == main_text) return {};
  return write_file(main_file, wanted, 0600);
}

Result<void> remove_from_auto_conf(const fs::path& pgdata, const std::vector<std::string>& names) {
  const fs::path path = pgdata / "postgresql.auto.conf";
  if (!path_exists(path)) return {};
  std::set<std::string> unwanted;
  for (const std::string& name : names) unwanted.insert(lower(name));

  const std::string text = TRY(read_file(path));
  std::string kept;
  for (const std::string_view line : lines_of(text)) {
    const auto parsed = parse_conf_line(line);
    if (parsed && unwanted.contains(parsed->name)) continue;
    kept += line;
    kept += '\n';
  }
  if (kept == text) return {};
  return write_file(path, kept, 0600);
}

}  // namespace velo::postgres
