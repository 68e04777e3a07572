// `velo state`: the catalog as a whole.
#include "engine/state.h"

#include "base/files.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/json_state.h"
#include "cli/prompt.h"
#include "cli/render_state.h"
#include "engine/import_earlier.h"

namespace velo::cli {
namespace {

struct Request {
  std::string file;
  std::vector<std::string> pools;
  bool dry_run = false;
  bool force = false;
  bool undo = false;
};

engine::StateRequest state_request(Context& context, const Request& request) {
  return {.options = context.engine_options(), .dry_run = request.dry_run, .pools = request.pools};
}

void answer(Context& context, const engine::ReplacedState& state, bool dry_run) {
  context.answer([&] { return json::replaced_state(state, dry_run); },
                 [&](const Look& look) { return render_replaced_state(state, dry_run, look); });
}

/// Of a catalog that can be read somebody may want to keep what is newer in it.
Result<bool> may_replace(Context& context, const Request& request) {
  const auto home = engine::Home::at(context.environment().home);
  if (request.dry_run || !should_ask(context.output(), request.force) ||
      !engine::is_catalog_sound(home)) {
    return true;
  }
  context.output().err.write(
      "The catalog that is there can be read. What was changed since is in the copy that is kept, "
      "and volumes that were made since are adopted.\n");
  return confirm(context.output(), "Put another one in its place?");
}

Option dry_run_option(bool& target) {
  return {.flags = "--dry-run", .help = "Only say what would come of it", .assign = into(target)};
}

Option pool_option(std::vector<std::string>& pools) {
  return {.flags = "--pool",
          .value = "POOL",
          .help = "Look for volumes there too",
          .assign = [&pools](const std::string& pool) -> Result<void> {
            pools.push_back(pool);
            return {};
          },
          .repeatable = true};
}

Command restore() {
  auto request = std::make_shared<Request>();
  return {
      .name = "restore",
      .summary = "Return to the last good backup of the catalog",
      .details =
          "For a catalog (private/state.db) that is damaged or gone. What is there is kept in "
          "private/replaced; servers go on, and no volume is touched. Volumes that were made since "
          "the backup are adopted by their marks, and what the backup has and is not there any "
          "more is named. On a terminal it asks first where the catalog can still be read, unless "
          "--force.",
      .options = {{.flags = "--from",
                   .value = "FILE",
                   .help = "To this one (velo state backups shows them)",
                   .assign = into(request->file)},
                  pool_option(request->pools),
                  dry_run_option(request->dry_run),
                  force_option(request->force, "Do not ask")},
      .examples = {{"velo state restore --dry-run", "which one, and what would come of it"},
                   {"velo state restore", ""}},
      .run = [request](Context& context) -> Result<int> {
        if (!TRY(may_replace(context, *request))) return declined(context.output());
        const auto done = TRY(engine::restore_state(state_request(context, *request), request->file,
                                                    context.progress(), context.cancel()));
        answer(context, done, request->dry_run);
        return 0;
      }};
}

Command rebuild() {
  auto request = std::make_shared<Request>();
  return {
      .name = "rebuild",
      .summary = "Make records of volumes that have none, from their marks",
      .details =
          "Where the catalog is lost and there is no backup it makes all of it: projects, "
          "branches with their ports and passwords, snapshots and archives (velo doctor --fix does "
          "the same then). Where it can be read it adds what is missing. Settings and schedules "
          "are in no mark. Branches that were deleted and still kept come back, stopped. What "
          "cannot be told to be whole is named and left.",
      .options = {pool_option(request->pools), dry_run_option(request->dry_run)},
      .examples = {{"velo state rebuild --dry-run", ""},
                   {"velo state rebuild --pool /mnt/btrfs", "volumes are there too"}},
      .run = [request](Context& context) -> Result<int> {
        const auto done = TRY(engine::rebuild_state(state_request(context, *request),
                                                    context.progress(), context.cancel()));
        answer(context, done, request->dry_run);
        return 0;
      }};
}

Command export_command() {
  auto file = std::make_shared<std::string>();
  return {
      .name = "export",
      .summary = "Write the catalog as a JSON document",
      .details =
          "All projects, branches, snapshots, schedules and settings. It holds no passwords: they "
          "are derived from private/key, which is not in it either. Who moves a home takes that "
          "file along.",
      .options = {{.flags = "--file",
                   .value = "FILE",
                   .help = "Into this file, which only you can read (default: stdout)",
                   .assign = into(*file)}},
      .examples = {{"velo state export --file velo-state.json", ""}},
      .run = [file](Context& context) -> Result<int> {
        std::string document;
        {
          engine::Engine engine = TRY(context.open_engine());
          document = TRY(engine::export_state(engine));
        }
        if (file->empty()) {
          context.answer([&] { return document; }, [&](const Look&) { return document; });
          return 0;
        }
        TRY(write_file_durably(*file, document, 0600));
        context.answer([&] { return json::exported(*file); },
                       [&](const Look&) { return fmt::format("Exported to {}\n", *file); });
        return 0;
      }};
}

/// What the earlier Velo made is taken over where it is, or given back.
Result<int> run_import_earlier(Context& context, const Request& request,
                               const std::string& document) {
  const auto state = TRY(engine::parse_earlier_state(document));
  if (request.pools.size() > 1) return fail(Errc::usage, "--pool can be given once here");
  engine::Engine engine = TRY(context.open_engine());
  const auto report =
      request.undo
          ? TRY(engine::give_back_earlier(engine, state, request.dry_run))
          : TRY(engine::import_earlier(engine, state,
                                       {.pool = request.pools.empty() ? "" : request.pools.front(),
                                        .dry_run = request.dry_run}));
  context.answer([&] { return json::imported(report, request.undo, request.dry_run); },
                 [&](const Look& look) {
                   return render_imported(report, request.undo, request.dry_run, look);
                 });
  return 0;
}

Result<int> run_import(Context& context, const Request& request) {
  const std::string document = TRY(read_file(request.file));
  if (engine::is_earlier_state(document)) return run_import_earlier(context, request, document);
  if (request.undo) {
    return fail_with_hint(
        Errc::usage, "--undo is for what was taken over from the earlier Velo",
        "velo state restore --from FILE goes back to the catalog that an import replaced");
  }
  if (!TRY(may_replace(context, request))) return declined(context.output());
  const auto done = TRY(engine::import_state(state_request(context, request), document,
                                             context.progress(), context.cancel()));
  answer(context, done, request.dry_run);
  return 0;
}

Command import_command() {
  auto request = std::make_shared<Request>();
  return {
      .name = "import",
      .summary = "Put an exported catalog in place",
      .details =
          "A document that velo state export wrote, into an empty home or the one that it is of. "
          "The catalog that is there is kept in private/replaced; volumes that the document does "
          "not have are adopted by their marks. For the same passwords private/key has to be that "
          "home's too.\n\n"
          "Or the state.json of the earlier Velo (1.0): as root, its datasets and containers are "
          "taken over where they are, without a copy. Ports, users and databases stay; each branch "
          "gets a password of its own. The containers are stopped and kept as NAME.before-import, "
          "and state.json is left as it is: --undo gives everything back, with what was written "
          "meanwhile. With --pool DIRECTORY its datasets are taken for directories there.",
      .arguments = {{.name = "FILE",
                     .help = "What velo state export wrote, or the earlier Velo's state.json",
                     .assign = into(request->file)}},
      .options = {pool_option(request->pools),
                  dry_run_option(request->dry_run),
                  {.flags = "--undo",
                   .help = "Give back what was taken over from this state.json",
                   .assign = into(request->undo)},
                  force_option(request->force, "Do not ask")},
      .examples = {{"velo state import velo-state.json --dry-run", ""},
                   {"velo state import velo-state.json", ""},
                   {"sudo velo state import ~/.velo/state.json", "of the earlier Velo"}},
      .run = [request](Context& context) { return run_import(context, *request); }};
}

Command backups() {
  return {.name = "backups",
          .summary = "List the backups of the catalog",
          .details =
              "Velo makes one after a command that changed something, at most once a minute, and "
              "before an upgrade of the schema; it keeps the last ten, and of each of the last "
              "seven days the last.",
          .examples = {{"velo state backups", ""}},
          .run = [](Context& context) -> Result<int> {
            const auto all = engine::list_backups(engine::Home::at(context.environment().home));
            context.answer([&] { return json::backups(all); },
                           [&](const Look& look) { return render_backups(all, look); });
            return 0;
          }};
}

Command backup() {
  return {.name = "backup",
          .summary = "Back the catalog up now",
          .examples = {{"velo state backup", ""}},
          .run = [](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.open_engine());
            const auto made = TRY(engine::make_backup(engine.home()));
            context.answer([&] { return json::exported(made.file); },
                           [&](const Look&) { return made.file + "\n"; });
            return 0;
          }};
}

}  // namespace

Command state_command() {
  return {
      .name = "state",
      .group = "This machine",
      .summary = "The catalog of all there is: backups, restore, export and import",
      .examples = {{"velo state restore", "after velo said that the catalog is damaged"},
                   {"velo state export --file velo-state.json", ""}},
      .children = {restore(), rebuild(), backups(), backup(), export_command(), import_command()}};
}

}  // namespace velo::cli
