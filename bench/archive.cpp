// What it costs to archive a segment of WAL and to get it back, beside cp.
#include <poll.h>

#include "archive/lineage.h"
#include "archive/store.h"
#include "base/files.h"
#include "base/time.h"
#include "bench/groups.h"
#include "bench/tools.h"

namespace velo::bench {
namespace {

/// Two finished segments that follow each other, out of the parent's pg_wal.
struct Segments {
  fs::path directory;
  std::string first;
  std::string second;
};

Result<Segments> finished_segments(const fs::path& pg_wal) {
  for (const std::string& file : TRY(list_directory(pg_wal))) {
    const auto name = postgres::parse_wal_name(file);
    if (!name || name->kind != postgres::WalFile::segment) continue;
    const std::string next =
        to_string(postgres::later_segment(*name, 1, postgres::default_segment_size));
    if (!path_exists(pg_wal / next)) break;
    return Segments{.directory = pg_wal, .first = file, .second = next};
  }
  return fail(Errc::not_found, "{} holds no two segments", pg_wal.string());
}

/// A directory of its own for one measurement.
class Desk {
 public:
  static Result<Desk> make(const fs::path& place) {
    const fs::path root = place / "archive-bench";
    TRY(remove_tree(root));
    TRY(create_directory(root, 0700));
    TRY(create_directory(root / "archive", 0700));
    TRY(create_directory(root / "recovery", 0700));
    return Desk(root);
  }
  Desk(Desk&& other) noexcept : root_(std::exchange(other.root_, {})) {}
  Desk& operator=(Desk&&) = delete;
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;
  ~Desk() {
    if (!root_.empty()) static_cast<void>(remove_tree(root_));
  }

  fs::path archive() const { return root_ / "archive"; }
  fs::path lineage() const { return root_ / "recovery/lineage"; }
  fs::path ready() const { return root_ / "recovery/prefetch"; }
  fs::path target() const { return root_ / "recovery/RECOVERYXLOG"; }

  Result<void> write_lineage() const {
    const archive::Lineage lineage{
        .sources = {
            {.kind = archive::SourceKind::archive, .directory = archive(), .limit = std::nullopt}}};
    return write_file(this->lineage(), TRY(to_text(lineage)), 0600);
  }

 private:
  explicit Desk(fs::path root) : root_(std::move(root)) {}
  fs::path root_;
};

class Archiving {
 public:
  Archiving(const Bench& bench, fs::path place, Segments segments)
      : velo_(bench.velo->binary()), place_(std::move(place)), segments_(std::move(segments)) {}

  /// `argv` for a new archive, in the place of which it names.
  Result<Millis> put(
      const std::function<std::vector<std::string>(const fs::path& archive)>& argv) const {
    const Desk desk = TRY(Desk::make(place_));
    TRY(settle(place_));
    return TRY(run_program(argv(desk.archive()), plain_environment())).took;
  }
  Result<Millis> get_by_cp() const {
    const Desk desk = TRY(Desk::make(place_));
    TRY(run_program({"/bin/cp", own().string(), desk.archive() / segments_.second},
                    plain_environment()));
    TRY(settle(place_));
    return TRY(run_program({"/bin/cp", desk.archive() / segments_.second, desk.target().string()},
                           plain_environment()))
        .took;
  }
  /// The second segment, made ready while the first was replayed, or not.
  Result<Millis> get_by_velo(bool is_ready) const {
    const Desk desk = TRY(Desk::make(place_));
    TRY(desk.write_lineage());
    const archive::Store store(desk.archive());
    TRY(store.put(own(), segments_.second));
    if (is_ready) {
      TRY(store.put(segments_.directory / segments_.first, segments_.first));
      TRY(fetch(desk, segments_.first));
      TRY(await_ready(desk));
    }
    TRY(settle(place_));
    return TRY(fetch(desk, segments_.second)).took;
  }

  fs::path own() const { return segments_.directory / segments_.second; }
  const std::string& name() const { return segments_.second; }
  std::string velo() const { return velo_.string(); }

 private:
  Result<Ran> fetch(const Desk& desk, const std::string& name) const {
    return run_program({velo(), "wal", "fetch", "--lineage", desk.lineage().string(), name,
                        desk.target().string()},
                       plain_environment());
  }
  Result<void> await_ready(const Desk& desk) const {
    const Deadline deadline(std::chrono::seconds(20));
    while (!deadline.passed()) {
      const auto files = list_directory(desk.ready());
      if (files && files->size() == 1 && files->front().starts_with(segments_.second)) return {};
      ::poll(nullptr, 0, 5);
    }
    return fail(Errc::failed, "velo wal fetch made nothing ready");
  }

  fs::path velo_;
  fs::path place_;
  Segments segments_;
};

}  // namespace

Result<void> measure_archive(Bench& bench, const Parent& parent) {
  // pgbench's data fills the first ones; with little of it, these are the next.
  Client client = TRY(Client::connect(parent.main.address));
  for (int i = 0; i < 2; ++i) {
    TRY(client.query("SELECT pg_logical_emit_message(true, 'bench', 'x')"));
    TRY(client.query("SELECT pg_switch_wal()"));
  }
  const Archiving archiving(bench, bench.options->homes,
                            TRY(finished_segments(parent.main.data_directory / "pg_wal")));
  const std::string own = archiving.own().string();
  const std::string copy_and_sync = R"(cp "$1" "$2/" && sync "$2/$3" && sync "$2")";
  const Group put{
      .section = "archive",
      .title = "Archive a segment of 16 MiB, durably",
      .base = "cp",
      .cases = {{"cp, sync of file and directory",
                 [&] {
                   return archiving.put([&](const fs::path& archive) {
                     return std::vector<std::string>{
                         "/bin/sh",       "-c", copy_and_sync, "sh", own, archive.string(),
                         archiving.name()};
                   });
                 }},
                {"velo wal push",
                 [&] {
                   return archiving.put([&](const fs::path& archive) {
                     return std::vector<std::string>{
                         archiving.velo(), "wal", "push",          "--archive",
                         archive.string(), own,   archiving.name()};
                   });
                 }}},
      .prepare = {},
      .notes = {}};
  bench.results.push_back(TRY(run_rounds(put, bench.options->rounds)));
  const Group get{
      .section = "archive",
      .title = "Get an archived segment of 16 MiB back",
      .base = "cp",
      .cases = {{"cp", [&] { return archiving.get_by_cp(); }},
                {"velo wal fetch, not made ready", [&] { return archiving.get_by_velo(false); }},
                {"velo wal fetch", [&] { return archiving.get_by_velo(true); }}},
      .prepare = {},
      .notes = {"velo wal fetch has the next segments made ready while PostgreSQL replays one"}};
  bench.results.push_back(TRY(run_rounds(get, bench.options->rounds)));
  return {};
}

}  // namespace velo::bench
