#include "engine/recovery.h"

#include <algorithm>

#include "archive/coverage.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/text.h"
#include "catalog/catalog.h"
#include "engine/bases.h"
#include "engine/servers.h"
#include "engine/snapshots.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;
constexpr auto query_patience = 60s;

/// The lives that a branch really led, in their order; snapshots that were taken of them are none.
struct Life {
  catalog::Incarnation record;
  Timestamp begin;
  std::optional<Timestamp> end;  ///< of the present one: none
};

Result<std::vector<Life>> lives_of(Engine& engine, const catalog::Branch& branch,
                                   const Bases& bases) {
  std::vector<Life> lives;
  for (const catalog::Incarnation& record : TRY(engine.catalog().incarnations_of(branch.id))) {
    if (bases.was_led(record)) lives.push_back({record, record.created_at, record.kept_since});
  }
  // A life begins for people when the one before ends: until then that one answered.
  std::ranges::sort(lives, {}, &Life::begin);
  for (std::size_t i = 1; i < lives.size(); ++i) {
    if (lives[i - 1].end) lives[i].begin = *lives[i - 1].end;
  }
  return lives;
}

/// What there is instead, or how there will be something.
Result<std::string> hint_for_moments(Engine& engine, const BranchRecords& branch,
                                     const std::vector<std::string>& windows) {
  const std::string name = branch.full_name();
  if (!windows.empty()) return fmt::format("{} can be had {}", name, join_words(windows));
  if (!branch.branch.archives) {
    return fmt::format("{} was made with --no-archive: of its past it has its snapshots alone",
                       name);
  }
  if (TRY(archives_wal(engine, branch.branch))) {
    return fmt::format("there is no snapshot of {0} to begin with: velo snapshot create {0}", name);
  }
  return fmt::format(
      "archiving is off; for the moments from now on: velo config set archive on, velo branch "
      "restart {0}, velo snapshot create {0}",
      name);
}

std::unexpected<Error> no_such_moment(Engine& engine, const BranchRecords& branch,
                                      const std::string& why,
                                      const std::vector<std::string>& windows) {
  const auto hint = hint_for_moments(engine, branch, windows);
  return fail_with_hint(Errc::not_found, why, hint.value_or(""));
}

/// A life's archive and pg_wal, as sources of a lineage, where they are: a life that never archived
/// has no archive, and one that is gone no pg_wal.
Result<void> add_sources(Engine& engine, const BranchRecords& b, std::optional<postgres::Lsn> limit,
                         archive::Lineage& lineage) {
  const auto add = [&](archive::SourceKind kind, fs::path directory) {
    if (!path_exists(directory)) return;
    lineage.sources.push_back({.kind = kind, .directory = std::move(directory), .limit = limit});
  };
  add(archive::SourceKind::archive, engine.home().archive_directory(b.incarnation.id));
  const auto driver = TRY(driver_of(b.project));
  add(archive::SourceKind::pg_wal, pgdata_of(*driver, b.incarnation.volume) / "pg_wal");
  return {};
}

/// Fills in base and lineage for a life: a snapshot of its own that was taken by `latest`, or of
/// the life that it came from, and so on. False when there is none.
Result<bool> find_base(Engine& engine, const BranchRecords& followed, const Bases& bases,
                       Timestamp latest, RecoveryPlan& plan) {
  BranchRecords life = followed;
  std::optional<postgres::Lsn> limit;
  for (;;) {
    TRY(add_sources(engine, life, limit, plan.lineage));
    if (const catalog::Snapshot* base = bases.newest_of(life.incarnation.id, latest)) {
      plan.base = life;
      plan.base.incarnation = TRY(engine.catalog().incarnation(base->incarnation_id));
      plan.base_taken_at = base->taken_at;
      return true;
    }
    if (!life.incarnation.parent_incarnation_id || !life.incarnation.fork_lsn) return false;
    limit = TRY(postgres::parse_lsn(*life.incarnation.fork_lsn));
    latest = std::min(latest, forked_at(life.incarnation));
    const auto parent = engine.catalog().incarnation(*life.incarnation.parent_incarnation_id);
    if (!parent) return false;  // reaped
    life = TRY(load_branch(engine, parent->branch_id));
    life.incarnation = *parent;
  }
}

/// A plan for this life out of the newest base by `latest`; none when there is no such base.
Result<std::optional<RecoveryPlan>> plan_from(Engine& engine, const BranchRecords& followed,
                                              const Bases& bases, Timestamp latest) {
  RecoveryPlan plan;
  plan.followed = followed;
  plan.timeline = static_cast<std::uint32_t>(followed.incarnation.timeline.value_or(1));
  if (!TRY(find_base(engine, followed, bases, latest, plan))) return std::nullopt;
  for (const BranchRecords* one : {&plan.base, &plan.followed}) {
    const auto size = segment_size_of(one->project, one->incarnation.volume);
    if (!size) continue;  // its volume is not mounted
    plan.lineage.segment_size = *size;
    break;
  }
  return plan;
}

Result<archive::Coverage> coverage_from_base(const RecoveryPlan& plan) {
  const catalog::Incarnation& base = plan.base.incarnation;
  return archive::coverage_of(plan.lineage, static_cast<std::uint32_t>(base.timeline.value_or(1)),
                              TRY(postgres::parse_lsn(base.fork_lsn.value_or("0/0"))),
                              plan.timeline);
}

/// "from 2025-10-09 18:40:21 on", a text for each stretch of one life that snapshots and WAL lead
/// to: since it began, where a base of its ancestors does, else since its own first one; and behind
/// each gap since the next snapshot.
Result<void> add_windows(Engine& engine, const BranchRecords& followed, const Life& life,
                         const Bases& bases, std::vector<std::string>& windows) {
  std::vector<Timestamp> begins{life.begin};
  for (const catalog::Snapshot& own : bases.all_of(life.record.id)) begins.push_back(own.taken_at);
  std::optional<postgres::Lsn> told;  // so far was told already
  for (const Timestamp begin : begins) {
    const auto plan = TRY(plan_from(engine, followed, bases, begin));
    if (!plan) continue;
    const archive::Coverage coverage = TRY(coverage_from_base(*plan));
    if (coverage.segments == 0 || (told && coverage.end <= *told)) continue;
    told = coverage.end;
    const auto end = coverage.gap ? coverage.until : life.end;
    windows.push_back(end ? fmt::format("from {} to {}", to_local(begin), to_local(*end))
                          : fmt::format("from {} on", to_local(begin)));
    if (!coverage.gap) return {};
  }
  return {};
}

Result<std::vector<std::string>> windows_of_lives(Engine& engine, const BranchRecords& branch,
                                                  const std::vector<Life>& lives,
                                                  const Bases& bases) {
  std::vector<std::string> windows;
  for (const Life& life : lives) {
    BranchRecords followed = branch;
    followed.incarnation = life.record;
    TRY(add_windows(engine, followed, life, bases, windows));
  }
  return windows;
}

/// The branch in the life that it led at `time`; the branch that it was made from, before that.
/// Whatever began or ended in the future did so by a clock that was wrong, and has by now.
Result<BranchRecords> life_at(Engine& engine, const BranchRecords& branch, Timestamp time,
                              const Bases& bases) {
  const std::vector<Life> lives = TRY(lives_of(engine, branch.branch, bases));
  const Timestamp present = now();
  if (time < branch.branch.created_at && branch.branch.created_at <= present) {
    if (lives.empty() || !branch.branch.parent_id) {
      return no_such_moment(engine, branch,
                            fmt::format("{} was made at {}, after that", branch.full_name(),
                                        to_local(branch.branch.created_at)),
                            TRY(windows_of_lives(engine, branch, lives, bases)));
    }
    return life_at(engine, TRY(load_branch(engine, *branch.branch.parent_id)), time, bases);
  }
  for (const Life& life : lives) {
    if (life.end && (*life.end <= time || *life.end > present)) continue;
    const bool has_begun =
        life.begin <= time || life.record.created_at <= time || life.record.created_at > present;
    if (!has_begun) break;
    BranchRecords found = branch;
    found.incarnation = life.record;
    return found;
  }
  return no_such_moment(
      engine, branch, fmt::format("what {} was at {} is gone", branch.full_name(), to_local(time)),
      TRY(windows_of_lives(engine, branch, lives, bases)));
}

}  // namespace

std::string to_words(const postgres::RecoveryTarget& target) {
  if (const auto* time = std::get_if<postgres::ToTime>(&target)) {
    return fmt::format("{} ({})", to_local(time->time), to_rfc3339(time->time));
  }
  if (const auto* lsn = std::get_if<postgres::ToLsn>(&target)) {
    return fmt::format("LSN {}", postgres::to_string(lsn->lsn));
  }
  if (const auto* point = std::get_if<postgres::ToRestorePoint>(&target)) {
    return fmt::format("the restore point {}", point->name);
  }
  return "the end of its WAL";
}

Result<std::vector<std::string>> windows_of(Engine& engine, const BranchRecords& branch) {
  const Bases bases{TRY(engine.catalog().snapshots())};
  return windows_of_lives(engine, branch, TRY(lives_of(engine, branch.branch, bases)), bases);
}

Result<RecoveryPlan> plan_recovery(Engine& engine, const BranchRecords& branch,
                                   const postgres::RecoveryTarget& target) {
  const Bases bases{TRY(engine.catalog().snapshots())};
  Timestamp latest = Timestamp::max();
  BranchRecords followed = branch;
  if (const auto* time = std::get_if<postgres::ToTime>(&target)) {
    if (time->time > now()) {
      return fail_with_hint(Errc::usage, fmt::format("{} has not come yet", to_words(target)),
                            fmt::format("as it is now: velo branch create {}/NEW --parent {}",
                                        branch.project.name, branch.full_name()));
    }
    latest = time->time;
    followed = TRY(life_at(engine, branch, time->time, bases));
  } else if (const auto own = bases.all_of(branch.incarnation.id); !own.empty()) {
    latest = own.front().taken_at;  // whatever the time of such a target is, it comes later
  }
  auto plan = TRY(plan_from(engine, followed, bases, latest));
  if (!plan) {
    return no_such_moment(engine, branch,
                          fmt::format("{} cannot be had as of {}: no snapshot is older",
                                      branch.full_name(), to_words(target)),
                          TRY(windows_of(engine, branch)));
  }
  plan->target = target;
  return std::move(*plan);
}

void add_locks(const RecoveryPlan& plan, LockSet& set) {
  for (const std::string& id : {plan.base.branch.id, plan.followed.branch.id}) {
    const auto has = [&](const std::vector<std::string>& ids) {
      return std::ranges::find(ids, id) != ids.end();
    };
    if (!has(set.exclusive) && !has(set.shared)) set.shared.push_back(id);
  }
}

void fork_from(const RecoveryPlan& plan, catalog::Incarnation& life) {
  life.parent_incarnation_id = plan.followed.incarnation.id;
  // Not the target: it need not be a time. Later bases may hold what comes after it.
  life.forked_at = plan.base_taken_at;
}

Result<void> mark_end(Engine& engine, RecoveryPlan& plan) {
  const BranchRecords& b = plan.followed;
  if (b.incarnation.kept_since) return {};  // its server is stopped for good
  const auto driver = TRY(driver_of(b.project));
  const auto runtime = TRY(runtime_of(b.project));
  if (!TRY(runtime->inspect(pgdata_of(*driver, b.incarnation.volume))).runs) return {};
  auto connection = connect_to(engine, b, engine.cancel());
  TRY(engine.cancel().check());
  if (!connection) {
    engine.observer().warning(
        fmt::format("the control connection to {} was refused ({}): what it has not archived yet "
                    "is read from its files",
                    b.full_name(), connection.error().message));
    return {};
  }
  const auto recovers = TRY(connection->query("SELECT pg_is_in_recovery()", query_patience));
  if (recovers.size() == 1 && recovers.front().at(0) == "t") return {};
  // A transaction with an id leaves a commit record, and the end of its segment lets it be read.
  TRY(connection->query("SELECT pg_current_xact_id()", query_patience));
  TRY(connection->query("SELECT pg_switch_wal()", query_patience));
  TRY(fault_point(Fault::end_marked));
  plan.end_is_marked = std::holds_alternative<postgres::ToTime>(plan.target);
  return {};
}

}  // namespace velo::engine
