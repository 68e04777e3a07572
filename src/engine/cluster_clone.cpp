#include "engine/cluster_clone.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <optional>

#include "base/files.h"
#include "catalog/catalog.h"
#include "postgres/backup.h"
#include "postgres/clone.h"
#include "postgres/cluster.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

/// A checkpoint of a busy parent writes all of its dirty buffers; Ctrl-C ends the wait at any time.
constexpr auto checkpoint_patience = 30min;

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

struct Source {
  bool runs = false;
  std::optional<postgres::Connection> connection;
  std::string refusal;  ///< why there is no connection although it runs
};

Result<Source> look_at(Engine& engine, const BranchRecords& parent, const fs::path& pgdata) {
  Source source;
  source.runs = TRY(TRY(runtime_of(parent.project))->inspect(pgdata)).runs;
  if (!source.runs) return source;
  auto connection = connect_to(engine, parent, engine.cancel());
  TRY(engine.cancel().check());
  if (connection) {
    source.connection = std::move(*connection);
  } else {
    source.refusal = connection.error().message;
  }
  return source;
}

}  // namespace

storage::Mark mark_for(const Engine& engine, const BranchRecords& b) {
  return {.home_id = engine.catalog().home_id(),
          .project_id = b.project.id,
          .project_name = b.project.name,
          .branch_id = b.branch.id,
          .branch_name = b.branch.name,
          .incarnation_id = b.incarnation.id,
          .parent_incarnation_id = b.incarnation.parent_incarnation_id.value_or(""),
          .runtime = b.project.runtime,
          .build = b.incarnation.image_digest.empty() ? b.incarnation.pg_version
                                                      : b.incarnation.image_digest,
          .created_at = b.incarnation.created_at};
}

Result<void> check_clonable(const storage::Driver& driver, const BranchRecords& parent) {
  const fs::path root = driver.root_of(parent.incarnation.volume);
  const fs::path pgdata = pgdata_in(root);
  const OsUser owner = TRY(owner_of(parent.project));
  const ActAs as(owner);
  if (!path_exists(pgdata / "PG_VERSION")) {
    return fail_with_hint(Errc::storage,
                          fmt::format("the volume of {} is not there: {} has no cluster",
                                      parent.full_name(), pgdata.string()),
                          "is the pool mounted? velo status shows its health");
  }
  const postgres::Tablespaces spaces = TRY(postgres::tablespaces_of(pgdata, root));
  if (spaces.outside.empty()) return {};
  std::string places;
  for (const auto& link : spaces.outside) {
    places += fmt::format("tablespace {} lies in {}\n", link.oid, link.target.string());
  }
  return std::unexpected(Error{
      Errc::unsupported,
      fmt::format("{} has tablespaces outside its volume, which a clone would share",
                  parent.full_name()),
      fmt::format("move them into {}, or their tables into another tablespace", root.string()),
      places});
}

Result<ClonedCluster> clone_cluster(Engine& engine, Operation& operation, storage::Driver& driver,
                                    const BranchRecords& parent, const BranchRecords& child) {
  const OsUser owner = TRY(owner_of(parent.project));
  const fs::path source_root = driver.root_of(parent.incarnation.volume);
  const fs::path source_pgdata = pgdata_in(source_root);
  const fs::path root = driver.root_of(child.incarnation.volume);
  const fs::path pgdata = pgdata_in(root);
  const bool atomic = driver.capabilities().atomic_snapshot;

  Source source = TRY(look_at(engine, parent, source_pgdata));
  ClonedCluster cloned;
  cloned.first_start.may_have_subscriptions = true;
  const auto count_subscriptions = [&](const postgres::Rows& rows) {
    if (rows.size() == 1) cloned.first_start.may_have_subscriptions = rows[0].at(0) != "0";
  };
  const char* const subscriptions = "SELECT count(*) FROM pg_subscription";
  const auto clone_with = [&](const storage::FileFilter& filter) {
    return driver.clone(parent.incarnation.volume, child.incarnation.volume,
                        mark_for(engine, child), owner, filter);
  };
  const std::string clone_words =
      fmt::format("{} {}", atomic ? "Snapshot" : "Clone files", child.incarnation.volume);

  if (atomic) {
    if (source.connection) {
      TRY(operation.step("checkpoint", fmt::format("Checkpoint {}", parent.full_name()),
                         [&]() -> Result<void> {
                           count_subscriptions(TRY(source.connection->query(
                               fmt::format("CHECKPOINT; {}", subscriptions), checkpoint_patience)));
                           return {};
                         }));
    } else if (source.runs) {
      engine.observer().warning(
          fmt::format("no checkpoint: the control connection to {} was refused ({}); the branch "
                      "replays its WAL "
                      "instead, and loses nothing",
                      parent.full_name(), source.refusal));
    }
    TRY(operation.step("clone", clone_words, [&] { return clone_with({}); }));
  } else if (source.runs) {
    if (!source.connection) {
      return fail_with_hint(
          Errc::server,
          fmt::format("{} runs, but refuses the control connection: {}", parent.full_name(),
                      source.refusal),
          fmt::format("the {} driver needs it while the parent runs; mend its pg_hba.conf, or stop "
                      "it: velo branch stop {}",
                      driver.name(), parent.full_name()));
    }
    count_subscriptions(TRY(source.connection->query(subscriptions, checkpoint_patience)));
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
      return backup->finish(source_pgdata, pgdata, shares ? &share_wal_segment : &copy_wal_segment,
                            checkpoint_patience);
    }));
  } else {
    TRY(operation.step("clone", clone_words,
                       [&] { return clone_with(filter_with(&postgres::skip_in_cold_copy)); }));
  }

  TRY(operation.step("prepare", "Make it its own", [&]() -> Result<void> {
    const ActAs as(owner);
    TRY(postgres::prepare_clone({.source_root = source_root,
                                 .root = root,
                                 .pgdata = pgdata,
                                 .settings = child.branch.settings}));
    cloned.will_recover =
        TRY(postgres::read_control_file(pgdata)).state != postgres::ClusterState::shut_down;
    if (cloned.will_recover && TRY(postgres::has_unlogged_tables(pgdata))) {
      engine.observer().notice(
          "unlogged tables are empty in the branch: PostgreSQL's crash recovery does not keep "
          "them");
    }
    return {};
  }));
  return cloned;
}

}  // namespace velo::engine
