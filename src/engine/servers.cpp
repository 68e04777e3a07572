#include "engine/servers.h"

#include <sys/stat.h>

#include "base/fault.h"
#include "base/files.h"
#include "base/text.h"
#include "catalog/catalog.h"
#include "engine/drift.h"
#include "engine/home_room.h"
#include "engine/marks.h"
#include "engine/passwords.h"
#include "engine/recovery_sync.h"
#include "engine/replay.h"
#include "engine/server_files.h"
#include "postgres/cluster.h"
#include "postgres/hba.h"
#include "postgres/recovery.h"
#include "postgres/scram.h"
#include "postgres/wal.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

/// Crash recovery of a busy parent's clone can take minutes; Ctrl-C ends the wait at any time.
constexpr auto ready_patience = 10min;
constexpr auto query_patience = 60s;

postgres::Connection::Target control_target(const Engine& engine, const BranchRecords& b,
                                            const runtime::Runtime& runtime) {
  return {.socket_directory = engine.home().run_directory(b.branch.id),
          .port = runtime.socket_port(b.endpoint.port),
          .server_major = b.project.pg_major};
}

/// Waits until the server that was started is ready. One that refuses to archive, because its owner
/// set wal_level to minimal, is started once more without: better a server than an archive.
Result<void> await_ready(Engine& engine, const BranchRecords& b, runtime::Runtime& runtime,
                         runtime::ServerSpec& spec, runtime::Starting& starting,
                         const Cancellation& cancel) {
  auto ready = starting.await_ready(patience_for(ready_patience), cancel);
  if (ready || spec.archive.empty() || !postgres::refused_archiving(ready.error().detail)) {
    return ready;
  }
  engine.observer().warning(
      fmt::format("the WAL of {} is not archived, and its moments cannot be recovered: wal_level "
                  "is minimal; ALTER SYSTEM RESET wal_level and a restart change that",
                  b.full_name()));
  spec.archive.clear();
  return TRY(runtime.start(spec))->await_ready(patience_for(ready_patience), cancel);
}

std::string in_database(const std::string& name) {
  return postgres::quote_literal(name);
}

/// Disables every subscription of the cluster and cuts it from its slot, so that neither running
/// nor dropping it reaches the publisher. ALTER SUBSCRIPTION works only inside its own database.
Result<void> disable_subscriptions(Engine& engine, const BranchRecords& b,
                                   postgres::Connection& connection, const Cancellation& cancel) {
  const auto databases = TRY(connection.query(
      "SELECT DISTINCT d.datname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid",
      query_patience));
  for (const postgres::Row& row : databases) {
    postgres::Connection::Target target = control_target(engine, b, *TRY(runtime_of(b.project)));
    target.database = row.at(0).value_or("");
    auto inside = TRY(postgres::Connection::open(target, connect_patience, cancel));
    const auto names = TRY(inside.query(
        "SELECT s.subname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE "
        "d.datname = current_database()",
        query_patience));
    for (const postgres::Row& name : names) {
      const std::string quoted = postgres::quote_identifier(name.at(0).value_or(""));
      TRY(inside.query(fmt::format("ALTER SUBSCRIPTION {0} DISABLE; ALTER SUBSCRIPTION {0} SET "
                                   "(slot_name = NONE)",
                                   quoted),
                       query_patience));
    }
    engine.observer().notice(fmt::format(
        "{} subscription{} in database {} disabled in the branch, and cut from the "
        "publisher's slot",
        names.size(), names.size() == 1 ? "" : "s", in_database(row.at(0).value_or(""))));
  }
  return {};
}

Result<void> set_password(const BranchRecords& b, postgres::Connection& connection,
                          const std::string& verifier) {
  TRY(connection.query(
      fmt::format("ALTER ROLE {} PASSWORD {}", postgres::quote_identifier(b.branch.superuser),
                  postgres::quote_literal(verifier)),
      query_patience));
  return {};
}

/// Makes a cluster its own without a question to its server, where all answers are known or stand
/// in its files. False, and nothing is done, where they do not.
Result<bool> make_its_own_unasked(BranchRecords& b, const FirstStart& first, const fs::path& pgdata,
                                  postgres::Connection& connection, const std::string& verifier) {
  if (first.superuser.empty() || first.may_have_subscriptions) return false;
  {
    const ActAs as(TRY(owner_of(b.project)));
    // The checkpoint at the end of a recovery has written out what is prepared (twophase.c).
    if (!TRY(list_directory(pgdata / "pg_twophase")).empty()) return false;
    // It may be just being written.
    const auto control = postgres::read_control_file(pgdata);
    if (!control || control->state != postgres::ClusterState::in_production) return false;
    b.incarnation.fork_lsn = postgres::to_string(control->redo_lsn);
    b.incarnation.timeline = static_cast<int>(control->timeline);
  }
  b.branch.superuser = first.superuser;
  TRY(set_password(b, connection, verifier));
  TRY(note_life(b));
  b.incarnation.first_start = false;
  return true;
}

/// What a cluster needs before anybody is let in for the first time.
Result<void> make_its_own(Engine& engine, BranchRecords& b, postgres::Connection& connection,
                          const std::string& verifier, const Cancellation& cancel) {
  // This is the server's first query, with nothing in its caches: tables and functions rather than
  // the views over them, which it would have to look up.
  constexpr std::size_t own_columns = 4;
  const auto facts = TRY(
      connection.query("SELECT (SELECT count(*) FROM pg_subscription),"
                       " (SELECT string_agg(gid, ', ' ORDER BY gid) FROM pg_prepared_xact()),"
                       // The checkpoint that ended its recovery: from there on its WAL is its own.
                       " CASE WHEN pg_is_in_recovery() THEN NULL ELSE"
                       "  (SELECT redo_lsn FROM pg_control_checkpoint()) END,"
                       " CASE WHEN pg_is_in_recovery() THEN NULL ELSE"
                       "  substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END, " +
                           drift_columns(b.project.pg_major, AskProviders::no),
                       query_patience));
  if (facts.size() != 1 || facts[0].size() != own_columns + drift_column_count ||
      !facts[0][own_columns]) {
    return fail(Errc::server, "the server does not answer as PostgreSQL does");
  }
  const postgres::Row& row = facts[0];
  note_drift(engine, b, row, own_columns);
  if (row[0].value_or("0") != "0") TRY(disable_subscriptions(engine, b, connection, cancel));
  TRY(set_password(b, connection, verifier));
  if (row[1]) {
    engine.observer().notice(fmt::format(
        "prepared transactions came along and hold their locks: {}; COMMIT PREPARED or ROLLBACK "
        "PREPARED ends them",
        *row[1]));
  }
  b.incarnation.fork_lsn = row[2];
  if (row[3]) b.incarnation.timeline = std::stoi(*row[3], nullptr, 16);
  TRY(note_life(b));
  b.incarnation.first_start = false;
  return {};
}

/// After a start that is not the first. What cannot be asked is no reason to call the start a
/// failure: a standby may admit nobody.
void look_for_drift(Engine& engine, BranchRecords& b, const Cancellation& cancel) {
  auto connection = connect_to(engine, b, cancel, 1s);
  if (!connection) return;
  const auto rows = connection->query(
      "SELECT " + drift_columns(b.project.pg_major, AskProviders::yes), query_patience);
  if (rows && rows->size() == 1) note_drift(engine, b, rows->front(), 0);
}

/// Has its next start promote it (FirstStart::promotes).
Result<void> make_standby(runtime::ServerSpec& spec) {
  spec.promotes = true;
  spec.promotes_at_end = true;
  for (auto& setting : postgres::standby_settings()) spec.overrides.push_back(std::move(setting));
  const ActAs as(spec.build.owner);
  return postgres::request_standby(spec.pgdata);
}

/// Runs `work` on a started server; when it fails the server is stopped, and its error returned.
Result<void> or_stop(runtime::Runtime& runtime, const fs::path& pgdata, Result<void> result) {
  if (result) return result;
  if (auto stopped = runtime.stop(pgdata, runtime::StopMode::immediate); !stopped) {
    result.error().detail += stopped.error().message + "\n";
  }
  return result;
}

Result<void> start_on(Engine& engine, BranchRecords& b, const FirstStart& first,
                      const Cancellation& cancel) {
  const auto runtime = TRY(runtime_of(b.project));
  const auto driver = TRY(driver_of(b.project));
  const OsUser owner = TRY(owner_of(b.project));
  TRY(driver->attach(b.incarnation.volume));
  runtime::ServerSpec spec = TRY(spec_of(engine, b));
  TRY(ensure_run_directory(spec.run_directory, owner));
  const ArchiveDirectory archive = TRY(ensure_archive(engine, b, owner));
  spec.archive = archive.directory;
  if (!b.incarnation.first_start || first.replay) TRY(make_durable(archive));
  {
    const ActAs as(owner);
    TRY(postgres::ensure_control_lines(spec.pgdata));
  }
  if (b.incarnation.first_start && first.may_have_subscriptions) {
    spec.overrides.emplace_back("max_logical_replication_workers", "0");
  }
  if (had_better_sync_at_once(driver->capabilities(), b.project.pg_major, first.files_to_sync,
                              unwritten_bytes())) {
    spec.overrides.emplace_back("recovery_init_sync_method", "syncfs");
  }
  if (first.replay) {
    TRY(replay(engine, *first.replay, *runtime, spec, cancel));
    return or_stop(*runtime, spec.pgdata, [&]() -> Result<void> {
      TRY(fault_point(Fault::replay_done));
      auto connection = TRY(connect_to(engine, b, cancel));
      const auto verifier = postgres::scram_verifier(TRY(password_of(engine.home(), b.branch)));
      TRY(make_its_own(engine, b, connection, TRY(verifier), cancel));
      return finish_replay(engine, *first.replay, b, connection);
    }());
  }
  const bool promotes = b.incarnation.first_start && first.promotes && runtime->can_promote();
  if (promotes) TRY(make_standby(spec));
  const auto starting = TRY(runtime->start(spec));
  TRY(or_stop(*runtime, spec.pgdata, fault_point(Fault::server_started)));
  if (const std::string remark = starting->remark(); !remark.empty()) {
    engine.observer().warning(remark);
  }
  if (!b.incarnation.first_start) {
    TRY(await_ready(engine, b, *runtime, spec, *starting, cancel));
    look_for_drift(engine, b, cancel);
    return {};
  }
  // The verifier takes 4096 rounds of SHA-256: made while the server starts.
  const auto verifier = [&]() -> Result<std::string> {
    return postgres::scram_verifier(TRY(password_of(engine.home(), b.branch)));
  }();
  // So does this: until the commit that follows, nothing that is archived counts.
  const auto durable = make_durable(archive);
  TRY(await_ready(engine, b, *runtime, spec, *starting, cancel));
  return or_stop(*runtime, spec.pgdata, [&]() -> Result<void> {
    TRY(durable);
    auto connection = TRY(connect_to(engine, b, cancel));
    if (promotes) {
      TRY(make_its_own(engine, b, connection, TRY(verifier), cancel));
      return note_switch_point(b, spec.pgdata);
    }
    if (TRY(make_its_own_unasked(b, first, spec.pgdata, connection, TRY(verifier)))) return {};
    return make_its_own(engine, b, connection, TRY(verifier), cancel);
  }());
}

}  // namespace

Result<void> note_switch_point(BranchRecords& b, const fs::path& pgdata) {
  const auto timeline = static_cast<std::uint32_t>(b.incarnation.timeline.value_or(1));
  const ActAs as(TRY(owner_of(b.project)));
  const auto history = read_file(pgdata / "pg_wal" / fmt::format("{:08X}.history", timeline));
  if (!history) return {};
  b.incarnation.fork_lsn = postgres::to_string(TRY(postgres::switch_point(*history)));
  return {};
}

Result<void> check_reachable(const fs::path& path, const OsUser& user) {
  const ActAs as(user);
  fs::path so_far;
  for (const fs::path& part : path) {
    so_far /= part;
    struct stat status{};
    if (::stat(so_far.c_str(), &status) == 0 || errno != EACCES) continue;
    return fail_with_hint(
        Errc::permission,
        fmt::format("the user {}, whom PostgreSQL runs as, cannot enter {}", user.name,
                    so_far.parent_path().string()),
        fmt::format("open it for passing through: chmod o+x {}; or choose another VELO_HOME or "
                    "--pool",
                    so_far.parent_path().string()));
  }
  return {};
}

Result<runtime::ServerSpec> spec_of(const Engine& engine, const BranchRecords& b) {
  const auto driver = TRY(driver_of(b.project));
  const fs::path root = driver->root_of(b.incarnation.volume);
  const fs::path tls = engine.home().tls_directory(b.project.id);
  return runtime::ServerSpec{.build = {.major = b.project.pg_major,
                                       .version = b.incarnation.pg_version,
                                       .bin = b.incarnation.bin_directory,
                                       .image = b.incarnation.image,
                                       .digest = b.incarnation.image_digest,
                                       .basic_archive = b.incarnation.basic_archive,
                                       .owner = TRY(owner_of(b.project))},
                             .project = b.project.name,
                             .branch = b.branch.name,
                             .root = root,
                             .pgdata = pgdata_in(root),
                             .run_directory = engine.home().run_directory(b.branch.id),
                             .log = engine.home().log_file(b.branch.id),
                             .address = b.endpoint.address,
                             .port = b.endpoint.port,
                             .certificate = tls / "server.crt",
                             .certificate_key = tls / "server.key",
                             .archive = {},
                             .program = engine.program(),
                             .overrides = {}};
}

Result<void> start_server(Engine& engine, BranchRecords& b, const FirstStart& first,
                          const Cancellation& cancel) {
  auto started = start_on(engine, b, first, cancel);
  if (!started && started.error().code == Errc::server) {
    if (auto room = check_room_at(engine.home().root()); !room) {
      room.error().detail = std::move(started.error().detail);
      room.error().message = fmt::format("{}; {}", started.error().message, room.error().message);
      return room;
    }
  }
  // The log of one that is being made goes with it.
  if (!started && started.error().code == Errc::server && !started.error().detail.empty() &&
      engine.catalog().branch(b.branch.id)) {
    started.error().hint = fmt::format("velo logs {} shows all of its log", b.full_name());
  }
  return started;
}

postgres::Settings default_settings(const storage::Driver& driver) {
  if (!driver.capabilities().copies_on_write) return {};
  return postgres::wal_settings_where_writes_take_new_blocks();
}

Result<void> make_new_cluster(Engine& engine, const BranchRecords& b, const Cancellation& cancel) {
  const runtime::ServerSpec spec = TRY(spec_of(engine, b));
  TRY(ensure_run_directory(spec.run_directory, spec.build.owner));
  postgres::Settings settings = b.branch.settings;
  settings.merge(default_settings(*TRY(driver_of(b.project))));
  return TRY(runtime_of(b.project))->make_cluster(spec, settings, cancel);
}

Result<void> start_new_cluster(Engine& engine, BranchRecords& b, const Cancellation& cancel) {
  const auto runtime = TRY(runtime_of(b.project));
  runtime::ServerSpec spec = TRY(spec_of(engine, b));
  TRY(ensure_run_directory(spec.run_directory, spec.build.owner));
  const ArchiveDirectory archive = TRY(ensure_archive(engine, b, spec.build.owner));
  TRY(make_durable(archive));
  spec.archive = archive.directory;
  const auto starting = TRY(runtime->start(spec));
  TRY(or_stop(*runtime, spec.pgdata, fault_point(Fault::server_started)));
  TRY(starting->await_ready(patience_for(ready_patience), cancel));
  return or_stop(*runtime, spec.pgdata, [&]() -> Result<void> {
    // initdb.h: a new cluster's closed gate lets its own superuser in, once, to make the role.
    postgres::Connection::Target target = control_target(engine, b, *runtime);
    target.role = b.branch.superuser;
    auto connection = TRY(postgres::Connection::open(target, connect_patience, cancel));
    // One that was taken over before and given back has it.
    const auto there = TRY(connection.query(
        fmt::format("SELECT 1 FROM pg_roles WHERE rolname = '{}'", postgres::control_role),
        query_patience));
    if (there.empty()) {
      TRY(connection.query(fmt::format("CREATE ROLE {} SUPERUSER LOGIN; COMMENT ON ROLE {} IS "
                                       "'Velo makes checkpoints and sets passwords as this role'",
                                       postgres::control_role, postgres::control_role),
                           query_patience));
    }
    const std::string verifier =
        TRY(postgres::scram_verifier(TRY(password_of(engine.home(), b.branch))));
    return make_its_own(engine, b, connection, verifier, cancel);
  }());
}

Result<void> open_server(Engine&, const BranchRecords& b) {
  const auto driver = TRY(driver_of(b.project));
  const auto runtime = TRY(runtime_of(b.project));
  const fs::path pgdata = pgdata_of(*driver, b.incarnation.volume);
  {
    const OsUser owner = TRY(owner_of(b.project));
    const ActAs as(owner);
    TRY(postgres::open_gate(pgdata));
  }
  return runtime->reload(pgdata);
}

Result<postgres::Connection> connect_to(Engine& engine, const BranchRecords& b,
                                        const Cancellation& cancel,
                                        std::chrono::milliseconds patience) {
  const auto runtime = TRY(runtime_of(b.project));
  postgres::Connection::Target target = control_target(engine, b, *runtime);
  auto connection = postgres::Connection::open_any(target, patience, cancel);
  if (connection) return connection;
  const auto driver = TRY(driver_of(b.project));
  const OsUser owner = TRY(owner_of(b.project));
  const fs::path pgdata = pgdata_of(*driver, b.incarnation.volume);
  const runtime::Seen seen = TRY(runtime->inspect(pgdata));
  if (seen.runs && was_started_by_hand(engine, b, seen)) {
    // Somebody started it by hand. Its own file says where its socket is; only a server that runs
    // as the branch's user is believed.
    target.socket_directory = seen.socket_directory;
    target.port = seen.socket_port;
    target.peer = owner.name;
    connection = postgres::Connection::open_any(target, patience, cancel);
    if (connection) return connection;
  }
  const bool changed = [&] {
    const ActAs as(owner);
    return postgres::ensure_control_lines(pgdata).value_or(false);
  }();
  if (!changed) return connection;
  TRY(runtime->reload(pgdata));
  return postgres::Connection::open_any(target, patience, cancel);
}

bool was_started_by_hand(const Engine& engine, const BranchRecords& b, const runtime::Seen& seen) {
  if (seen.socket_directory.empty()) return false;
  const auto runtime = runtime_of(b.project);
  return !runtime || seen.socket_port != (*runtime)->socket_port(b.endpoint.port) ||
         seen.socket_directory != engine.home().run_directory(b.branch.id);
}

}  // namespace velo::engine
