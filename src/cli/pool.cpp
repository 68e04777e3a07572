// `velo pool`: branches kept running and idle, for whoever wants one at once.
#include "cli/caretaker.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/json_views.h"
#include "cli/names.h"
#include "cli/render.h"
#include "cli/render_pool.h"
#include "engine/branch_pool.h"

namespace velo::cli {
namespace {

constexpr int largest_pool = 1000;

Argument parent_argument(std::string& target) {
  return {.name = "PROJECT[/BRANCH]",
          .help = "Whose pool; without BRANCH: the project's main",
          .assign = into(target),
          .complete = complete_parents()};
}

Result<int> run_set(Context& context, const engine::SetBranchPool& request) {
  if (request.size == 0) {
    return fail_with_hint(Errc::usage, "say how many branches are to be ready: --size N",
                          fmt::format("velo pool remove {} removes it", request.parent));
  }
  engine::Engine engine = TRY(context.open_engine());
  const auto pool = TRY(engine::set_branch_pool(engine, request));
  context.answer([&] { return json::branch_pool(pool); },
                 [&](const Look& look) {
                   std::string text = render_branch_pools({pool}, look);
                   if (pool.ephemeral) {
                     text +=
                         "fsync, full_page_writes and synchronous_commit are off in its "
                         "branches: none would survive a crash of this machine\n";
                   }
                   if (context.quiet()) return text;
                   return text + render_next({{fmt::format("velo run {} -- COMMAND", pool.parent),
                                               "run a command with one of them"},
                                              {"velo pool list", "how many are ready"}},
                                             look);
                 });
  call_caretaker(context, engine);
  return 0;
}

Command set() {
  auto request = std::make_shared<engine::SetBranchPool>();
  return {
      .name = "set",
      .summary = "Keep so many branches ready, from now on",
      .details =
          "They are of the parent's newest snapshot that you or a schedule took; where there is "
          "none one is taken. With a newer one they are replaced. --snapshot has them be of "
          "that one, whatever comes. The pool is filled in the background.",
      .arguments = {parent_argument(request->parent)},
      .options = {{.flags = "--size",
                   .value = "N",
                   .help = "How many are to be ready",
                   .assign = into(request->size, "--size", 1, largest_pool)},
                  {.flags = "--snapshot",
                   .value = "ID",
                   .help = "Of this snapshot: an id, a label of the branch's, or "
                           "PROJECT/BRANCH@LABEL",
                   .assign = into(request->snapshot),
                   .complete = complete_snapshots()},
                  {.flags = "--ephemeral",
                   .help = "Wait for no disk: fsync, full_page_writes and synchronous_commit "
                           "are off; only velo run takes them",
                   .assign = into(request->ephemeral)}},
      .examples = {{"velo pool set demo --size 4", ""},
                   {"velo pool set demo/dev --size 8 --snapshot seeded --ephemeral", "for tests"}},
      .run = [request](Context& context) { return run_set(context, *request); }};
}

Command list() {
  return {.name = "list",
          .aliases = {"ls"},
          .summary = "List pools, with how many branches are ready and what they are of",
          .examples = {{"velo pool list", ""}},
          .run = [](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.read_engine());
            const auto pools = TRY(engine::list_branch_pools(engine));
            context.answer([&] { return json::branch_pools(pools); },
                           [&](const Look& look) {
                             if (!pools.empty()) return render_branch_pools(pools, look);
                             return "There are no pools of branches.\n" +
                                    render_next({{"velo pool set PROJECT --size N",
                                                  "keep N branches of its main ready"}},
                                                look);
                           });
            return 0;
          }};
}

Command remove() {
  auto parent = std::make_shared<std::string>();
  return {.name = "remove",
          .aliases = {"rm"},
          .summary = "Remove a pool with the branches that nobody took",
          .arguments = {parent_argument(*parent)},
          .examples = {{"velo pool remove demo", ""}},
          .run = [parent](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.open_engine());
            const auto pool = TRY(engine::remove_branch_pool(engine, *parent));
            context.answer(
                [&] { return json::branch_pool(pool); },
                [&](const Look&) { return fmt::format("Removed the pool of {}\n", pool.parent); });
            call_caretaker(context, engine);
            return 0;
          }};
}

}  // namespace

Command pool_command() {
  return {.name = "pool",
          .group = "Databases",
          .summary = "Keep branches running and idle, for whoever wants one at once",
          .details =
              "velo run takes its branch from its parent's pool, and so does velo branch create "
              "--from-pool: in a few milliseconds. A process in the background makes others in "
              "their place. Listings leave out the branches that wait; velo branch list --all "
              "shows them.",
          .examples = {{"velo pool set demo --size 4", "four copies of demo/main, ready"},
                       {"velo run demo -- npm test", "takes one"}},
          .children = {set(), list(), remove()}};
}

}  // namespace velo::cli
