// Every branch: its volume, its files, its server, its port.

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/files.h"
#include "base/time_limit.h"
#include "catalog/catalog.h"
#include "engine/check_parts.h"
#include "engine/drift.h"
#include "engine/servers.h"
#include "postgres/hba.h"
#include "postgres/settings.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

/// What a server may take to answer; one that is well needs milliseconds.
constexpr auto answer_patience = 3s;
/// So many are asked at once, so that servers that hang do not add up.
constexpr std::size_t askers = 16;

/// A running server's answer over the control connection.
using Answer = Result<postgres::Row>;

constexpr std::size_t own_columns = 1;
std::string question(int major) {
  // archive_mode can be off in a clone's files (its parent's own archiving, blanked), on by Velo's
  // command line, and then said to wait for a restart, which would change nothing.
  return "SELECT (SELECT string_agg(name, ', ' ORDER BY name) FROM pg_show_all_settings() WHERE "
         "pending_restart AND name <> 'archive_mode'), " +
         drift_columns(major, AskProviders::no);
}

Answer ask(const Known& known, const Life& life, const runtime::Runtime& runtime,
           const Cancellation& cancel) {
  postgres::Connection::Target target{
      .socket_directory = known.engine->home().run_directory(life.b.branch.id),
      .port = runtime.socket_port(life.b.endpoint.port),
      .server_major = life.b.project.pg_major};
  if (was_started_by_hand(*known.engine, life.b, *life.seen)) {
    target.socket_directory = life.seen->socket_directory;
    target.port = life.seen->socket_port;
    target.peer = TRY(owner_of(life.b.project)).name;
  }
  auto connection = TRY(postgres::Connection::open_any(target, answer_patience, cancel));
  auto rows = TRY(connection.query(question(life.b.project.pg_major), answer_patience));
  if (rows.size() != 1 || rows[0].size() != own_columns + drift_column_count) {
    return fail(Errc::server, "it does not answer as PostgreSQL does");
  }
  return std::move(rows[0]);
}

/// Asks all servers that are ready, side by side.
std::map<const Life*, Answer> ask_all(const Known& known, const Cancellation& cancel) {
  std::map<const Life*, Answer> answers;
  std::vector<std::pair<const Life*, Answer*>> jobs;
  for (const Life& life : known.lives) {
    if (life.kept || !life.seen || !life.seen->runs || !life.seen->is_ready) continue;
    const auto made = answers.emplace(&life, fail(Errc::failed, "not asked")).first;
    jobs.emplace_back(&life, &made->second);
  }
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < jobs.size(); i = next++) {
      const auto& runtime = known.runtimes.at(jobs[i].first->b.project.runtime).runtime;
      *jobs[i].second = ask(known, *jobs[i].first, *runtime, cancel);
    }
  };
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < std::min(askers, jobs.size()); ++i) threads.emplace_back(work);
  threads.clear();  // waits for them
  return answers;
}

/// One branch's findings; the first thing that is wrong may make the rest meaningless.
class BranchCheck {
 public:
  BranchCheck(Findings& findings, const Known& known, const Life& life, const Answer* answer)
      : findings_(findings),
        known_(known),
        life_(life),
        b_(life.b),
        name_(life.b.full_name()),
        answer_(answer) {}

  void work() {
    if (!check_volume()) return;
    check_files();
    check_server();
    if (!wrong_) {
      findings_.ok("branch", name_, fmt::format("{}: {}", name_, what_it_does()));
    }
  }

 private:
  void add(Level level, std::string_view code, std::string_view text, std::string_view hint = {},
           Repair repair = {}) {
    wrong_ = wrong_ || level != Level::info;
    findings_.add(level, fmt::format("branch.{}", code), name_, fmt::format("{}: {}", name_, text),
                  hint, std::move(repair));
  }
  Repair repair(Repair::Kind kind) const { return {.kind = kind, .subject = b_.branch.id}; }

  std::string what_it_does() const {
    if (!life_.seen->runs) return "stopped; its volume is there";
    return fmt::format("runs on port {}, PostgreSQL {}", b_.endpoint.port,
                       b_.incarnation.pg_version);
  }

  std::string how_to_replace() const {
    return b_.is_main() ? fmt::format("put it back from a backup, or: velo project delete {}",
                                      b_.project.name)
                        : fmt::format("velo branch reset {} makes it anew from its parent", name_);
  }

  /// Whether its cluster is there to be looked at.
  bool check_volume() {
    const auto driver = driver_of(b_.project);
    if (!driver) {
      add(Level::error, "driver", driver.error().message, driver.error().hint);
      return false;
    }
    const std::string& volume = b_.incarnation.volume;
    if (!life_.presence) return cannot_tell(life_.presence.error());
    const auto mark = (*driver)->mark_of(volume);
    if (!mark && mark.error().code != Errc::not_found) return cannot_tell(mark.error());
    if (!mark && *life_.presence == storage::Presence::gone) {
      add(Level::error, "volume",
          fmt::format("its volume {} is not in {}", volume, b_.project.pool), how_to_replace());
      return false;
    }
    if (!mark) {
      add(Level::error, "mark", fmt::format("its volume {} has no mark of Velo's", volume),
          "somebody took it away: Velo will not delete what has none");
      return life_.has_files();
    }
    if (mark->home_id != known_.engine->catalog().home_id()) {
      add(Level::error, "mark",
          fmt::format("its volume {} carries the mark of another Velo home ({})", volume,
                      mark->home_id),
          "another home's volume lies where this one's was; nothing of it was touched");
      return false;
    }
    if (mark->incarnation_id != b_.incarnation.id) {
      add(Level::error, "mark",
          fmt::format("its volume {} carries the mark of another branch or life ({}/{}, made {})",
                      volume, mark->project_name, mark->branch_name, to_local(mark->created_at)),
          "somebody exchanged volumes; nothing of it was touched");
      return false;
    }
    if (*life_.presence == storage::Presence::gone) {
      add(Level::error, "volume", fmt::format("the files of its volume {} are gone", volume),
          how_to_replace());
      return false;
    }
    return *life_.presence == storage::Presence::attached || is_to_be_attached();
  }

  /// What is only away must never be replaced.
  bool cannot_tell(const Error& why) {
    add(Level::error, "away",
        fmt::format("whether its volume {} is there cannot be told: {}", b_.incarnation.volume,
                    why.message),
        why.hint);
    return false;
  }

  /// A volume that is there and not mounted, as after a reboot. False: nothing else can be looked
  /// at.
  bool is_to_be_attached() {
    const std::string text = fmt::format("its volume {} is not mounted", b_.incarnation.volume);
    const std::string hint = fmt::format("velo branch start {} mounts it", name_);
    if (b_.branch.wants_running) {
      add(Level::error, "server_down", fmt::format("should run and does not: {}", text), hint,
          repair(Repair::Kind::start));
    } else {
      add(Level::info, "detached", fmt::format("stopped; {}", text), hint);
    }
    return false;
  }

  /// The configuration that Velo wrote, read with the rights of the server's user.
  void check_files() {
    const auto owner = owner_of(b_.project);
    if (!owner) {
      add(Level::error, "owner", owner.error().message, owner.error().hint);
      return;
    }
    const ActAs as(*owner);
    const auto text = read_file(life_.pgdata / postgres::velo_conf);
    const postgres::Settings written = postgres::parse_conf(text.value_or(""));
    for (const auto& [setting, value] : b_.branch.settings) {
      const auto found = written.find(setting);
      if (found != written.end() && found->second == value) continue;
      add(Level::warning, "drift",
          fmt::format("its {} no longer gives {} as --pg-conf did", postgres::velo_conf, setting),
          fmt::format("somebody edited {}", (life_.pgdata / postgres::velo_conf).string()));
    }
    const bool ready = !b_.incarnation.first_start;
    if (ready && postgres::gate_of(life_.pgdata) == postgres::Gate::closed && !is_busy()) {
      add(Level::error, "gate", "its gate is closed: nobody is let in",
          "velo doctor --fix opens it", repair(Repair::Kind::open_gate));
    }
  }

  bool is_busy() const { return !known_.unfinished.empty(); }

  void check_server() {
    if (!life_.seen) {
      add(Level::warning, "unknown",
          fmt::format("whether it runs cannot be told: {}", life_.seen.error().message),
          life_.seen.error().hint);
      return;
    }
    if (life_.seen->runs) {
      check_running();
    } else {
      check_not_running();
    }
  }

  void check_not_running() {
    check_port_is_free();
    check_pid_file();
    if (!b_.branch.wants_running) return;
    const std::string& remark = life_.seen->remark;
    add(Level::error, "server_down",
        fmt::format("should run and does not{}{}", remark.empty() ? "" : ": ", remark),
        fmt::format("velo branch start {}, or velo logs {} for why", name_, name_),
        {.kind = Repair::Kind::start, .subject = b_.branch.id});
  }

  void check_pid_file() {
    const auto owner = owner_of(b_.project);
    if (!owner) return;
    const ActAs as(*owner);
    if (!path_exists(life_.pgdata / "postmaster.pid")) return;
    add(Level::warning, "pid_file",
        "a killed server's postmaster.pid is left; the next start clears it", {},
        repair(Repair::Kind::clear_pid_file));
  }

  void check_port_is_free() {
    const Listener* other = listener_on(known_.listeners, b_.endpoint.address, b_.endpoint.port);
    if (other == nullptr) return;
    add(b_.branch.wants_running ? Level::error : Level::warning, "port",
        fmt::format("its port {} is taken by {}", b_.endpoint.port, name_of_holder(other->inode)),
        fmt::format("end that, then: velo branch start {}", name_));
  }

  void check_running() {
    const runtime::Seen& seen = *life_.seen;
    if (!b_.branch.wants_running && !is_busy()) {
      add(Level::warning, "started", "was stopped, and somebody started its server by hand",
          fmt::format("velo branch start {} keeps it running, velo branch stop {} ends it", name_,
                      name_));
    }
    if (!seen.remark.empty()) {
      add(Level::info, "remark", seen.remark);
    }
    if (was_started_by_hand(*known_.engine, b_, seen)) {
      add(Level::warning, "by_hand",
          fmt::format("its server was started by hand, on port {}: its URL does not lead there",
                      seen.socket_port),
          fmt::format("velo branch restart {} starts it as Velo would", name_));
    } else {
      check_port_is_its_own();
    }
    if (!seen.is_ready) {
      add(Level::warning, "starting", "is starting, or recovers from a crash",
          fmt::format("velo logs {} shows how far it is", name_));
      return;
    }
    check_answer();
  }

  /// Only where the server is a process whose descriptors can be looked at; a daemon publishes a
  /// container's port in ways of its own.
  void check_port_is_its_own() {
    const runtime::Seen& seen = *life_.seen;
    if (seen.socket_directory.empty() || seen.pid == 0) return;
    const Listener* listener = listener_on(known_.listeners, b_.endpoint.address, b_.endpoint.port);
    if (listener == nullptr) {
      add(Level::error, "port",
          fmt::format("runs, and nobody listens on its port {}", b_.endpoint.port),
          fmt::format("velo branch restart {}", name_));
    } else if (!holds_socket(seen.pid, listener->inode) &&
               std::ranges::none_of(known_.listeners, [&](const Listener& one) {
                 return one.port == b_.endpoint.port && holds_socket(seen.pid, one.inode);
               })) {
      add(Level::error, "port",
          fmt::format("runs, and its port {} is {}'s", b_.endpoint.port,
                      name_of_holder(listener->inode)),
          fmt::format("end that, then: velo branch restart {}", name_));
    }
  }

  void check_answer() {
    if (answer_ == nullptr) return;
    if (!*answer_) {
      const Error& error = answer_->error();
      const bool refused = error.message.find("pg_hba.conf") != std::string::npos ||
                           error.hint.find("pg_hba.conf") != std::string::npos;
      if (refused) {
        add(Level::warning, "way_in", fmt::format("does not let Velo in: {}", error.message),
            "somebody edited its pg_hba.conf; the next command puts Velo's lines back",
            repair(Repair::Kind::let_velo_in));
      } else {
        add(Level::error, "answer", fmt::format("runs, and does not answer: {}", error.message),
            error.hint.empty() ? fmt::format("velo branch restart {}", name_) : error.hint);
      }
      return;
    }
    check_drift(**answer_);
  }

  void check_drift(const postgres::Row& row) {
    if (row[0]) {
      add(Level::info, "restart", fmt::format("settings that wait for a restart: {}", *row[0]),
          fmt::format("velo branch restart {}", name_));
    }
    if (row[own_columns] && *row[own_columns] != b_.branch.superuser) {
      add(Level::warning, "superuser",
          fmt::format("its superuser {} is called {} now, and its URL does not say so",
                      b_.branch.superuser, *row[own_columns]),
          fmt::format("velo branch restart {} takes note of it", name_));
    }
    constexpr std::size_t databases_at = own_columns + 2;
    if (row[databases_at]) {
      std::string names = *row[databases_at];
      std::ranges::replace(names, '\n', ' ');
      add(Level::warning, "collation",
          fmt::format("text may sort differently than its indexes were built for, in: {}", names),
          "in each: REINDEX DATABASE; ALTER DATABASE … REFRESH COLLATION VERSION");
    }
  }

  Findings& findings_;
  const Known& known_;
  const Life& life_;
  const BranchRecords& b_;
  std::string name_;
  const Answer* answer_;
  bool wrong_ = false;
};

}  // namespace

void check_branches(Findings& findings, const Known& known, const Cancellation& cancel) {
  const std::map<const Life*, Answer> answers = ask_all(known, cancel);
  bool any = false;
  for (const Life& life : known.lives) {
    if (life.kept || life.b.branch.deleted_at) continue;
    any = true;
    const auto answer = answers.find(&life);
    BranchCheck(findings, known, life, answer == answers.end() ? nullptr : &answer->second).work();
  }
  if (!any) findings.add(Level::info, "branch.none", {}, "there are no branches yet");
}

}  // namespace velo::engine
