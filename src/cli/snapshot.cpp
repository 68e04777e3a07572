// `velo snapshot`: moments of a branch that are kept.
#include "cli/branch.h"
#include "cli/caretaker.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/json_views.h"
#include "cli/names.h"
#include "cli/render_snapshot.h"
#include "cli/schedule.h"
#include "engine/snapshots.h"

namespace velo::cli {
namespace {

constexpr int longest_age_days = 36500;

Argument snapshot_argument(std::string& target) {
  return {.name = "ID",
          .help = "Its id or a beginning of it, or PROJECT/BRANCH@LABEL",
          .assign = into(target),
          .complete = complete_snapshots()};
}

Argument optional_branch(std::string& target, std::string help) {
  Argument argument = branch_argument(target);
  argument.help = std::move(help);
  argument.needed = Needed::optional;
  return argument;
}

Command create() {
  struct Request {
    std::string branch;
    std::string label;
  };
  auto request = std::make_shared<Request>();
  return {.name = "create",
          .summary = "Keep a branch as it is now",
          .details =
              "The snapshot holds every transaction whose commit was acknowledged before the "
              "command began. It costs what a branch costs that is not started, and stays until "
              "it is deleted.",
          .arguments = {branch_argument(request->branch)},
          .options = {{.flags = "--label",
                       .value = "TEXT",
                       .help = "A name of its own: PROJECT/BRANCH@TEXT means it then",
                       .assign = into(request->label)}},
          .examples = {{"velo snapshot create demo/main", ""},
                       {"velo snapshot create demo/main --label before-migration", ""}},
          .run = [request](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.open_engine_for_servers());
            const auto made = TRY(engine::create_snapshot(engine, request->branch, request->label));
            context.answer([&] { return json::snapshot(made); },
                           [&](const Look& look) {
                             const std::string text = render_snapshot(made, look);
                             return context.quiet() ? text
                                                    : text + render_snapshot_next(made, look);
                           });
            call_caretaker(context, engine);  // pools that follow the newest
            return 0;
          }};
}

Command list() {
  auto branch = std::make_shared<std::string>();
  return {.name = "list",
          .aliases = {"ls"},
          .summary = "List snapshots, the oldest first",
          .arguments = {optional_branch(*branch, "Only this branch's")},
          .examples = {{"velo snapshot list", ""}, {"velo snapshot list demo/main", ""}},
          .run = [branch](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.read_engine());
            const auto snapshots = TRY(engine::list_snapshots(engine, *branch));
            context.answer([&] { return json::snapshots(snapshots); },
                           [&](const Look& look) { return render_snapshots(snapshots, look); });
            return 0;
          }};
}

Command get() {
  auto name = std::make_shared<std::string>();
  return {.name = "get",
          .summary = "Show one snapshot, its size measured anew",
          .arguments = {snapshot_argument(*name)},
          .examples = {{"velo snapshot get demo/main@before-migration", ""}},
          .run = [name](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.read_engine());
            const auto snapshot = TRY(engine::get_snapshot(engine, *name));
            context.answer([&] { return json::snapshot(snapshot); },
                           [&](const Look& look) { return render_snapshot(snapshot, look); });
            return 0;
          }};
}

Command remove() {
  auto name = std::make_shared<std::string>();
  return {.name = "delete",
          .aliases = {"rm"},
          .summary = "Delete a snapshot, at once",
          .details =
              "Branches that were made from it keep all that they have. A moment that only this "
              "snapshot led to cannot be had any more.",
          .arguments = {snapshot_argument(*name)},
          .examples = {{"velo snapshot delete demo/main@before-migration", ""}},
          .run = [name](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.open_engine());
            const auto gone = TRY(engine::delete_snapshot(engine, *name));
            context.answer([&] { return json::snapshot(gone); },
                           [&](const Look&) {
                             return fmt::format("Deleted the snapshot {} of {}.\n", gone.short_id,
                                                gone.branch);
                           });
            return 0;
          }};
}

Result<int> run_cleanup(Context& context, const engine::CleanupRequest& request, bool all) {
  if (all != request.branch.empty()) {
    return fail_with_hint(Errc::usage, "say which snapshots: of one branch, or of all of them",
                          "velo snapshot cleanup demo/main --days 30, or velo snapshot cleanup "
                          "--all --days 30");
  }
  if (request.days < 0) {
    return fail_with_hint(Errc::usage, "say how old a snapshot may become: --days N",
                          "velo snapshot cleanup demo/main --days 30");
  }
  engine::Engine engine = TRY(context.open_engine());
  const auto cleaned = TRY(engine::cleanup_snapshots(engine, request));
  context.answer([&] { return json::cleaned(cleaned, request.dry_run); },
                 [&](const Look& look) { return render_cleaned(cleaned, request.dry_run, look); });
  return 0;
}

Command cleanup() {
  auto request = std::make_shared<engine::CleanupRequest>();
  auto all = std::make_shared<bool>(false);
  request->days = -1;
  return {.name = "cleanup",
          .summary = "Delete snapshots older than so many days",
          .details =
              "Says for each snapshot what becomes of it, and why. The last one of a branch stays, "
              "however old, unless --keep-last 0.",
          .arguments = {optional_branch(request->branch, "Only this branch's")},
          .options = {{.flags = "--all", .help = "Every branch's", .assign = into(*all)},
                      {.flags = "--days",
                       .value = "N",
                       .help = "Those taken more than N days ago",
                       .assign = into(request->days, "--days", 0, longest_age_days)},
                      {.flags = "--keep-last",
                       .value = "N",
                       .help = "Of each branch the newest N stay (default: 1)",
                       .assign = into(request->keep_last, "--keep-last", 0, 1'000'000)},
                      {.flags = "--dry-run",
                       .help = "Only say what would become of them",
                       .assign = into(request->dry_run)}},
          .examples = {{"velo snapshot cleanup demo/main --days 30", ""},
                       {"velo snapshot cleanup --all --days 30 --dry-run", ""}},
          .run = [request, all](Context& context) { return run_cleanup(context, *request, *all); }};
}

}  // namespace

Command snapshot_command() {
  return {.name = "snapshot",
          .aliases = {"snap"},
          .group = "Databases",
          .summary = "Keep moments of a branch, to branch from or to go back to",
          .details =
              "velo branch create PROJECT/NEW --snapshot ID makes a branch of one; velo branch "
              "restore PROJECT/BRANCH --snapshot ID takes a branch back to one.",
          .examples = {{"velo snapshot create demo/main --label before-migration", ""},
                       {"velo snapshot list demo/main", ""}},
          .children = {create(), list(), get(), remove(), cleanup(), schedule_command(),
                       run_schedule_command()}};
}

}  // namespace velo::cli
