#include "engine/state.h"

#include <algorithm>
#include <sstream>

#include "base/crypto.h"
#include "base/fault.h"
#include "base/files.h"
#include "catalog/backup.h"
#include "catalog/catalog.h"
#include "catalog/document.h"
#include "catalog/health.h"
#include "catalog/replace.h"
#include "engine/bases.h"
#include "engine/kept.h"
#include "engine/passwords.h"
#include "engine/servers.h"
#include "postgres/scram.h"
#include "storage/registry.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

/// For other commands to end.
constexpr auto patience = 10s;

Result<void> set_password(Engine& engine, const BranchRecords& b) {
  auto connection = TRY(connect_to(engine, b, engine.cancel(), 1s));
  const std::string verifier =
      TRY(postgres::scram_verifier(TRY(password_of(engine.home(), b.branch))));
  TRY(connection.query(
      fmt::format("ALTER ROLE {} PASSWORD {}", postgres::quote_identifier(b.branch.superuser),
                  postgres::quote_literal(verifier)),
      patience));
  return {};
}

std::string damage_of(const fs::path& database) {
  const auto health = catalog::examine(database);
  if (!health) return health.error().message;
  if (!health->damage.empty()) return health->damage.front();
  if (health->schema_version > health->newest_version) {
    return fmt::format("it has schema version {}, and this velo knows up to {}",
                       health->schema_version, health->newest_version);
  }
  return "";
}

/// A backup looked at without anything being made beside it.
BackupView view_of(const catalog::BackupFile& backup) {
  return {
      .file = backup.path.string(), .made_at = backup.made_at, .damage = damage_of(backup.path)};
}

enum class Replace { always, for_what_was_adopted };

/// Nobody else has the catalog open.
class Replacing {
 public:
  static Result<Replacing> begin(const StateRequest& request, Observer& observer,
                                 const Cancellation& cancel) {
    Home home = TRY(Home::open(request.options.home));
    auto lock = FileLock::acquire(home.catalog_lock(), LockMode::exclusive, patience, cancel,
                                  [&] { observer.notice("Waiting for other commands to end"); });
    if (!lock && lock.error().code == Errc::in_use) {
      return fail_with_hint(
          Errc::in_use, "other commands of this home run, and the catalog cannot be exchanged now",
          "end them (velo operations shows what changes something; velo logs --follow is one too)");
    }
    Replacing replacing(request, std::move(home), TRY(std::move(lock)), observer, cancel);
    TRY(catalog::finish_replacement(replacing.database()));
    TRY(replacing.clear_candidate());
    return replacing;
  }

  fs::path database() const { return home_.database(); }
  fs::path candidate() const { return catalog::candidate_of(database()); }
  const Home& home() const { return home_; }

  Result<void> clear_candidate() const {
    for (const char* more : {"", "-wal", "-shm", "-journal", ".tally", ".seal"}) {
      TRY(remove_file(candidate().string() + more));
    }
    return {};
  }

  /// Prepares and completes the candidate, and puts it in place.
  Result<ReplacedState> carry_out(std::string source, Replace when,
                                  const std::function<Result<void>(Engine&)>& prepare) {
    ReplacedState done{.source = std::move(source),
                       .replaced_in = {},
                       .was_sound = damage_of(database()).empty(),
                       .adoption = {},
                       .notes = {}};
    auto made = complete(prepare);
    const bool is_needed = when == Replace::always || (made && !made->adopted.empty());
    if (!made || request_.dry_run || !is_needed) {
      TRY(clear_candidate());
      done.adoption = TRY(std::move(made));
      return done;
    }
    done.adoption = std::move(*made);
    std::string stamp = to_rfc3339(now());
    std::ranges::replace(stamp, ':', '-');
    const fs::path aside = home_.root() / "private/replaced" / stamp;
    TRY(fault_point(Fault::candidate_made));
    TRY(catalog::replace(database(), aside));
    if (path_exists(aside / database().filename())) done.replaced_in = aside.string();
    return done;
  }

 private:
  Replacing(const StateRequest& request, Home home, FileLock lock, Observer& observer,
            const Cancellation& cancel)
      : request_(request),
        home_(std::move(home)),
        lock_(std::move(lock)),
        observer_(&observer),
        cancel_(&cancel) {}

  Result<AdoptionReport> complete(const std::function<Result<void>(Engine&)>& prepare) {
    TRY(fault_point(Fault::candidate_begin));
    Engine engine = Engine::over(home_, TRY(catalog::Catalog::open(candidate())), *observer_,
                                 *cancel_, request_.options);
    TRY(prepare(engine));
    TRY(fault_point(Fault::candidate_adopt));
    AdoptionReport report = TRY(adopt_volumes(engine, TRY(places())));
    TRY(catalog::Catalog::close_into_one_file(std::move(engine.catalog())));
    for (const char* more : {".tally", ".seal"}) TRY(remove_file(candidate().string() + more));
    return report;
  }

  Result<std::vector<Whereabouts::At>> places() const {
    std::vector<Whereabouts::At> places;
    for (const std::string& pool : request_.pools) {
      places.push_back({TRY(storage::choose_driver(pool)).driver, pool});
    }
    if (const auto known = read_whereabouts(home_)) {
      places.insert(places.end(), known->places.begin(), known->places.end());
    }
    return places;
  }

  StateRequest request_;
  Home home_;
  FileLock lock_;
  Observer* observer_;
  const Cancellation* cancel_;
};

/// What was being done when a backup was made has ended since, one way or the other: to undo it now
/// would take away what it made. And what is kept for some time gets all of that again, because
/// nobody can say whether it was brought back meanwhile.
Result<void> make_harmless(Engine& engine) {
  catalog::Catalog& catalog = engine.catalog();
  const auto grace = std::max(TRY(grace_period(engine)), std::chrono::seconds(24h));
  return catalog.change([&]() -> Result<void> {
    for (catalog::Operation& operation : TRY(catalog.open_operations())) {
      operation.state = "undone";
      operation.ended_at = now();
      operation.error = "its end is not known: the catalog is an earlier one";
      TRY(catalog.release_reservations(operation.id));
      TRY(catalog.update(operation));
    }
    for (catalog::Incarnation& life : TRY(catalog.incarnations())) {
      if (!life.kept_until || life.kept_reason == snapshot_reason) continue;
      life.kept_until = std::max(*life.kept_until, now() + grace);
      TRY(catalog.update(life));
    }
    return {};
  });
}

Result<std::string> home_id_of_lost(const Home& home, const StateRequest& request) {
  if (const auto known = read_whereabouts(home)) return known->home_id;
  std::vector<Whereabouts::At> places = usual_places(home);
  for (const std::string& pool : request.pools) {
    places.push_back({TRY(storage::choose_driver(pool)).driver, pool});
  }
  std::string found = home_of_volumes(home, places);
  if (!found.empty()) return found;
  return fail_with_hint(
      Errc::not_found,
      fmt::format("no volume could be told to be of {}: its {} is gone too, and no volume's mark "
                  "names a project or branch that has files below it",
                  home.root().string(), home.places_file().filename().string()),
      "name the pool that the volumes are in: velo state rebuild --pool POOL");
}

}  // namespace

std::vector<BackupView> list_backups(const Home& home) {
  std::vector<BackupView> views;
  for (const auto& backup : catalog::backups_of(home.database(), home.backups())) {
    views.push_back(view_of(backup));
  }
  return views;
}

Result<BackupView> make_backup(const Home& home) {
  TRY(catalog::back_up(home.database(), home.backups(), 0s));
  const auto all = catalog::backups_of(home.database(), home.backups());
  if (all.empty()) return fail(Errc::in_use, "another command makes a backup just now");
  return view_of(all.front());
}

bool is_catalog_sound(const Home& home) {
  return path_exists(home.database()) && damage_of(home.database()).empty();
}

namespace {

Result<ReplacedState> put_backup_in_place(const StateRequest& request, const std::string& file,
                                          Observer& observer, const Cancellation& cancel) {
  Replacing replacing = TRY(Replacing::begin(request, observer, cancel));
  std::vector<std::string> notes;
  std::string chosen = file;
  if (file.empty()) {
    for (const BackupView& backup : list_backups(replacing.home())) {
      if (backup.damage.empty()) {
        chosen = backup.file;
        break;
      }
      notes.push_back(fmt::format("passed over the backup {}: {}", backup.file, backup.damage));
    }
    if (chosen.empty()) {
      return fail_with_hint(Errc::not_found, "there is no backup of the catalog that is sound",
                            "velo state rebuild makes the records again from the volumes' marks");
    }
  } else if (const std::string damage = damage_of(file); !damage.empty()) {
    return fail_with_hint(Errc::state, fmt::format("{} cannot be restored: {}", file, damage),
                          "velo state backups shows those there are");
  }
  TRY(catalog::copy_whole(chosen, replacing.candidate()));
  auto done = TRY(replacing.carry_out("the backup " + chosen, Replace::always, &make_harmless));
  done.notes = std::move(notes);
  return done;
}

Result<ReplacedState> put_rebuilt_in_place(const StateRequest& request, Observer& observer,
                                           const Cancellation& cancel) {
  Replacing replacing = TRY(Replacing::begin(request, observer, cancel));
  if (is_catalog_sound(replacing.home())) {
    TRY(catalog::copy_whole(replacing.database(), replacing.candidate()));
    return replacing.carry_out("the catalog as it is", Replace::for_what_was_adopted,
                               [](Engine&) { return Result<void>{}; });
  }
  const std::string home_id = TRY(home_id_of_lost(replacing.home(), request));
  return replacing.carry_out(
      "the volumes' marks", Replace::always, [&](Engine& engine) -> Result<void> {
        return engine.catalog().change([&] { return engine.catalog().set_home_id(home_id); });
      });
}

/// Where the key is another one than the branches' passwords came from, they are set anew.
Result<ReplacedState> with_passwords(const StateRequest& request, Observer& observer,
                                     const Cancellation& cancel, Result<ReplacedState> replaced) {
  ReplacedState done = TRY(std::move(replaced));
  const Home home = Home::at(request.options.home);
  auto known = read_whereabouts(home);
  if (request.dry_run || !known || known->key.empty() || known->key == TRY(fingerprint_of(home))) {
    return done;
  }
  Engine engine = TRY(Engine::open(request.options, observer, cancel));
  for (const auto& branch : TRY(engine.catalog().branches(catalog::Which::live))) {
    const BranchRecords b = TRY(load_branch(engine, branch.id));
    const auto set = set_password(engine, b);
    done.notes.push_back(set ? fmt::format("{} has a new password: the key is another one than "
                                           "its old one came from",
                                           b.full_name())
                             : fmt::format("{} has its old password, which is not the one that "
                                           "velo shows, for the key is another one ({}): start it, "
                                           "then velo state rebuild once more",
                                           b.full_name(), set.error().message));
    if (!set) known->key.clear();
  }
  if (!known->key.empty()) {
    known->key = TRY(fingerprint_of(home));
    TRY(write_whereabouts(home, *known));
  }
  return done;
}

}  // namespace

Result<ReplacedState> restore_state(const StateRequest& request, const std::string& file,
                                    Observer& observer, const Cancellation& cancel) {
  return with_passwords(request, observer, cancel,
                        put_backup_in_place(request, file, observer, cancel));
}

Result<ReplacedState> rebuild_state(const StateRequest& request, Observer& observer,
                                    const Cancellation& cancel) {
  return with_passwords(request, observer, cancel, put_rebuilt_in_place(request, observer, cancel));
}

Result<ReplacedState> import_state(const StateRequest& request, const std::string& document,
                                   Observer& observer, const Cancellation& cancel) {
  const catalog::DocumentHead head = TRY(catalog::read_head(document));
  Replacing replacing = TRY(Replacing::begin(request, observer, cancel));
  if (is_catalog_sound(replacing.home())) {
    auto there = TRY(catalog::Catalog::open(replacing.database()));
    if (there.home_id() != head.home_id && !TRY(there.projects(catalog::Which::all)).empty()) {
      return fail_with_hint(
          Errc::usage, "the document is of another home, and this one has projects of its own",
          "import it into an empty one: VELO_HOME=/path/to/another velo state import FILE");
    }
  }
  TRY(catalog::import_document(document, replacing.candidate()));
  auto done = TRY(replacing.carry_out("the document", Replace::always, &make_harmless));
  const auto key = head.more.find("key_fingerprint");
  if (key != head.more.end() && key->second != TRY(fingerprint_of(replacing.home()))) {
    done.notes.push_back(fmt::format(
        "the passwords came from another key than {}: put that home's private/key in its place, "
        "else each branch has the password that it had, and velo shows another one",
        (replacing.home().root() / "private/key").string()));
  }
  return done;
}

Result<std::string> export_state(Engine& engine) {
  return catalog::export_document(engine.home().database(),
                                  {{"key_fingerprint", TRY(fingerprint_of(engine.home()))}});
}

}  // namespace velo::engine
