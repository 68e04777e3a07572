// The catalog as a whole: its backups, another one in its place, and as a document.
//
// Whatever comes in its place is made beside it (catalog/replace.h), looks for volumes that it has
// no record of and adopts them (adopt.h), and only then takes the place; what was there is copied
// to private/replaced/<time> first. Servers and volumes are not touched, and nothing is deleted.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "engine/adopt.h"
#include "engine/engine.h"

namespace velo::engine {

struct BackupView {
  std::string file;
  Timestamp made_at;
  std::string damage;  ///< empty: it is sound
};
/// The newest first, each looked at.
std::vector<BackupView> list_backups(const Home& home);

/// Makes one now.
Result<BackupView> make_backup(const Home& home);

struct ReplacedState {
  std::string source;       ///< "the backup /…/state-….db"
  std::string replaced_in;  ///< the directory with what was there; empty in a dry run
  bool was_sound = false;   ///< what was there could still be read
  AdoptionReport adoption;
  std::vector<std::string> notes;
};

/// What the use cases below are given: no engine, for there may be no catalog to open.
struct StateRequest {
  Engine::Options options;
  bool dry_run = false;
  /// Further places to look for volumes in.
  std::vector<std::string> pools = {};
};

/// Whether the catalog that is there can be read whole.
bool is_catalog_sound(const Home& home);

/// Back to `file`, or (empty) to the newest backup that is sound. Errc::not_found when there is
/// none, Errc::state when that one is damaged.
Result<ReplacedState> restore_state(const StateRequest& request, const std::string& file,
                                    Observer& observer, const Cancellation& cancel);

/// The catalog as it is, or where it cannot be read an empty one, with the volumes that it lacks.
Result<ReplacedState> rebuild_state(const StateRequest& request, Observer& observer,
                                    const Cancellation& cancel);

/// What `export_state` wrote. Errc::usage when it is that of another home than this one, and this
/// one has projects.
Result<ReplacedState> import_state(const StateRequest& request, const std::string& document,
                                   Observer& observer, const Cancellation& cancel);

/// Everything but the journal and caches (catalog/document.h). It holds no passwords and not the
/// key that they are derived from, only that key's fingerprint.
Result<std::string> export_state(Engine& engine);

}  // namespace velo::engine
