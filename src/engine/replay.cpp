#include "engine/replay.h"

#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "archive/coverage.h"
#include "archive/feeder.h"
#include "archive/progress.h"
#include "base/fault.h"
#include "base/files.h"
#include "base/signals_blocked.h"
#include "base/size.h"
#include "base/text.h"
#include "engine/servers.h"
#include "postgres/cluster.h"
#include "runtime/restore_command.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

/// Ctrl-C ends the wait at any time.
constexpr auto replay_patience = std::chrono::hours(7 * 24);
constexpr auto query_patience = 60s;
/// How long a container waits for the host to answer: the host is this process, or nobody.
constexpr auto feeder_patience = 60s;
constexpr auto telling_pause = 100ms;

/// Beside PGDATA, on its file system: what is fetched is moved there.
fs::path directory_in(const fs::path& volume_root) {
  return volume_root / "recovery";
}

/// Whether the server's user can run this program; never in a container.
bool can_run(const fs::path& program, const runtime::Build& build) {
  if (program.empty() || !build.image.empty()) return false;
  return check_reachable(program, build.owner).has_value() && [&] {
    const ActAs as(build.owner);
    return ::access(program.c_str(), X_OK) == 0;
  }();
}

/// Feeds a container for as long as it lives.
class Feeding {
 public:
  Feeding(archive::Feeder feeder, const OsUser& owner)
      : feeder_(std::move(feeder)), thread_([this, owner] {
          const ActAs as(owner);
          // What goes wrong for one file is that file's answer; the rest shows in the server's log.
          (void)feeder_.run(stop_);
        }) {}
  Feeding(const Feeding&) = delete;
  Feeding& operator=(const Feeding&) = delete;
  Feeding(Feeding&&) = delete;
  Feeding& operator=(Feeding&&) = delete;
  ~Feeding() {
    stop_.request();
    thread_.join();
  }

 private:
  archive::Feeder feeder_;
  Cancellation stop_;
  std::thread thread_;
};

/// A thread that tells how far the recovery has come, for as long as it lives.
std::jthread tell_progress(Observer& observer, const fs::path& lineage_file, std::size_t known,
                           const OsUser& owner) {
  const SignalsBlocked blocked;
  return std::jthread([&observer, lineage_file, known, owner](const std::stop_token& stop) {
    const ActAs as(owner);
    std::mutex mutex;
    std::condition_variable_any stopped;
    // cppcheck-suppress localMutex; the wait wants a lock, and guards nothing with it
    std::unique_lock lock(mutex);
    const auto is_over = [&] { return stop.stop_requested(); };
    std::uint64_t told = 0;
    while (!stopped.wait_for(lock, stop, telling_pause, is_over)) {
      const auto progress = archive::read_progress(lineage_file);
      if (!progress || progress->segments == told) continue;
      told = progress->segments;
      observer.step_progress(fmt::format("{} of at most {} segments", told, known));
    }
  });
}

std::unexpected<Error> not_reached(Engine& engine, const RecoveryPlan& plan, Error server) {
  const auto windows = windows_of(engine, plan.followed);
  const bool some = windows && !windows->empty();
  return std::unexpected(Error{
      Errc::not_found,
      fmt::format("the WAL of {} does not reach {}", plan.followed.full_name(),
                  to_words(plan.target)),
      some ? fmt::format("{} can be had {}", plan.followed.full_name(), join_words(*windows)) : "",
      std::move(server.detail)});
}

/// When it was a file of the archives that could not be read, that is what went wrong, and the
/// server's log says which, and why.
Error name_unreadable(const RecoveryPlan& plan, Error server) {
  const std::string_view failure = archive::last_fetch_failure(server.detail);
  if (failure.empty()) return server;
  server.message = fmt::format("the WAL of {} cannot be replayed to {}: {}",
                               plan.followed.full_name(), to_words(plan.target), failure);
  server.hint = fmt::format("an earlier moment may not need that file; velo wal info {} lists them",
                            plan.followed.full_name());
  return server;
}

/// Writes the lineage down, where the server's user reads it; the directory is that user's.
Result<fs::path> write_lineage(const RecoveryPlan& plan, const fs::path& volume_root) {
  const fs::path directory = directory_in(volume_root);
  TRY(remove_tree(directory));
  TRY(ensure_directory(directory, 0700));
  TRY(write_file_durably(directory / "lineage", TRY(archive::to_text(plan.lineage)), 0600));
  return directory / "lineage";
}

/// One start that replays to `target`.
Result<void> replay_to(const RecoveryPlan& plan, const postgres::RecoveryTarget& target,
                       const fs::path& lineage_file, runtime::Runtime& runtime,
                       runtime::ServerSpec spec, const Cancellation& cancel) {
  std::optional<Feeding> feeding;
  postgres::Recovery recovery{.target = target, .timeline = plan.timeline, .restore_command = {}};
  if (can_run(spec.program, spec.build)) {
    recovery.restore_command = runtime::restore_command(spec.program, lineage_file);
  } else {
    const fs::path stage = directory_in(spec.root) / "stage";
    const ActAs as(spec.build.owner);
    TRY(ensure_directory(stage, 0700));
    feeding.emplace(TRY(archive::Feeder::open(stage, plan.lineage, lineage_file)),
                    spec.build.owner);
    recovery.restore_command = runtime::staged_restore_command(stage, feeder_patience);
  }
  for (auto& setting : postgres::recovery_settings(recovery)) {
    spec.overrides.push_back(std::move(setting));
  }
  spec.promotes = true;
  return TRY(runtime.start(spec))->await_ready(replay_patience, cancel);
}

}  // namespace

Result<void> replay(Engine& engine, const RecoveryPlan& planned, runtime::Runtime& runtime,
                    const runtime::ServerSpec& spec, const Cancellation& cancel) {
  RecoveryPlan plan = planned;
  fs::path lineage_file;
  archive::Coverage coverage;
  {
    const ActAs as(spec.build.owner);
    const auto start = TRY(postgres::recovery_start(spec.pgdata));
    plan.lineage.segment_size = TRY(postgres::read_control_file(spec.pgdata)).segment_size;
    coverage = TRY(archive::coverage_of(plan.lineage, start.timeline, start.redo, plan.timeline));
    lineage_file = TRY(write_lineage(plan, spec.root));
    TRY(postgres::request_recovery(spec.pgdata));
  }
  TRY(fault_point(Fault::replay_laid_out));
  engine.observer().notice(fmt::format(
      "begins with the snapshot of {}, and replays at most {} of WAL", to_local(plan.base_taken_at),
      to_size(coverage.segments * plan.lineage.segment_size)));
  const std::jthread telling =
      tell_progress(engine.observer(), lineage_file, coverage.segments, spec.build.owner);
  auto reached = replay_to(plan, plan.target, lineage_file, runtime, spec, cancel);
  if (reached) return reached;
  if (!postgres::missed_target(reached.error().detail)) {
    return std::unexpected(name_unreadable(plan, std::move(reached).error()));
  }
  if (plan.end_is_marked || !std::holds_alternative<postgres::ToTime>(plan.target)) {
    return not_reached(engine, plan, reached.error());
  }
  if (coverage.gap) {
    Error error = not_reached(engine, plan, reached.error()).error();
    error.message += fmt::format(": the segment {} is missing", *coverage.gap);
    return std::unexpected(std::move(error));
  }
  // Nothing was committed after the target, as far as anybody can know: the end of the WAL is it.
  return replay_to(plan, postgres::ToEnd{}, lineage_file, runtime, spec, cancel);
}

Result<void> finish_replay(Engine& engine, const RecoveryPlan& plan, BranchRecords& b,
                           postgres::Connection& connection) {
  const auto rows =
      TRY(connection.query("SELECT to_char(pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC',"
                           " 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
                           query_patience));
  std::optional<Timestamp> last;
  if (rows.size() == 1 && rows.front().at(0)) last = TRY(parse_rfc3339(*rows.front().at(0)));
  const auto* time = std::get_if<postgres::ToTime>(&plan.target);
  if (time != nullptr && last && *last > time->time) {
    return fail(Errc::server, "the recovery went on to {}, past {}", to_rfc3339(*last),
                to_words(plan.target));
  }
  engine.observer().notice(
      last ? fmt::format("the last transaction replayed was committed at {} ({})", to_local(*last),
                         to_rfc3339(*last))
           : std::string("no transaction had to be replayed"));
  const auto driver = TRY(driver_of(b.project));
  const fs::path root = driver->root_of(b.incarnation.volume);
  {
    const OsUser owner = TRY(owner_of(b.project));
    const ActAs as(owner);
    TRY(remove_tree(directory_in(root)));
  }
  return note_switch_point(b, pgdata_in(root));
}

}  // namespace velo::engine
