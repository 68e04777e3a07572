// `velo branch create`: one branch, or several at once.
#include "cli/branch.h"
#include "cli/caretaker.h"
#include "cli/context.h"
#include "cli/errors.h"
#include "cli/json_views.h"
#include "cli/moment.h"
#include "cli/names.h"
#include "cli/render.h"
#include "cli/render_pool.h"
#include "engine/branch_pool.h"
#include "engine/branches.h"

namespace velo::cli {
namespace {

constexpr int most_at_once = 1000;

struct Request {
  engine::CreateBranch create;
  Moment moment;
  bool stays_stopped = false;
  bool forgets = false;
  bool from_pool = false;
  int count = 0;       ///< 0: one, of the name that was given
  std::string prefix;  ///< of several
};

std::string next_commands(const engine::BranchView& branch, const Look& look) {
  const std::string& name = branch.full_name;
  std::vector<std::pair<std::string, std::string>> commands;
  if (branch.state != engine::ServerState::running) {
    commands.emplace_back("velo branch start " + name, "start its server");
  }
  commands.emplace_back("velo psql " + name, "open psql in it");
  commands.emplace_back("velo branch password " + name, "the URL with its password");
  if (branch.parent) {
    commands.emplace_back("velo branch reset " + name,
                          fmt::format("back to {}'s present state", *branch.parent));
  }
  return render_next(commands, look);
}

/// What cannot be had together with `flag`: options that were given.
Result<void> check_alone(const char* flag, const char* why,
                         const std::vector<std::pair<const char*, bool>>& others) {
  for (const auto& [other, given] : others) {
    if (given) {
      return fail_with_hint(Errc::usage, fmt::format("{} and {} do not go together", flag, other),
                            why);
    }
  }
  return {};
}

Result<void> check_together(const Request& request) {
  const engine::CreateBranch& create = request.create;
  if (request.from_pool) {
    TRY(check_alone("--from-pool", "a branch of a pool is made already: leave the other one out",
                    {{"--snapshot", !create.snapshot.empty()},
                     {"--pitr", create.as_of.has_value()},
                     {"--pg-conf", !create.settings.empty()},
                     {"--port", create.port != 0},
                     {"--bind", create.address != engine::CreateBranch{}.address},
                     {"--no-archive", request.forgets},
                     {"--no-start", request.stays_stopped},
                     {"--count", request.count > 0}}));
  }
  if (request.count > 0) {
    TRY(check_alone("--count", "each branch needs a port of its own: leave --port out",
                    {{"--port", create.port != 0}}));
  } else if (!request.prefix.empty()) {
    return fail_with_hint(Errc::usage, "--prefix needs --count",
                          "say how many branches: --count N");
  }
  return {};
}

Result<int> create_one(Context& context, const Request& request) {
  // The server of one out of a pool is not spoken to.
  engine::Engine engine =
      TRY(request.from_pool ? context.open_engine() : context.open_engine_for_servers());
  const auto created = TRY(request.from_pool ? engine::create_from_pool(engine, request.create)
                                             : engine::create_branch(engine, request.create));
  context.answer([&] { return json::created_branch(created); },
                 [&](const Look& look) {
                   std::string text =
                       request.create.start
                           ? render_connection(created.connection, look)
                           : fmt::format("{} is made, and stopped\n", created.branch.full_name);
                   if (created.based_on) {
                     text += fmt::format("It is of the {}\n", words_of(*created.based_on));
                   }
                   return context.quiet() ? text : text + next_commands(created.branch, look);
                 });
  if (request.from_pool) call_caretaker(context, engine);
  return 0;
}

/// "demo/w" or "demo" with --prefix w: demo/w1, demo/w2, …
Result<std::vector<std::string>> names_of(const Request& request) {
  std::string name = request.create.name;
  if (name.ends_with('/')) name.pop_back();
  if (!request.prefix.empty()) {
    if (name.contains('/')) {
      return fail_with_hint(
          Errc::usage, fmt::format("{} has the beginning of a name already", name),
          fmt::format("write {}, or leave --prefix out", name.substr(0, name.find('/'))));
    }
    name += "/" + request.prefix;
  }
  if (!name.contains('/')) {
    return fail_with_hint(
        Errc::usage, "say what the names begin with: --prefix w",
        fmt::format("velo branch create {} --count {} --prefix w", name, request.count));
  }
  std::vector<std::string> names;
  for (int i = 1; i <= request.count; ++i) names.push_back(fmt::format("{}{}", name, i));
  return names;
}

Result<int> create_several(Context& context, const Request& request) {
  const std::vector<std::string> names = TRY(names_of(request));
  std::vector<engine::CreateBranch> wanted(names.size(), request.create);
  for (std::size_t i = 0; i < names.size(); ++i) wanted[i].name = names[i];
  engine::Engine engine = TRY(context.open_engine_for_servers());
  auto made = TRY(engine::create_branches(engine, std::move(wanted)));
  std::vector<engine::CreatedBranch> created;
  std::vector<json::Failure> failed;
  for (std::size_t i = 0; i < made.size(); ++i) {
    if (made[i]) {
      created.push_back(*std::move(made[i]));
    } else {
      failed.emplace_back(names[i], std::move(made[i]).error());
    }
  }
  context.answer([&] { return json::created_branches(created, failed); },
                 [&](const Look& look) {
                   std::vector<engine::BranchView> branches;
                   for (const auto& one : created) branches.push_back(one.branch);
                   return branches.empty()
                              ? std::string{}
                              : render_branch_list(branches, branches.front().project, now(), look);
                 });
  for (const auto& [name, error] : failed) {
    context.output().err.write(fmt::format("{}: ", name));
    context.output().err.write(render_error(error, context.output().err.look()));
  }
  return failed.empty() ? 0 : exit_code_of(failed.front().second.code);
}

}  // namespace

Command branch_create_command() {
  auto request = std::make_shared<Request>();
  return {
      .name = "create",
      .summary = "Make a branch: a copy of its parent as it is now, with a server of its own",
      .details =
          "The copy holds every transaction whose commit was acknowledged before the command "
          "began. "
          "The parent goes on working, and may also be stopped.\n\n"
          "--count N makes N branches of one moment at once, NAME1 to NAMEN or PREFIX1 to PREFIXN. "
          "One that cannot be made is told of and stands in no other's way; the exit code is that "
          "of the first.",
      .arguments = {{.name = "PROJECT/NAME",
                     .help = "The new branch; with --prefix: PROJECT",
                     .assign = into(request->create.name),
                     .complete = complete_new_branch()}},
      .options = {{.flags = "--parent",
                   .value = "PROJECT/BRANCH",
                   .help = "What to copy (default: the project's main)",
                   .assign = into(request->create.parent),
                   .complete = complete_branches()},
                  {.flags = "--snapshot",
                   .value = "ID",
                   .help = "Copy this snapshot: an id, a label of the parent's, or "
                           "PROJECT/BRANCH@LABEL",
                   .assign = into(request->create.snapshot),
                   .complete = complete_snapshots()},
                  pitr_option(request->moment),
                  lsn_option(request->moment),
                  restore_point_option(request->moment),
                  {.flags = "--when-busy",
                   .value = "HOW",
                   .help = "With changes in the parent's memory: checkpoint them first, replay "
                           "their WAL in the copy, or auto, whichever is sooner",
                   .assign = [request](const std::string& word) -> Result<void> {
                     request->create.when_busy = TRY(engine::parse_when_busy(word));
                     return {};
                   },
                   .complete = complete_words({"auto", "checkpoint", "replay"})},
                  {.flags = "--from-pool",
                   .help = "Take one that is ready, out of the parent's pool (velo pool)",
                   .assign = into(request->from_pool)},
                  {.flags = "--count",
                   .value = "N",
                   .help = "Make N branches at once",
                   .assign = into(request->count, "--count", 1, most_at_once)},
                  {.flags = "--prefix",
                   .value = "NAME",
                   .help = "With --count: what their names begin with",
                   .assign = into(request->prefix)},
                  setting_option(request->create.settings),
                  port_option(request->create.port),
                  bind_option(request->create.address),
                  {.flags = "--no-archive",
                   .help = "Do not keep its WAL: it will have no earlier moments",
                   .assign = into(request->forgets)},
                  {.flags = "--no-start",
                   .help = "Leave its server stopped",
                   .assign = into(request->stays_stopped)}},
      .examples = {{"velo branch create demo/dev", "a copy of demo/main"},
                   {"velo branch create demo/try --parent demo/dev", "a copy of the copy"},
                   {"velo branch create demo/then --snapshot demo/main@before-migration",
                    "a copy of a snapshot"},
                   {"velo branch create demo/before --pitr '2 hours ago'",
                    "demo/main as it was then"},
                   {"velo branch create demo/fast --pg-conf fsync=off", ""},
                   {"velo branch create demo --count 8 --prefix w", "demo/w1 to demo/w8"},
                   {"velo branch create demo/now --from-pool", "in some milliseconds"}},
      .run = [request](Context& context) -> Result<int> {
        request->create.start = !request->stays_stopped;
        request->create.archives = !request->forgets;
        request->create.as_of = TRY(target_of(request->moment));
        TRY(check_together(*request));
        return request->count > 0 ? create_several(context, *request)
                                  : create_one(context, *request);
      }};
}

}  // namespace velo::cli
