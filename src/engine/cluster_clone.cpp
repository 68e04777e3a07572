#include "engine/cluster_clone.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <map>
#include <optional>

#include "base/crypto.h"
#include "base/files.h"
#include "base/size.h"
#include "catalog/catalog.h"
#include "engine/drift.h"
#include "engine/marks.h"
#include "postgres/backup.h"
#include "postgres/clone.h"
#include "postgres/cluster.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

/// A checkpoint of a busy parent writes all of its dirty buffers; Ctrl-C ends the wait at any time.
constexpr std::chrono::milliseconds checkpoint_patience = 30min;
constexpr auto query_patience = 10s;

/// A storage filter out of a rule on paths relative to PGDATA; what lies beside PGDATA comes along.
storage::FileFilter filter_with(postgres::Skip (*rule)(std::string_view)) {
  return [rule](std::string_view path, bool) {
    constexpr std::string_view prefix = "pgdata/";
    if (!path.starts_with(prefix)) return storage::LeaveOut::nothing;
    switch (rule(path.substr(prefix.size()))) {
      case postgres::Skip::contents:
        return storage::LeaveOut::contents;
      case postgres::Skip::all:
        return storage::LeaveOut::all;
      case postgres::Skip::nothing:
        break;
    }
    return storage::LeaveOut::nothing;
  };
}

Result<void> copy_wal_segment(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::copy_file(from, to, fs::copy_options::overwrite_existing, error);
  if (error) return fail_errno(error.value(), fmt::format("copy {}", from.string()));
  return {};
}

/// For drivers whose clones share blocks: a segment is 16 MB, most of which the clone never writes.
Result<void> share_wal_segment(const fs::path& from, const fs::path& to) {
  {
    const Fd source = TRY(open_file(from, O_RDONLY));
    const Fd target = TRY(open_file(to, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    if (::ioctl(target.get(), FICLONE, source.get()) == 0) return {};
  }
  return copy_wal_segment(from, to);
}

using Source = Approach::Source;

/// Whether the cluster's server replays WAL after a crash, its own or a backend's.
bool recovers(const fs::path& pgdata, const OsUser& owner) {
  const ActAs as(owner);
  const auto control = postgres::read_control_file(pgdata);
  return control && control->state == postgres::ClusterState::in_crash_recovery;
}

/// See FirstStart::superuser.
std::string superuser_of(const Engine& engine, const BranchRecords& parent, const fs::path& pgdata,
                         postgres::Connection& connection) {
  const auto runtime = runtime_of(parent.project);
  const auto spec = spec_of(engine, parent);
  if (!runtime || !spec || !(*runtime)->runs_as_installed(pgdata, spec->build)) return {};
  const auto rows = connection.query(fmt::format("SELECT {}", superuser_column), query_patience);
  return rows && rows->size() == 1 ? rows->front().at(0).value_or("") : "";
}

Result<Source> look_at(Engine& engine, const BranchRecords& parent, const fs::path& pgdata,
                       std::chrono::milliseconds patience) {
  Source source;
  source.runs = TRY(TRY(runtime_of(parent.project))->inspect(pgdata)).runs;
  if (!source.runs) return source;
  auto connection = connect_to(engine, parent, engine.cancel(), patience);
  TRY(engine.cancel().check());
  if (connection) {
    source.connection = std::move(*connection);
    source.superuser = superuser_of(engine, parent, pgdata, *source.connection);
  } else {
    source.refusal = std::move(connection).error();
  }
  return source;
}

/// Whether the server has subscriptions, or none can be said to have come meanwhile: keeps new ones
/// out until the connection ends. Whoever makes one just now, and a standby, which gives no such
/// lock, count as having some.
bool may_have_subscriptions(postgres::Connection& connection) {
  const auto rows = connection.query(
      "BEGIN; SET LOCAL lock_timeout = '100ms';"
      " LOCK TABLE pg_catalog.pg_subscription IN SHARE MODE;"
      " SELECT count(*) FROM pg_subscription",
      query_patience);
  return !rows || rows->size() != 1 || rows->front().at(0) != "0";
}

/// "16385" → "fast", where a server can tell.
std::map<std::string, std::string> tablespace_names(Engine& engine, const BranchRecords& parent) {
  std::map<std::string, std::string> names;
  auto connection = connect_to(engine, parent, engine.cancel(), 1s);
  if (!connection) return names;
  const auto rows = connection->query("SELECT oid, spcname FROM pg_tablespace", query_patience);
  for (const postgres::Row& row : rows.value_or(postgres::Rows{})) {
    names.emplace(row.at(0).value_or(""), row.at(1).value_or(""));
  }
  return names;
}

}  // namespace

Approach::Approach(Engine& engine, const BranchRecords& parent, fs::path pgdata, bool checkpoint,
                   const Taking& taking)
    : engine_(&engine),
      parent_(&parent),
      pgdata_(std::move(pgdata)),
      checkpoint_(checkpoint),
      taking_(taking),
      found_(std::async(std::launch::async, [this] { return look(); })) {}

Approach::~Approach() = default;

Result<Approach::Source> Approach::look() const {
  const OsUser owner = TRY(owner_of(parent_->project));
  Source source =
      TRY(look_at(*engine_, *parent_, pgdata_, recovers(pgdata_, owner) ? 1s : connect_patience));
  if (!checkpoint_ || !source.connection) return source;
  source.replayed = replay_instead(*source.connection, taking_);
  if (source.replayed) {
    source.may_have_subscriptions = may_have_subscriptions(*source.connection);
  } else {
    TRY(source.connection->send("CHECKPOINT"));
    source.checkpoints = true;
  }
  return source;
}

Result<Approach::Source> Approach::take(bool needs_connection) {
  Source source = TRY(found_.valid() ? found_.get() : look());
  if (!needs_connection || !source.runs || source.connection) return source;
  if (!recovers(pgdata_, TRY(owner_of(parent_->project)))) return look();  // it has by now
  engine_->observer().notice(
      fmt::format("{} is recovering from a crash: waiting until it is done", parent_->full_name()));
  return look_at(*engine_, *parent_, pgdata_, checkpoint_patience);
}

Result<catalog::Incarnation> life_cloned_from(const catalog::Incarnation& source,
                                              const std::string& branch_id) {
  catalog::Incarnation life;
  life.id = TRY(random_id());
  life.branch_id = branch_id;
  life.parent_incarnation_id = source.id;
  life.bin_directory = source.bin_directory;
  life.image = source.image;
  life.image_digest = source.image_digest;
  life.basic_archive = source.basic_archive;
  life.pg_version = source.pg_version;
  life.drift_told = source.drift_told;
  life.first_start = true;
  life.created_at = now();
  return life;
}

Result<void> check_clonable(Engine& engine, storage::Driver& driver, const BranchRecords& parent) {
  const fs::path root = driver.root_of(parent.incarnation.volume);
  const fs::path pgdata = pgdata_in(root);
  const OsUser owner = TRY(owner_of(parent.project));
  if (auto attached = driver.attach(parent.incarnation.volume);
      !attached && attached.error().code != Errc::not_found) {
    return attached;
  }
  const auto spaces = [&]() -> Result<postgres::Tablespaces> {
    const ActAs as(owner);
    if (path_exists(pgdata / "PG_VERSION")) return postgres::tablespaces_of(pgdata, root);
    if (!path_exists(root)) {
      return volume_missing(driver, parent.incarnation.volume, parent.full_name());
    }
    return fail_with_hint(
        Errc::storage,
        fmt::format("the volume of {} has no cluster: {}", parent.full_name(), pgdata.string()),
        "velo doctor says what can be done about it");
  }();
  if (TRY(spaces).outside.empty()) return {};
  const auto names = tablespace_names(engine, parent);
  std::string places;
  for (const auto& link : spaces->outside) {
    const auto name = names.find(link.oid);
    places += fmt::format("tablespace {} lies in {}\n",
                          name == names.end() ? link.oid : name->second, link.target.string());
  }
  return std::unexpected(Error{
      Errc::unsupported,
      fmt::format("{} has tablespaces outside its volume, which a clone would share",
                  parent.full_name()),
      fmt::format("move their tables elsewhere (ALTER TABLE … SET TABLESPACE pg_default) and drop "
                  "them, or make tablespaces below {}",
                  root.string()),
      places});
}

namespace {

/// Errc::already_exists when another home has a volume of the child's name.
Result<ClonedCluster> clone_once(Engine& engine, Operation& operation, storage::Driver& driver,
                                 const BranchRecords& parent, const BranchRecords& child,
                                 Approach& approach) {
  const OsUser owner = TRY(owner_of(parent.project));
  const fs::path source_root = driver.root_of(parent.incarnation.volume);
  const fs::path source_pgdata = pgdata_in(source_root);
  const fs::path root = driver.root_of(child.incarnation.volume);
  const fs::path pgdata = pgdata_in(root);
  const bool atomic = driver.capabilities().atomic_snapshot;

  Source source = TRY(approach.take(!atomic));
  ClonedCluster cloned;
  cloned.first_start.superuser = source.superuser;
  cloned.first_start.promotes = source.replayed && source.replayed->by_promotion;
  bool& subscriptions = cloned.first_start.may_have_subscriptions;
  const auto clone_with = [&](const storage::FileFilter& filter) {
    return driver.clone(parent.incarnation.volume, child.incarnation.volume,
                        mark_for(engine, child), owner, filter);
  };
  const std::string clone_words =
      fmt::format("{} {}", atomic ? "Snapshot" : "Clone files", child.incarnation.volume);

  if (atomic) {
    if (source.connection) {
      const std::string words =
          source.replayed ? fmt::format("Checkpoint of {} not needed: {} of WAL to replay",
                                        parent.full_name(), to_size(source.replayed->bytes))
                          : fmt::format("Checkpoint {}", parent.full_name());
      TRY(operation.step("checkpoint", words, [&]() -> Result<void> {
        if (source.checkpoints) {
          TRY(source.connection->finish(checkpoint_patience));
        } else if (!source.replayed) {
          TRY(source.connection->query("CHECKPOINT", checkpoint_patience));
        }
        subscriptions = source.may_have_subscriptions ? *source.may_have_subscriptions
                                                      : may_have_subscriptions(*source.connection);
        return {};
      }));
    } else if (source.runs) {
      engine.observer().warning(
          fmt::format("no checkpoint: the control connection to {} was refused ({}); the branch "
                      "replays its WAL "
                      "instead, and loses nothing",
                      parent.full_name(), source.refusal.message));
    }
    TRY(operation.step("clone", clone_words, [&] { return clone_with({}); }));
    source.connection.reset();  // and with it the lock on subscriptions
  } else if (source.runs) {
    if (!source.connection) {
      return fail_with_hint(
          Errc::server,
          fmt::format("{} runs, but refuses the control connection: {}", parent.full_name(),
                      source.refusal.message),
          fmt::format("the {} driver needs it while the parent runs ({}); a stopped parent can be "
                      "cloned too: velo branch stop {}",
                      driver.name(),
                      source.refusal.hint.empty() ? "velo logs shows more" : source.refusal.hint,
                      parent.full_name()));
    }
    std::optional<postgres::Backup> backup;
    TRY(operation.step(
        "checkpoint", fmt::format("Checkpoint {}", parent.full_name()), [&]() -> Result<void> {
          backup =
              TRY(postgres::Backup::start(std::move(*source.connection), parent.project.pg_major,
                                          "velo " + child.full_name(), checkpoint_patience));
          return {};
        }));
    TRY(operation.step("clone", clone_words, [&]() -> Result<void> {
      TRY(clone_with(filter_with(&postgres::skip_in_backup)));
      const ActAs as(owner);
      const bool shares = driver.capabilities().cost != storage::CloneCost::per_byte;
      TRY(backup->finish(source_pgdata, pgdata, shares ? &share_wal_segment : &copy_wal_segment,
                         checkpoint_patience));
      // Asked now, so that those which came during the clone count.
      subscriptions = may_have_subscriptions(backup->connection());
      return {};
    }));
  } else {
    TRY(operation.step("clone", clone_words, [&]() -> Result<void> {
      {
        const ActAs as(owner);
        TRY(TRY(runtime_of(parent.project))->await_leftovers(source_pgdata));
      }
      return clone_with(filter_with(&postgres::skip_in_cold_copy));
    }));
  }

  TRY(operation.step("prepare", "Make it its own", [&]() -> Result<void> {
    const ActAs as(owner);
    TRY(postgres::prepare_clone({.source_root = source_root,
                                 .root = root,
                                 .pgdata = pgdata,
                                 .settings = child.branch.settings,
                                 .defaults = default_settings(driver)}));
    cloned.will_recover =
        TRY(postgres::read_control_file(pgdata)).state != postgres::ClusterState::shut_down;
    if (!cloned.will_recover) return {};
    const auto files = TRY(postgres::relation_files(pgdata));
    cloned.first_start.files_to_sync = files.count;
    if (files.unlogged) {
      engine.observer().notice(
          "unlogged tables are empty in the branch: PostgreSQL's crash recovery does not keep "
          "them");
    }
    return {};
  }));
  return cloned;
}

}  // namespace

Result<ClonedCluster> clone_cluster(Engine& engine, Operation& operation, storage::Driver& driver,
                                    const BranchRecords& parent, const BranchRecords& child,
                                    Approach& approach,
                                    const std::function<Result<Draft>()>& draft) {
  for (;;) {
    auto cloned = clone_once(engine, operation, driver, parent, child, approach);
    if (cloned || cloned.error().code != Errc::already_exists) return cloned;
    TRY(operation.replan(draft));
  }
}

}  // namespace velo::engine
