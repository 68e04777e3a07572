// `velo wal`: the archives that earlier moments are made of. (push and fetch, which PostgreSQL
// runs, are in wal_commands.cpp.)
#include "engine/wal.h"
#include "cli/branch.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/json_views.h"
#include "cli/render_wal.h"

namespace velo::cli {
namespace {

constexpr int longest_age_days = 36500;

Command info() {
  auto branch = std::make_shared<std::string>();
  Argument argument = branch_argument(*branch);
  argument.help = "Only this branch's";
  argument.needed = Needed::optional;
  return {.name = "info",
          .summary = "Show what is archived, and which moments can be had",
          .arguments = {std::move(argument)},
          .examples = {{"velo wal info", ""}, {"velo wal info demo/main", ""}},
          .run = [branch](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.read_engine());
            const auto views = TRY(engine::wal_info(engine, *branch));
            context.answer([&] { return json::wal(views); },
                           [&](const Look& look) {
                             return branch->empty() ? render_wal_list(views, look)
                                                    : render_wal(views.front(), look);
                           });
            return 0;
          }};
}

Result<int> run_cleanup(Context& context, engine::WalCleanup request, int days) {
  if (days < 0) {
    return fail_with_hint(Errc::usage, "say how old WAL may become: --days N",
                          fmt::format("velo wal cleanup {} --days 7", request.branch));
  }
  request.age = std::chrono::days(days);
  engine::Engine engine = TRY(context.open_engine());
  const auto cleaned = TRY(engine::wal_cleanup(engine, request));
  context.answer(
      [&] { return json::wal_cleaned(request.branch, cleaned, request.dry_run); },
      [&](const Look&) { return render_wal_cleaned(request.branch, cleaned, request.dry_run); });
  return 0;
}

Command cleanup() {
  auto request = std::make_shared<engine::WalCleanup>();
  auto days = std::make_shared<int>(-1);
  return {
      .name = "cleanup",
      .summary = "Delete archived WAL that is older than so many days",
      .details =
          "WAL that a snapshot needs, so that moments after it can be had, stays unless "
          "--force: velo snapshot cleanup takes the old snapshots away first.",
      .arguments = {branch_argument(request->branch)},
      .options = {{.flags = "--days",
                   .value = "N",
                   .help = "What was archived more than N days ago",
                   .assign = into(*days, "--days", 0, longest_age_days)},
                  {.flags = "--dry-run",
                   .help = "Only say what would go",
                   .assign = into(request->dry_run)},
                  force_option(request->force, "Also what snapshots need")},
      .examples = {{"velo wal cleanup demo/main --days 7 --dry-run", ""},
                   {"velo wal cleanup demo/main --days 7", ""}},
      .run = [request, days](Context& context) { return run_cleanup(context, *request, *days); }};
}

}  // namespace

Command wal_command() {
  return {.name = "wal",
          .group = "Databases",
          .summary = "Look at archived WAL, and make it less",
          .details =
              "Servers archive their WAL (velo config get archive), so that branches can be had as "
              "of an earlier moment: velo branch create PROJECT/NEW --pitr '2 hours ago'. What "
              "leads only to moments before the retention period (velo config get retention) goes "
              "by itself, where no schedule says what stays.",
          .examples = {{"velo wal info", "of all branches"},
                       {"velo wal info demo/main", "which moments of it can be had"}},
          .children = {info(), cleanup()}};
}

}  // namespace velo::cli
