// `velo branch`: copies, what becomes of them, and how to reach them. (Deleting and resetting,
// which ask first, are in branch_destroy.cpp.)
#include "cli/branch.h"

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/json_views.h"
#include "cli/moment.h"
#include "cli/names.h"
#include "cli/render.h"
#include "engine/branches.h"

namespace velo::cli {
namespace {

Command list() {
  auto project = std::make_shared<std::string>();
  auto all = std::make_shared<bool>(false);
  return {.name = "list",
          .aliases = {"ls"},
          .summary = "List branches as a tree, each below its parent",
          .arguments = {{.name = "PROJECT",
                         .help = "Only this project's branches",
                         .assign = into(*project),
                         .complete = complete_projects(),
                         .needed = Needed::optional}},
          .options = {{.flags = "-a,--all",
                       .help = "Also those that wait in a pool",
                       .assign = into(*all)}},
          .examples = {{"velo branch list", ""}, {"velo branch list demo", ""}},
          .run = [project, all](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.read_engine());
            const auto branches =
                TRY(engine::list_branches(engine, *project, engine::Sizing::measured,
                                          *all ? engine::Spares::shown : engine::Spares::hidden));
            context.answer([&] { return json::branches(branches); },
                           [&](const Look& look) {
                             return render_branch_list(branches, *project, now(), look);
                           });
            return 0;
          }};
}

Command get() {
  auto name = std::make_shared<std::string>();
  return {.name = "get",
          .summary = "Show one branch, its size measured anew",
          .details =
              "Kept: volumes of before a reset, and when the first change after that deletes them. "
              "Deleting: what velo branch delete would give back, of the branch and of what is "
              "kept of it, and what stays because others share it.",
          .arguments = {branch_argument(*name)},
          .examples = {{"velo branch get demo/dev", ""}},
          .run = [name](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.read_engine());
            const auto branch = TRY(engine::get_branch(engine, *name));
            context.answer([&] { return json::branch(branch); },
                           [&](const Look& look) { return render_branch(branch, now(), look); });
            return 0;
          }};
}

using Change = Result<engine::CreatedBranch> (*)(engine::Engine&, const std::string&);

/// A command that leaves a branch to connect to.
Command changing(std::string name, std::string summary, Change change, Completer complete) {
  auto branch = std::make_shared<std::string>();
  Argument argument = branch_argument(*branch);
  argument.complete = std::move(complete);
  return {.name = name,
          .summary = std::move(summary),
          .arguments = {std::move(argument)},
          .examples = {{fmt::format("velo branch {} demo/dev", name), ""}},
          .run = [branch, change](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.open_engine_for_servers());
            const auto changed = TRY(change(engine, *branch));
            answer_with_connection(context, changed);
            return 0;
          }};
}

Command stop() {
  auto name = std::make_shared<std::string>();
  return {.name = "stop",
          .summary = "Stop a branch's server; it stays stopped until it is started",
          .arguments = {branch_argument(*name)},
          .examples = {{"velo branch stop demo/dev", ""}},
          .run = [name](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.open_engine());
            const auto branch = TRY(engine::stop_branch(engine, *name));
            context.answer([&] { return json::branch(branch); },
                           [&](const Look&) {
                             return fmt::format("{} is {}\n", branch.full_name,
                                                engine::name_of(branch.state));
                           });
            return 0;
          }};
}

Command password() {
  auto name = std::make_shared<std::string>();
  return {
      .name = "password",
      .aliases = {"pass"},
      .summary = "Show a branch's connection string with its password, and its parts",
      .details = "The password is derived from VELO_HOME's key each time; it is stored nowhere.",
      .arguments = {branch_argument(*name)},
      .examples = {{"velo branch password demo/dev", ""}},
      .run = [name](Context& context) -> Result<int> {
        engine::Engine engine = TRY(context.read_engine());
        const auto connection = TRY(engine::connection_of(engine, *name));
        context.answer([&] { return json::connection(connection); },
                       [&](const Look& look) {
                         return connection.url + "\n\n" +
                                render_pairs({{"Host", {connection.host}},
                                              {"Port", {fmt::format("{}", connection.port)}},
                                              {"User", {connection.user}},
                                              {"Password", {connection.password}},
                                              {"Database", {connection.database}},
                                              {"Certificate", {connection.certificate}}},
                                             look);
                       });
        return 0;
      }};
}

Command url() {
  auto name = std::make_shared<std::string>();
  return {.name = "url",
          .summary = "Print a branch's connection string with its password, and nothing else",
          .arguments = {branch_argument(*name)},
          .examples = {{"psql \"$(velo branch url demo/dev)\"", ""}},
          .run = [name](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.read_engine());
            const auto connection = TRY(engine::connection_of(engine, *name));
            context.answer([&] { return json::url(connection); },
                           [&](const Look&) { return connection.url + "\n"; });
            return 0;
          }};
}

}  // namespace

Argument branch_argument(std::string& target) {
  return {.name = "PROJECT/BRANCH",
          .help = "The branch",
          .assign = into(target),
          .complete = complete_branches()};
}

void answer_with_connection(Context& context, const engine::CreatedBranch& changed,
                            const std::function<std::string(const Look&)>& more) {
  context.answer([&] { return json::created_branch(changed); },
                 [&](const Look& look) {
                   const std::string text =
                       changed.branch.state == engine::ServerState::running
                           ? render_connection(changed.connection, look)
                           : fmt::format("{} is {}\n", changed.branch.full_name,
                                         engine::name_of(changed.branch.state));
                   return more ? text + more(look) : text;
                 });
}

Command branch_command() {
  return {.name = "branch",
          .aliases = {"br"},
          .group = "Databases",
          .summary = "Create, reset, start, stop and delete branches",
          .details =
              "A branch is a complete, isolated PostgreSQL server with its own port and "
              "password, made from its parent in about a tenth of a second.",
          .examples = {{"velo branch create demo/dev", "a copy of demo/main"},
                       {"velo branch list demo", "all of them, each below its parent"},
                       {"velo branch reset demo/dev", "as its parent is now"}},
          .children = {branch_create_command(), list(), get(), branch_reset_command(),
                       branch_restore_command(), branch_delete_command(),
                       changing("undelete", "Bring back what the last delete or reset took away",
                                engine::undelete_branch, complete_kept_branches()),
                       changing("start", "Start a branch's server", engine::start_branch,
                                complete_branches()),
                       stop(),
                       changing("restart", "Stop a branch's server and start it again",
                                engine::restart_branch, complete_branches()),
                       password(), url()}};
}

}  // namespace velo::cli
