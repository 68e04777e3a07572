// What the catalog and the home say of themselves: the key, unfinished operations, kept volumes,
// certificates.

#include <algorithm>
#include <map>

#include "base/files.h"
#include "base/lock.h"
#include "engine/check_parts.h"
#include "engine/operation.h"
#include "engine/snapshots.h"
#include "postgres/certificate.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

constexpr auto soon = std::chrono::days(30);

void check_key(Findings& findings, const Home& home) {
  const std::string path = (home.root() / "private/key").string();
  const auto key = home.key();
  if (key) {
    findings.ok("state.key", path, "the key that passwords are derived from is there");
  } else if (key.error().code == Errc::not_found) {
    findings.add(
        Level::error, "state.key", path,
        fmt::format("the key {} is gone: the passwords of all branches came from it", path),
        "put it back from a backup before any other command makes another one");
  } else {
    findings.failed(Level::error, "state.key", path, key.error());
  }
}

void check_operations(Findings& findings, const Known& known) {
  for (const auto& operation : known.unfinished) {
    const std::string what = fmt::format("{} of {}", operation.kind, operation.subject);
    const std::string age =
        to_words(std::chrono::duration_cast<std::chrono::seconds>(now() - operation.started_at));
    if (is_running(*known.engine, operation)) {
      findings.add(Level::info, "state.operation", operation.subject,
                   fmt::format("{} is running, for {} (pid {})", what, age, operation.pid));
      continue;
    }
    findings.add(Level::warning, "state.operation", operation.subject,
                 fmt::format("{} was interrupted {} ago", what, age),
                 "the next command that changes something mends it, or velo doctor --fix now",
                 {.kind = Repair::Kind::mend, .subject = {}});
  }
  if (known.unfinished.empty()) {
    findings.ok("state.operation", {}, "no operation is unfinished");
  }
}

void check_certificate(Findings& findings, const Known& known, const catalog::Project& project) {
  const fs::path directory = known.engine->home().tls_directory(project.id);
  const std::string path = (directory / "server.crt").string();
  const Repair repair{.kind = Repair::Kind::renew_certificate, .subject = project.id};
  constexpr auto renews =
      "velo doctor --fix makes a new one; who keeps a copy of it copies it anew";
  const auto text = read_file(path);
  const auto expiry =
      text ? postgres::expiry_of(*text) : Result<Timestamp>(std::unexpected(text.error()));
  const std::string whose = fmt::format("the certificate of {}", project.name);
  if (!expiry || !path_exists(directory / "server.key")) {
    findings.add(Level::error, "state.certificate", path,
                 fmt::format("{} is missing or none, or its key is: servers cannot start", whose),
                 renews, repair);
    return;
  }
  const std::string day = to_rfc3339(*expiry).substr(0, std::string_view("2025-10-09").size());
  if (*expiry <= now()) {
    findings.add(Level::error, "state.certificate", path,
                 fmt::format("{} has expired on {}", whose, day), renews, repair);
  } else if (*expiry <= now() + soon) {
    findings.add(Level::warning, "state.certificate", path,
                 fmt::format("{} expires on {}", whose, day), renews, repair);
  } else {
    findings.ok("state.certificate", path, fmt::format("{} is valid until {}", whose, day));
  }
}

/// What `undelete` would bring back, and cannot.
void check_kept(Findings& findings, const Known& known) {
  struct Away {
    Error why;
    std::size_t volumes = 0;
  };
  std::map<std::string, Away> away_by_pool;
  std::size_t kept = 0;
  for (const Life& life : known.lives) {
    if (!life.kept) continue;
    const bool is_snapshot = life.b.incarnation.kept_reason == snapshot_reason;
    if (!is_snapshot) ++kept;
    if (!life.presence) {
      Away& away = away_by_pool[life.b.project.pool];
      away.why = life.presence.error();
      ++away.volumes;
      continue;
    }
    const bool is_gone = *life.presence == storage::Presence::gone;
    if (is_snapshot && is_gone) {
      findings.add(Level::warning, "state.snapshot", life.b.full_name(),
                   fmt::format("the volume {} of a snapshot of {} is gone",
                               life.b.incarnation.volume, life.b.full_name()),
                   fmt::format("forget it: velo snapshot delete {}", life.b.incarnation.id));
    } else if (is_gone) {
      findings.add(Level::warning, "state.kept", life.b.full_name(),
                   fmt::format("{} was {}, and its kept volume {} is gone: it cannot be had back",
                               life.b.full_name(), life.b.incarnation.kept_reason,
                               life.b.incarnation.volume),
                   "its record goes when its time is over");
    } else if (life.seen && life.seen->runs) {
      findings.add(Level::warning, "state.kept", life.b.full_name(),
                   fmt::format("a server runs on the kept volume {} (pid {})",
                               life.b.incarnation.volume, life.seen->pid),
                   "who started it knows why; it goes with the volume");
    }
  }
  for (const auto& [pool, away] : away_by_pool) {
    findings.add(
        Level::warning, "state.away", pool,
        fmt::format("whether the snapshots and kept volumes in {} ({}) are there cannot be "
                    "told: {}",
                    pool, away.volumes, away.why.message),
        away.why.hint);
  }
  if (kept == 0) return;
  findings.add(Level::info, "state.kept", {},
               fmt::format("volumes of deleted or reset branches in their grace period: {}", kept));
}

}  // namespace

void check_state(Findings& findings, const Known& known) {
  check_key(findings, known.engine->home());
  check_operations(findings, known);
  check_kept(findings, known);
  for (const Life& life : known.lives) {
    const auto& branch = life.b.branch;
    if (life.kept || branch.deleted_at || branch.incarnation_id == life.b.incarnation.id) continue;
    findings.add(Level::error, "state.records", life.b.full_name(),
                 fmt::format("the volume {} is recorded for {}, which does not use it",
                             life.b.incarnation.volume, life.b.full_name()),
                 "this is a defect in Velo: please report it with velo doctor --json");
  }
}

void check_certificates(Findings& findings, const Known& known) {
  for (const auto& project : known.projects) {
    if (!project.deleted_at) check_certificate(findings, known, project);
  }
}

}  // namespace velo::engine
