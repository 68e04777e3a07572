// How fast a recovery replays what was archived: by `velo wal fetch`, beside cp of plain files.
#include <csignal>

#include "archive/lineage.h"
#include "archive/store.h"
#include "base/files.h"
#include "bench/groups.h"
#include "bench/tools.h"

namespace velo::bench {
namespace {

/// 2 GiB at scale 50.
constexpr std::uint64_t wal_bytes_a_scale = 41U << 20U;
constexpr int most_rounds = 3;  // each takes minutes
constexpr auto load_patience = std::chrono::minutes(20);

/// pgbench's WAL, behind a snapshot of the parent, twice: as plain files and as Velo archives it.
class Recorded {
 public:
  static Result<Recorded> record(Bench& bench, const Parent& parent) {
    const fs::path root = bench.options->homes / "replay-bench";
    TRY(remove_tree(root));
    TRY(create_directory(root, 0755));
    FloorServer base = TRY(FloorServer::prepare(parent, CloneHow::snapshot));
    Recorded recorded(bench, parent, root, std::move(base));
    TRY(recorded.fill());
    return recorded;
  }
  Recorded(Recorded&& other) noexcept
      : bench_(other.bench_),
        parent_(other.parent_),
        root_(std::exchange(other.root_, {})),
        base_(std::move(other.base_)) {}
  Recorded& operator=(Recorded&&) = delete;
  Recorded(const Recorded&) = delete;
  Recorded& operator=(const Recorded&) = delete;
  ~Recorded() {
    if (root_.empty()) return;
    static_cast<void>(remove_tree(root_));
    static_cast<void>(remove_tree(desk()));
  }

  std::string by_cp() const { return fmt::format("cp {}/%f %p", plain().string()); }
  std::string by_velo() const {
    return fmt::format("{} wal fetch --lineage {} %f %p", bench_->velo->binary().string(),
                       lineage().string());
  }
  /// From the start of a server on the snapshot until it has replayed everything and answers.
  Result<Millis> replay(const std::string& restore_command) const {
    TRY(make_desk());
    FloorServer server = TRY(FloorServer::prepare(*parent_, CloneHow::reflink));
    TRY(server.clone_by([&](const fs::path& pgdata) -> Result<void> {
      TRY(run_program({"/bin/cp", "--archive", "--reflink=auto",
                       (base_.directory() / "fs/pgdata").string(), pgdata.string()},
                      plain_environment()));
      const ActAs as(parent_->user);
      return write_file(pgdata / "recovery.signal", "", 0600);
    }));
    server.add_settings({"restore_command=" + restore_command, "hot_standby=off"});
    TRY(settle(parent_->place));
    const Stopwatch watch;
    TRY(server.start());
    const Millis took = watch.elapsed();
    TRY(server.stop(SIGQUIT));
    return took;
  }

 private:
  Recorded(Bench& bench, const Parent& parent, fs::path root, FloorServer base)
      : bench_(&bench), parent_(&parent), root_(std::move(root)), base_(std::move(base)) {}

  fs::path plain() const { return root_ / "plain"; }
  fs::path archive() const { return root_ / "archive"; }
  /// Where Velo's own recoveries have it: on the file system of the cluster.
  fs::path desk() const { return parent_->place / "replay-bench-desk"; }
  fs::path lineage() const { return desk() / "lineage"; }

  Result<void> fill() {
    Client client = TRY(Client::connect(parent_->main.address));
    TRY(client.query("ALTER SYSTEM SET wal_keep_size = '8GB'"));
    TRY(client.query("SELECT pg_reload_conf()"));
    TRY(base_.clone());
    const std::string first = TRY(client.value("SELECT pg_walfile_name(pg_current_wal_lsn())"));
    TRY(work(client));
    const std::string last = TRY(client.value("SELECT pg_walfile_name(pg_switch_wal())"));
    for (const fs::path& directory : {plain(), archive()}) {
      TRY(create_directory(directory, 0700));
      TRY(give(directory, parent_->user));
    }
    const fs::path pg_wal = parent_->main.data_directory / "pg_wal";
    const ActAs as(parent_->user);
    const archive::Store store(archive());
    for (const std::string& file : TRY(list_directory(pg_wal))) {
      const auto name = postgres::parse_wal_name(file);
      if (!name || name->kind != postgres::WalFile::segment || file < first || file > last)
        continue;
      TRY(run_program({"/bin/cp", (pg_wal / file).string(), plain().string()}, plain_environment(),
                      parent_->user));
      TRY(store.put(pg_wal / file, file));
    }
    TRY(client.query("ALTER SYSTEM RESET wal_keep_size"));
    TRY(client.query("SELECT pg_reload_conf()"));
    return {};
  }
  Result<void> work(Client& client) const {
    fmt::print(stderr, "Writing WAL to replay\n");
    // The WAL is what counts here, not how long it took to come about.
    const Load load = TRY(Load::start(*parent_, root_ / "pgbench.log", bench_->options->scale,
                                      {.commits = Commits::do_not_wait}));
    const std::string from = TRY(client.value("SELECT pg_current_wal_insert_lsn()"));
    const std::string reached =
        fmt::format("SELECT pg_current_wal_insert_lsn() - '{}'::pg_lsn > {}", from,
                    wal_bytes_a_scale * static_cast<std::uint64_t>(bench_->options->scale));
    const Deadline deadline(load_patience);
    while (TRY(client.value(reached)) != "t") {
      if (deadline.passed()) return fail(Errc::failed, "pgbench makes no progress");
      TRY(client.query("SELECT pg_sleep(0.2)"));
    }
    return {};
  }
  /// What `velo wal fetch` works with, as new.
  Result<void> make_desk() const {
    TRY(remove_tree(desk()));
    TRY(create_directory(desk(), 0700));
    TRY(give(desk(), parent_->user));
    const ActAs as(parent_->user);
    const archive::Lineage sources{
        .sources = {
            {.kind = archive::SourceKind::archive, .directory = archive(), .limit = std::nullopt}}};
    return write_file(lineage(), TRY(to_text(sources)), 0600);
  }

  Bench* bench_;
  const Parent* parent_;
  fs::path root_;
  FloorServer base_;
};

}  // namespace

Result<void> measure_replay(Bench& bench, const Parent& parent) {
  const Recorded recorded = TRY(Recorded::record(bench, parent));
  const Group group{
      .section = "replay",
      .title = replay_title,
      .base = "cp",
      .cases = {{replay_by_cp, [&] { return recorded.replay(recorded.by_cp()); }},
                {replay_by_velo, [&] { return recorded.replay(recorded.by_velo()); }}},
      .prepare = {},
      .notes = {fmt::format(
          "{} MiB of WAL",
          wal_bytes_a_scale * static_cast<std::uint64_t>(bench.options->scale) >> 20U)}};
  bench.results.push_back(TRY(run_rounds(group, std::min(bench.options->rounds, most_rounds))));
  return {};
}

}  // namespace velo::bench
