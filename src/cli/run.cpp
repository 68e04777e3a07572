// `velo run`: a command with a branch of its own, which goes with it.
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "cli/caretaker.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/foreground.h"
#include "cli/names.h"
#include "cli/psql.h"
#include "cli/render_pool.h"
#include "engine/run.h"

namespace velo::cli {
namespace {

constexpr int most_copies = 256;

std::vector<std::string> own_environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    variables.emplace_back(*variable);
  }
  return variables;
}

std::vector<std::string> environment_of(Context& context, const engine::Loan& loan,
                                        std::size_t worker, std::size_t workers) {
  auto variables =
      psql_environment(own_environment(), context.environment().postgres_vars, loan.connection);
  std::erase_if(variables, [](const std::string& variable) {
    for (const char* name : {"DATABASE_URL=", "VELO_BRANCH=", "VELO_WORKER=", "VELO_WORKERS="}) {
      if (variable.starts_with(name)) return true;
    }
    return false;
  });
  variables.push_back("DATABASE_URL=" + loan.connection.url);
  variables.push_back("VELO_BRANCH=" + loan.branch);
  variables.push_back(fmt::format("VELO_WORKER={}", worker));
  variables.push_back(fmt::format("VELO_WORKERS={}", workers));
  return variables;
}

/// What they hold, and what they would not survive.
void announce(Context& context, const std::vector<engine::Loan>& loans) {
  context.progress().done();
  for (const engine::Loan& loan : loans) {
    if (!loan.based_on) continue;
    notice(context.output(), fmt::format("{}: {}", loan.branch, words_of(*loan.based_on)));
  }
  if (std::ranges::any_of(loans, &engine::Loan::ephemeral)) {
    notice(context.output(),
           "fsync, full_page_writes and synchronous_commit are off: the branch would not survive "
           "a crash of this machine");
  }
}

/// What cannot be deleted now is the caretaker's.
void give_back_all(Context& context, engine::Engine& engine, std::vector<engine::Loan> loans) {
  bool all = true;
  for (engine::Loan& loan : loans) {
    const std::string branch = loan.branch;
    auto returned = engine::give_back(engine, std::move(loan));
    if (returned) continue;
    all = false;
    if (returned.error().code == Errc::interrupted) continue;
    context.progress().warning(
        fmt::format("{} could not be deleted yet: {}", branch, returned.error().message));
  }
  if (!all) call_caretaker(context, engine);
}

Result<int> lend_and_run(Context& context, const engine::RunRequest& request) {
  if (context.json()) {
    return fail_with_hint(Errc::usage, "velo run has no --json: the output is the command's own",
                          "the command finds its branch in VELO_BRANCH and DATABASE_URL");
  }
  if (context.passthrough().empty()) {
    return fail_with_hint(Errc::usage, "say which command to run, after --",
                          fmt::format("velo run {} -- npm test", request.parent));
  }
  engine::Engine engine = TRY(context.open_engine());
  std::vector<engine::Loan> loans = TRY(engine::lend_branches(engine, request));
  announce(context, loans);
  std::vector<Program> programs;
  for (std::size_t i = 0; i < loans.size(); ++i) {
    programs.push_back({.argv = context.passthrough(),
                        .environment = environment_of(context, loans[i], i, loans.size())});
  }
  const auto ended = context.cancel().requested()
                         ? Result<int>(std::unexpected(context.cancel().check().error()))
                         : run_in_foreground(programs, [&] { call_caretaker(context, engine); });
  context.output().quiet = true;  // what follows is nobody's concern, unless it fails
  give_back_all(context, engine, std::move(loans));
  return ended;
}

}  // namespace

Command run_command() {
  auto request = std::make_shared<engine::RunRequest>();
  return {
      .name = "run",
      .group = "Databases",
      .summary = "Run a command with a branch of its own, which is deleted when it ends",
      .details =
          "The command finds its branch in DATABASE_URL, in PGHOST, PGPORT, PGUSER, PGPASSWORD "
          "and PGDATABASE, and by its name in VELO_BRANCH. Its exit code comes back: 128 and the "
          "signal's number when a signal ended it, 127 when it was not found. The branch goes for "
          "good when the command ends, also when either is killed; its WAL is not archived.\n\n"
          "With -j N the command runs N times at once, each with a branch of its own, all of one "
          "moment. VELO_WORKER tells each which it is, from 0 on, VELO_WORKERS how many they are. "
          "The exit code is that of the first that fails; the others go on.\n\n"
          "Where the branch has a pool (velo pool) the command has one of its branches, at once: "
          "it "
          "is then of the pool's snapshot, which a line on standard error tells.",
      .arguments = {{.name = "PROJECT[/BRANCH]",
                     .help = "What the branch is a copy of; without BRANCH: the project's main",
                     .assign = into(request->parent),
                     .complete = complete_parents()}},
      .options = {{.flags = "--snapshot",
                   .value = "ID",
                   .help = "Copy this snapshot: an id, a label of the branch's, or "
                           "PROJECT/BRANCH@LABEL",
                   .assign = into(request->snapshot),
                   .complete = complete_snapshots()},
                  {.flags = "--ephemeral",
                   .help = "Wait for no disk: fsync, full_page_writes and synchronous_commit are "
                           "off",
                   .assign = into(request->ephemeral)},
                  {.flags = "--no-pool",
                   .help = "Copy the branch as it is now, although it has a pool",
                   .assign = [request](const std::string&) -> Result<void> {
                     request->from_pool = false;
                     return {};
                   }},
                  {.flags = "-j,--jobs",
                   .value = "N",
                   .help = "Run it N times at once, each with a branch of its own",
                   .assign = into(request->copies, "--jobs", 1, most_copies)}},
      .examples =
          {{"velo run demo -- npm test", "each run of the tests begins with demo/main"},
           {"velo run demo/dev --snapshot seeded -- pytest", ""},
           {"velo run demo -j 4 -- sh -c 'npm test -- --shard=$((VELO_WORKER + 1))/$VELO_WORKERS'",
            ""},
           {"velo run demo --ephemeral -- ./migrate.sh", "quick, for what is thrown away"}},
      .passthrough = "command",
      .run = [request](Context& context) { return lend_and_run(context, *request); }};
}

}  // namespace velo::cli
