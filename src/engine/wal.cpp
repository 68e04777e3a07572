#include "engine/wal.h"

#include <algorithm>

#include "archive/store.h"
#include "base/fault.h"
#include "base/files.h"
#include "catalog/catalog.h"
#include "engine/moments.h"
#include "engine/operation.h"
#include "engine/recovery.h"
#include "engine/snapshots.h"
#include "postgres/connection.h"
#include "postgres/wal.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

/// The archiver's state is worth a moment, and no more: a server that hangs is still listed.
constexpr auto connect_soon = 1s;
constexpr auto query_patience = 5s;

struct Segment {
  archive::Entry entry;
  postgres::WalName name;
};

/// The segments in the archive of a branch's present life, in the order of their names. None where
/// nothing was ever archived.
Result<std::vector<Segment>> segments_of(Engine& engine, const BranchRecords& b) {
  std::vector<Segment> segments;
  const fs::path directory = engine.home().archive_directory(b.incarnation.id);
  if (!path_exists(directory)) return segments;
  for (archive::Entry& entry : TRY(archive::Store(directory).list())) {
    const auto name = postgres::parse_wal_name(entry.name);
    if (!name || name->kind != postgres::WalFile::segment) continue;
    segments.push_back({std::move(entry), *name});
  }
  return segments;
}

std::uint64_t segment_size_in(const BranchRecords& b) {
  return segment_size_of(b.project, b.incarnation.volume).value_or(postgres::default_segment_size);
}

/// What PostgreSQL says of its archiver, when it can be asked as things are: whoever only looks
/// mends nothing on the way in.
void ask_archiver(Engine& engine, const BranchRecords& b, WalView& view) {
  const auto driver = driver_of(b.project);
  const auto runtime = runtime_of(b.project);
  if (!driver || !runtime) return;
  const auto seen = (*runtime)->inspect(pgdata_of(**driver, b.incarnation.volume));
  if (!seen || !seen->is_ready) return;
  auto connection =
      postgres::Connection::open_any({.socket_directory = engine.home().run_directory(b.branch.id),
                                      .port = (*runtime)->socket_port(b.endpoint.port),
                                      .server_major = b.project.pg_major},
                                     connect_soon, engine.cancel());
  if (!connection) return;
  const auto rows = connection->query(
      "SELECT failed_count, last_failed_wal, last_failed_time > last_archived_time"
      " OR last_archived_time IS NULL,"
      " (SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name ~ '^[0-9A-F]{24}.ready$')"
      " FROM pg_stat_archiver",
      query_patience);
  if (!rows || rows->size() != 1 || rows->front().size() != 4) return;
  const postgres::Row& row = rows->front();
  view.failures = std::strtoll(row[0].value_or("0").c_str(), nullptr, 10);
  if (row[2] == "t") view.last_failed = row[1].value_or("");
  view.waiting = std::strtoll(row[3].value_or("0").c_str(), nullptr, 10);
}

Result<WalView> view_of(Engine& engine, const BranchRecords& b) {
  WalView view{.branch = b.full_name(),
               .archives = TRY(archives_wal(engine, b.branch)),
               .forgets = !b.branch.archives,
               .archive = engine.home().archive_directory(b.incarnation.id).string()};
  const std::vector<Segment> segments = TRY(segments_of(engine, b));
  const std::uint64_t size = segment_size_in(b);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const Segment& segment = segments[i];
    view.stored += segment.entry.stored;
    view.original += segment.entry.original.value_or(segment.entry.stored);
    if (i == 0 || segments[i - 1].name.timeline != segment.name.timeline) continue;
    const postgres::WalName next = postgres::later_segment(segments[i - 1].name, 1, size);
    if (next != segment.name) view.gaps.push_back(postgres::to_string(next));
  }
  view.segments = segments.size();
  if (!segments.empty()) {
    view.oldest = segments.front().entry.name;
    view.newest = segments.back().entry.name;
    view.oldest_at = segments.front().entry.put_at;
    view.newest_at = segments.back().entry.put_at;
  }
  if (!view.archives) return view;
  ask_archiver(engine, b, view);
  view.windows = TRY(windows_of(engine, b));
  return view;
}

struct WalNeed {
  std::string by;  ///< "the snapshot 0a1b2c3d"
  postgres::Lsn from = 0;
};

std::string words_for(const catalog::Snapshot& snapshot) {
  return fmt::format("the snapshot {} of {}", snapshot.incarnation_id.substr(0, 8),
                     to_local(snapshot.taken_at));
}

/// Where the recovery of the oldest snapshot of this life begins: all WAL from there on is needed.
/// Of a life that is recovered from a base of the one that it came from all is.
Result<std::optional<WalNeed>> need_of(Engine& engine, const BranchRecords& b) {
  const auto lives = read_lives(engine);
  if (!lives) return std::unexpected(lives.error());
  if (const auto* before = lives->base_of(b.incarnation, b.incarnation.created_at)) {
    return WalNeed{.by = words_for(*before), .from = 0};
  }
  std::optional<WalNeed> need;
  for (const catalog::Snapshot& snapshot : lives->bases.snapshots) {
    if (snapshot.of_incarnation_id != b.incarnation.id) continue;
    const auto life = TRY(engine.catalog().incarnation(snapshot.incarnation_id));
    if (!life.fork_lsn) continue;
    const postgres::Lsn from = TRY(postgres::parse_lsn(*life.fork_lsn));
    if (need && need->from <= from) continue;
    need = WalNeed{.by = words_for(snapshot), .from = from};
  }
  return need;
}

}  // namespace

Result<std::vector<WalView>> wal_info(Engine& engine, const std::string& branch) {
  std::vector<WalView> views;
  if (!branch.empty()) {
    views.push_back(TRY(view_of(engine, TRY(find_branch(engine, branch)))));
    return views;
  }
  for (const catalog::Branch& one : TRY(engine.catalog().branches(catalog::Which::live))) {
    const BranchRecords b = TRY(load_branch(engine, one.id));
    if (!b.project.deleted_at) views.push_back(TRY(view_of(engine, b)));
  }
  return views;
}

Result<WalCleaned> wal_cleanup(Engine& engine, const WalCleanup& request) {
  BranchRecords b;
  const BranchLocks locks = TRY(lock_branches(engine, [&]() -> Result<LockSet> {
    b = TRY(find_branch(engine, request.branch));
    return LockSet{.exclusive = {b.branch.id}, .shared = {}};
  }));
  WalCleaned cleaned = TRY(cut_wal(engine, b, request));
  cleaned.windows = TRY(windows_of(engine, b));
  return cleaned;
}

Result<WalCleaned> cut_wal(Engine& engine, const BranchRecords& b, const WalCleanup& request) {
  const archive::Store store(engine.home().archive_directory(b.incarnation.id));
  const std::vector<Segment> segments = TRY(segments_of(engine, b));
  const Timestamp limit = now() - request.age;
  WalCleaned cleaned;
  if (std::ranges::none_of(segments, [&](const Segment& s) { return s.entry.put_at <= limit; })) {
    return cleaned;
  }
  const auto need = TRY(need_of(engine, b));
  const std::uint64_t size = segment_size_in(b);
  for (const Segment& segment : segments) {
    if (segment.entry.put_at > limit) continue;
    const bool is_needed = need && segment.name.end(size) > need->from;
    if (is_needed && !request.force) {
      ++cleaned.needed;
      cleaned.needed_by = need->by;
      continue;
    }
    ++cleaned.removed;
    cleaned.freed += segment.entry.stored;
    if (request.dry_run) continue;
    TRY(fault_point(Fault::wal_cleanup_segment));
    TRY(store.remove(segment.entry.name));
    TRY(fault_point(Fault::wal_cleanup_removed));
  }
  return cleaned;
}

}  // namespace velo::engine
