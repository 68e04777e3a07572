#include "catalog/rows.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>

namespace velo::catalog {
namespace {

/// Reads columns one after the other.
class Reader {
 public:
  explicit Reader(SQLite::Statement& row) : row_(row) {}

  std::string text() { return row_.getColumn(next_++).getString(); }
  std::int64_t integer() { return row_.getColumn(next_++).getInt64(); }
  int small() { return static_cast<int>(integer()); }
  bool flag() { return integer() != 0; }
  Timestamp time() { return to_time(text()); }
  std::optional<std::string> maybe_text() {
    if (skip_null()) return std::nullopt;
    return text();
  }
  std::optional<int> maybe_small() {
    if (skip_null()) return std::nullopt;
    return small();
  }
  std::optional<Timestamp> maybe_time() {
    if (skip_null()) return std::nullopt;
    return time();
  }

 private:
  bool skip_null() {
    if (!row_.isColumnNull(next_)) return false;
    ++next_;
    return true;
  }
  /// A time that somebody's editor damaged reads as the epoch rather than ending the program.
  static Timestamp to_time(const std::string& text) {
    return parse_rfc3339(text).value_or(Timestamp{});
  }

  SQLite::Statement& row_;
  int next_ = 0;
};

/// Binds parameters one after the other.
class Binder {
 public:
  explicit Binder(SQLite::Statement& statement) : statement_(statement) {}

  Binder& operator<<(const std::string& value) {
    statement_.bind(next_++, value);
    return *this;
  }
  Binder& operator<<(std::int64_t value) {
    statement_.bind(next_++, value);
    return *this;
  }
  Binder& operator<<(int value) { return *this << std::int64_t{value}; }
  Binder& operator<<(bool value) { return *this << std::int64_t{value ? 1 : 0}; }
  Binder& operator<<(Timestamp value) { return *this << to_rfc3339(value); }
  template <class T>
  Binder& operator<<(const std::optional<T>& value) {
    if (value) return *this << *value;
    statement_.bind(next_++);
    return *this;
  }

 private:
  SQLite::Statement& statement_;
  int next_ = 1;
};

}  // namespace

std::string marks_for(const char* columns) {
  std::string marks = "?";
  const std::string_view list = columns;
  for (auto commas = std::ranges::count(list, ','); commas > 0; --commas) marks += ", ?";
  return marks;
}

Project read_project(SQLite::Statement& row) {
  Reader in(row);
  Project p;
  p.id = in.text();
  p.name = in.text();
  p.driver = in.text();
  p.pool = in.text();
  p.storage_reason = in.text();
  p.runtime = in.text();
  p.runtime_reason = in.text();
  p.pg_major = in.small();
  p.os_user = in.text();
  p.database = in.text();
  p.main_branch_id = in.text();
  p.created_at = in.time();
  p.deleted_at = in.maybe_time();
  return p;
}

Branch read_branch(SQLite::Statement& row) {
  Reader in(row);
  Branch b;
  b.id = in.text();
  b.project_id = in.text();
  b.name = in.text();
  b.parent_id = in.maybe_text();
  b.incarnation_id = in.text();
  b.superuser = in.text();
  b.password_counter = in.small();
  b.wants_running = in.flag();
  const auto settings = nlohmann::json::parse(in.text(), nullptr, /*allow_exceptions=*/false);
  if (settings.is_object()) {
    for (const auto& [key, value] : settings.items()) {
      if (value.is_string()) b.settings[key] = value.get<std::string>();
    }
  }
  b.created_at = in.time();
  b.reset_at = in.maybe_time();
  b.deleted_at = in.maybe_time();
  b.archives = in.flag();
  return b;
}

Incarnation read_incarnation(SQLite::Statement& row) {
  Reader in(row);
  Incarnation i;
  i.id = in.text();
  i.branch_id = in.text();
  i.volume = in.text();
  i.parent_incarnation_id = in.maybe_text();
  i.timeline = in.maybe_small();
  i.fork_lsn = in.maybe_text();
  i.bin_directory = in.text();
  i.image = in.text();
  i.image_digest = in.text();
  i.basic_archive = in.flag();
  i.pg_version = in.text();
  i.first_start = in.flag();
  i.created_at = in.time();
  i.kept_since = in.maybe_time();
  i.kept_until = in.maybe_time();
  i.kept_reason = in.maybe_text().value_or("");
  i.drift_told = in.text();
  i.forked_at = in.maybe_time();
  return i;
}

Snapshot read_snapshot(SQLite::Statement& row) {
  Reader in(row);
  Snapshot s;
  s.incarnation_id = in.text();
  s.of_incarnation_id = in.text();
  s.label = in.text();
  s.purpose = in.text();
  s.taken_at = in.time();
  return s;
}

Schedule read_schedule(SQLite::Statement& row) {
  Reader in(row);
  Schedule s;
  s.branch_id = in.text();
  s.every = std::chrono::seconds(in.integer());
  s.keep = in.text();
  return s;
}

BranchPool read_branch_pool(SQLite::Statement& row) {
  Reader in(row);
  BranchPool p;
  p.parent_id = in.text();
  p.size = in.small();
  p.snapshot_id = in.text();
  p.ephemeral = in.flag();
  p.error = in.text();
  return p;
}

Temporary read_temporary(SQLite::Statement& row) {
  Reader in(row);
  Temporary t;
  t.branch_id = in.text();
  t.role = in.text();
  t.pid = in.small();
  t.ephemeral = in.flag();
  t.snapshot_id = in.text();
  t.snapshot = in.text();
  t.as_of = in.time();
  return t;
}

Endpoint read_endpoint(SQLite::Statement& row) {
  Reader in(row);
  Endpoint e;
  e.branch_id = in.text();
  e.address = in.text();
  e.port = in.small();
  e.active = in.flag();
  return e;
}

Size read_size(SQLite::Statement& row) {
  Reader in(row);
  Size s;
  s.incarnation_id = in.text();
  s.referenced = static_cast<std::uint64_t>(in.integer());
  s.exclusive = static_cast<std::uint64_t>(in.integer());
  s.measured_at = in.time();
  return s;
}

Operation read_operation(SQLite::Statement& row) {
  Reader in(row);
  Operation o;
  o.id = in.integer();
  o.kind = in.text();
  o.subject = in.text();
  o.command = in.text();
  o.pid = in.small();
  o.plan = in.text();
  o.state = in.text();
  o.started_at = in.time();
  o.ended_at = in.maybe_time();
  o.recovery = in.maybe_text().value_or("");
  o.recovered_by = in.maybe_text().value_or("");
  o.error = in.maybe_text().value_or("");
  return o;
}

void bind(SQLite::Statement& statement, const Project& p) {
  Binder(statement) << p.id << p.name << p.driver << p.pool << p.storage_reason << p.runtime
                    << p.runtime_reason << p.pg_major << p.os_user << p.database << p.main_branch_id
                    << p.created_at << p.deleted_at;
}

void bind(SQLite::Statement& statement, const Branch& b) {
  Binder(statement) << b.id << b.project_id << b.name << b.parent_id << b.incarnation_id
                    << b.superuser << b.password_counter << b.wants_running
                    << nlohmann::json(b.settings).dump() << b.created_at << b.reset_at
                    << b.deleted_at << b.archives;
}

void bind(SQLite::Statement& statement, const Incarnation& i) {
  Binder(statement) << i.id << i.branch_id << i.volume << i.parent_incarnation_id << i.timeline
                    << i.fork_lsn << i.bin_directory << i.image << i.image_digest << i.basic_archive
                    << i.pg_version << i.first_start << i.created_at << i.kept_since << i.kept_until
                    << i.kept_reason << i.drift_told << i.forked_at;
}

void bind(SQLite::Statement& statement, const Snapshot& s) {
  Binder(statement) << s.incarnation_id << s.of_incarnation_id << s.label << s.purpose
                    << s.taken_at;
}

void bind(SQLite::Statement& statement, const Schedule& s) {
  Binder(statement) << s.branch_id << static_cast<std::int64_t>(s.every.count()) << s.keep;
}

void bind(SQLite::Statement& statement, const BranchPool& p) {
  Binder(statement) << p.parent_id << p.size << p.snapshot_id << p.ephemeral << p.error;
}

void bind(SQLite::Statement& statement, const Temporary& t) {
  Binder(statement) << t.branch_id << t.role << t.pid << t.ephemeral << t.snapshot_id << t.snapshot
                    << t.as_of;
}

void bind(SQLite::Statement& statement, const Endpoint& e) {
  Binder(statement) << e.branch_id << e.address << e.port << e.active;
}

void bind(SQLite::Statement& statement, const Size& s) {
  Binder(statement) << s.incarnation_id << static_cast<std::int64_t>(s.referenced)
                    << static_cast<std::int64_t>(s.exclusive) << s.measured_at;
}

void bind(SQLite::Statement& statement, const Operation& o) {
  const std::optional<std::int64_t> id = o.id == 0 ? std::nullopt : std::optional(o.id);
  Binder(statement) << id << o.kind << o.subject << o.command << o.pid << o.plan << o.state
                    << o.started_at << o.ended_at << o.recovery << o.recovered_by << o.error;
}

}  // namespace velo::catalog
