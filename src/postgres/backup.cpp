#include "postgres/backup.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/crypto.h"
#include "base/files.h"
#include "base/text.h"
#include "base/time.h"
#include "postgres/number.h"
#include "postgres/wal.h"

namespace velo::postgres {
namespace {

using std::chrono::milliseconds;

constexpr int first_major_with_renamed_functions = 15;

/// The only column of the only row.
Result<std::string> one_value(Connection& connection, const std::string& sql,
                              const std::vector<std::string>& parameters, milliseconds patience) {
  const Rows rows = TRY(connection.query(sql, parameters, patience));
  if (rows.empty() || rows.front().empty() || !rows.front().front()) {
    return fail(Errc::server, "the server gave no answer to {}", sql);
  }
  return *rows.front().front();
}

constexpr std::string_view slot_prefix = "velo_backup_";

/// Whether others clone this server just now, each with a slot of its own, of which it has ten
/// unless somebody changed that: a moment later, for each needs it for as long as its clone takes.
bool await_others(Connection& connection, milliseconds patience) {
  const auto others = one_value(connection,
                                "SELECT count(*), pg_sleep(0.01) FROM pg_replication_slots"
                                " WHERE temporary AND starts_with(slot_name, $1)",
                                {std::string(slot_prefix)}, patience);
  return others && *others != "0";
}

/// A temporary slot that keeps WAL from the latest checkpoint on, until the connection ends.
Result<void> hold_wal(Connection& connection, milliseconds patience) {
  if (TRY(one_value(connection, "SHOW wal_level", {}, patience)) == "minimal") {
    return fail_with_hint(
        Errc::server, "wal_level is minimal, so PostgreSQL makes no backup while it runs",
        "set wal_level to replica and restart the branch, or stop it: a stopped branch can be "
        "cloned");
  }
  const Deadline deadline(patience);
  const std::string name = std::string(slot_prefix) + TRY(random_id());
  for (bool once_more = true;;) {
    auto made = connection.query("SELECT pg_create_physical_replication_slot($1, true, true)",
                                 {name}, deadline.left());
    if (made) return {};
    if (!deadline.passed() && await_others(connection, deadline.left())) continue;
    // The last of them may have ended between the two questions.
    if (std::exchange(once_more, false)) continue;
    const auto limit = one_value(connection, "SHOW max_replication_slots", {}, patience);
    Error error = std::move(made).error();
    error.message =
        fmt::format("cannot hold the branch's WAL while it is cloned: {}", error.message);
    error.hint = fmt::format(
        "drop a replication slot that is not used (pg_replication_slots lists them), or raise "
        "max_replication_slots (now {}) and restart the branch",
        limit.value_or("unknown"));
    return std::unexpected(std::move(error));
  }
}

/// "START TIMELINE: 1" of a backup_label (xlogbackup.c, build_backup_content).
Result<std::uint32_t> timeline_in(std::string_view label) {
  constexpr std::string_view key = "START TIMELINE: ";
  for (const std::string_view line : lines_of(label)) {
    if (!line.starts_with(key)) continue;
    const auto timeline = parse_number<std::uint32_t>(trim(line.substr(key.size())));
    if (timeline) return *timeline;
  }
  return fail(Errc::server, "the backup label that the server gave names no timeline");
}

Result<void> sync_file(const fs::path& path) {
  const Fd fd = TRY(open_file(path, O_RDONLY | O_NOFOLLOW));
  if (::fsync(fd.get()) == 0) return {};
  const int reason = errno;
  return fail_errno(reason, fmt::format("sync {}", path.string()));
}

Result<void> make_wal_directory(const fs::path& wal) {
  for (const fs::path& directory : {wal, wal / "archive_status"}) {
    auto made = create_directory(directory, 0700);
    if (!made && made.error().code != Errc::already_exists) return made;
  }
  return {};
}

/// The files of pg_wal that a recovery from `segments.front()` needs: those, and the histories of
/// earlier timelines.
Result<std::vector<std::string>> wal_files(const fs::path& wal, std::vector<std::string> segments) {
  for (const std::string& name : TRY(list_directory(wal))) {
    if (name.ends_with(".history")) segments.push_back(name);
  }
  return segments;
}

/// The segment behind the last one, empty: a file of holes, which reads as the zeros that the
/// server would write there, and sync, in the checkpoint that ends the clone's recovery.
Result<void> make_next_segment(const fs::path& wal, const std::string& last,
                               std::uint64_t segment_size) {
  const auto name = parse_wal_name(last);
  if (!name) return fail(Errc::failed, "{} is no WAL segment", last);
  const fs::path path = wal / to_string(later_segment(*name, 1, segment_size));
  TRY(remove_file(path));
  const Fd file = TRY(open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0600));
  if (::ftruncate(file.get(), static_cast<off_t>(segment_size)) == 0) return {};
  const int reason = errno;
  return fail_errno(reason, fmt::format("make {}", path.string()));
}

}  // namespace

Backup::Backup(Connection connection, int server_major, bool from_standby, std::string start_lsn)
    : connection_(std::move(connection)),
      server_major_(server_major),
      from_standby_(from_standby),
      start_lsn_(std::move(start_lsn)) {}

Result<Backup> Backup::start(Connection connection, int server_major, const std::string& label,
                             milliseconds patience) {
  const Deadline deadline(patience);
  const bool from_standby =
      TRY(one_value(connection, "SELECT pg_is_in_recovery()", {}, deadline.left())) == "t";
  TRY(hold_wal(connection, deadline.left()));
  const char* sql = server_major >= first_major_with_renamed_functions
                        ? "SELECT pg_backup_start($1, true)"
                        : "SELECT pg_start_backup($1, true, false)";
  std::string lsn = TRY(one_value(connection, sql, {label}, deadline.left()));
  return Backup(std::move(connection), server_major, from_standby, std::move(lsn));
}

Result<void> Backup::finish(const fs::path& source_pgdata, const fs::path& clone_pgdata,
                            Result<void> (*copy_file)(const fs::path& from, const fs::path& to),
                            milliseconds patience) {
  const Deadline deadline(patience);
  // A standby writes no end-of-backup record: recovery takes the minimum recovery point of the
  // control file for the end instead, so it must be the last file (do_pg_backup_stop in xlog.c).
  if (from_standby_) {
    const fs::path control = fs::path("global") / "pg_control";
    TRY(copy_file(source_pgdata / control, clone_pgdata / control));
    TRY(sync_file(clone_pgdata / control));
  }
  const char* sql = server_major_ >= first_major_with_renamed_functions
                        ? "SELECT lsn, labelfile FROM pg_backup_stop(false)"
                        : "SELECT lsn, labelfile FROM pg_stop_backup(false, false)";
  const Rows rows = TRY(connection_.query(sql, deadline.left()));
  if (rows.size() != 1 || rows[0].size() != 2 || !rows[0][0] || !rows[0][1]) {
    return fail(Errc::server, "the server gave no backup label");
  }
  const std::string& label = *rows[0][1];
  const Lsn start = TRY(parse_lsn(start_lsn_));
  const Lsn stop = TRY(parse_lsn(*rows[0][0]));
  const std::string size_text =
      TRY(one_value(connection_, "SELECT setting FROM pg_settings WHERE name = 'wal_segment_size'",
                    {}, deadline.left()));
  const std::uint64_t segment_size = parse_number<std::uint64_t>(size_text).value_or(0);
  if (segment_size == 0) {
    return fail(Errc::server, "the server's wal_segment_size is \"{}\"", size_text);
  }

  const fs::path from = source_pgdata / "pg_wal";
  const fs::path to = clone_pgdata / "pg_wal";
  TRY(make_wal_directory(to));
  const std::uint32_t timeline = TRY(timeline_in(label));
  const std::vector<std::string> segments = segments_between(timeline, start, stop, segment_size);
  const std::vector<std::string> files = TRY(wal_files(from, segments));
  for (const std::string& name : files) {
    if (!path_exists(from / name)) {
      return fail_with_hint(
          Errc::server,
          fmt::format("the WAL segment {} was recycled while the branch was cloned", name),
          "raise max_slot_wal_keep_size of the branch, or set it to -1, and try again");
    }
    TRY(remove_file(to / name));
    TRY(copy_file(from / name, to / name));
    TRY(sync_file(to / name));
  }
  // The backup's end filled its last segment up, so the clone goes on in the next one.
  if (!from_standby_) TRY(make_next_segment(to, segments.back(), segment_size));
  TRY(sync_directory(to));
  return write_file_durably(clone_pgdata / "backup_label", label, 0600);
}

}  // namespace velo::postgres
