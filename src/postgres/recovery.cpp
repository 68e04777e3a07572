#include "postgres/recovery.h"

#include <array>

#include "base/files.h"
#include "base/text.h"
#include "postgres/cluster.h"
#include "postgres/number.h"

namespace velo::postgres {
namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

using Setting = std::pair<std::string, std::string>;

constexpr std::array recovery_targets = {"recovery_target", "recovery_target_xid",
                                         "recovery_target_time", "recovery_target_lsn",
                                         "recovery_target_name"};

/// "2025-10-07 14:30:00.123456+00": no zone of the server's plays into it.
std::string to_setting(Timestamp time) {
  std::string text = to_rfc3339(time);
  text[text.find('T')] = ' ';
  text.replace(text.size() - 1, 1, "+00");
  return text;
}

/// The value behind a key at the beginning of a line.
std::optional<std::string_view> value_of(std::string_view text, std::string_view key) {
  for (const std::string_view line : lines_of(text)) {
    if (line.starts_with(key)) return trim(line.substr(key.size()));
  }
  return std::nullopt;
}

/// backup_label, as build_backup_content in xlogbackup.c writes it:
///   START WAL LOCATION: 0/2000028 (file 000000010000000000000002)
///   START TIMELINE: 1
Result<RecoveryStart> start_in_label(std::string_view label) {
  const auto location = value_of(label, "START WAL LOCATION: ");
  const auto timeline = value_of(label, "START TIMELINE: ");
  if (!location || !timeline) return fail(Errc::failed, "backup_label is not PostgreSQL's");
  const auto number = parse_number<std::uint32_t>(*timeline);
  if (!number) return fail(Errc::failed, "backup_label names no timeline: {}", *timeline);
  return RecoveryStart{.timeline = *number,
                       .redo = TRY(parse_lsn(location->substr(0, location->find(' '))))};
}

}  // namespace

std::vector<Setting> recovery_settings(const Recovery& recovery) {
  std::vector<Setting> settings{
      {"restore_command", recovery.restore_command},
      {"recovery_target_timeline", std::to_string(recovery.timeline)},
      {"recovery_target_action", "promote"},
      {"recovery_target_inclusive", "on"},
      {"hot_standby", "off"},
  };
  // The cluster's files may hold a target, and PostgreSQL refuses two: all are unset, and then one
  // is set (unsetting another one afterwards would be refused too).
  for (const char* other : recovery_targets) settings.emplace_back(other, "");
  std::visit(
      Overloaded{
          [&](const ToTime& to) {
            settings.emplace_back("recovery_target_time", to_setting(to.time));
          },
          [&](const ToLsn& to) { settings.emplace_back("recovery_target_lsn", to_string(to.lsn)); },
          [&](const ToRestorePoint& to) { settings.emplace_back("recovery_target_name", to.name); },
          [](const ToEnd&) {}},
      recovery.target);
  return settings;
}

Result<void> request_recovery(const fs::path& pgdata) {
  return write_file_durably(pgdata / "recovery.signal", "", 0600);
}

Result<void> request_standby(const fs::path& pgdata) {
  return write_file(pgdata / "standby.signal", "", 0600);
}

std::vector<Setting> standby_settings() {
  // What a crash recovery would not have looked at, and postgresql.conf may still hold: a target
  // would end the replay too early, a delay hold it up.
  std::vector<Setting> settings{{"hot_standby", "off"},
                                {"recovery_min_apply_delay", "0"},
                                {"recovery_target_timeline", "latest"}};
  for (const char* unset : {"restore_command", "primary_conninfo", "primary_slot_name",
                            "recovery_end_command", "archive_cleanup_command"}) {
    settings.emplace_back(unset, "");
  }
  for (const char* target : recovery_targets) settings.emplace_back(target, "");
  return settings;
}

Result<RecoveryStart> recovery_start(const fs::path& pgdata) {
  const fs::path label = pgdata / "backup_label";
  if (path_exists(label)) return start_in_label(TRY(read_file(label)));
  const ControlFile control = TRY(read_control_file(pgdata));
  return RecoveryStart{.timeline = control.timeline, .redo = control.redo_lsn};
}

Result<Lsn> switch_point(std::string_view history) {
  std::optional<Lsn> last;
  for (const std::string_view line : lines_of(history)) {
    const std::string_view entry = trim(line.substr(0, line.find('#')));
    if (entry.empty()) continue;
    const auto words = split(entry, '\t');
    if (words.size() < 2) return fail(Errc::failed, "this is no line of a history file: {}", line);
    last = TRY(parse_lsn(words[1]));
  }
  if (!last) return fail(Errc::failed, "the history file names no timeline before its own");
  return *last;
}

bool missed_target(std::string_view log) {
  return log.contains("recovery ended before configured recovery target was reached") ||
         log.contains("requested recovery stop point is before consistent recovery point");
}

}  // namespace velo::postgres
