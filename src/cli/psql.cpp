// `velo psql`: becomes psql, connected to a branch.
#include "cli/psql.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "base/text.h"
#include "cli/branch.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "postgres/client.h"

namespace velo::cli {
namespace {

/// Variables that say which server, database or user; those about looks and habits stay the user's.
constexpr std::array leading_elsewhere = {"PGHOST",
                                          "PGHOSTADDR",
                                          "PGPORT",
                                          "PGDATABASE",
                                          "PGUSER",
                                          "PGPASSWORD",
                                          "PGPASSFILE",
                                          "PGSERVICE",
                                          "PGSERVICEFILE",
                                          "PGREQUIREPEER",
                                          "PGSSLCERT",
                                          "PGSSLKEY",
                                          "PGSSLROOTCERT",
                                          "PGSSLCRL",
                                          "PGSSLCRLDIR",
                                          "PGSSLSNI",
                                          "PGTARGETSESSIONATTRS"};

std::string name_of_variable(const std::string& variable) {
  return variable.substr(0, variable.find('='));
}

/// Errc::failed with what to type when the branch has no server to talk to.
Result<void> require_server(engine::Engine& engine, const std::string& name) {
  const auto branches = TRY(engine::list_branches(engine, name.substr(0, name.find('/'))));
  const auto branch = std::ranges::find(branches, name, &engine::BranchView::full_name);
  if (branch == branches.end() || branch->state == engine::ServerState::running ||
      branch->state == engine::ServerState::starting) {
    return {};
  }
  return fail_with_hint(Errc::server, fmt::format("{} is {}", name, engine::name_of(branch->state)),
                        "velo branch start " + name);
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

/// Replaces this program; returns only when that fails.
Result<int> become(const std::filesystem::path& program, std::vector<std::string> argv,
                   std::vector<std::string> environment) {
  // Handlers go with exec by themselves; what is ignored would stay ignored.
  (void)::signal(SIGPIPE, SIG_DFL);
  ::execve(program.c_str(), pointers(argv).data(), pointers(environment).data());
  return fail_errno(errno, "run " + program.string());
}

Result<int> run_psql(Context& context, const std::string& name) {
  if (context.json()) {
    return fail_with_hint(Errc::usage, "velo psql has no --json: the output is psql's own",
                          fmt::format("velo psql {} -- --csv -c 'SELECT …'", name));
  }
  engine::ConnectionView connection;
  std::filesystem::path program;
  {
    engine::Engine engine = TRY(context.read_engine());
    connection = TRY(engine::connection_of(engine, name));
    TRY(require_server(engine, name));
    const std::string& path = context.environment().path_variable;
    const auto builds = TRY(postgres::find_builds(engine.home().root(), path, context.cancel()));
    program = TRY(postgres::find_psql(builds, path));
  }
  std::vector<std::string> inherited;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    inherited.emplace_back(*variable);
  }
  std::vector<std::string> argv{"psql"};
  argv.insert(argv.end(), context.passthrough().begin(), context.passthrough().end());
  return become(program, std::move(argv),
                psql_environment(inherited, context.environment().postgres_vars, connection));
}

}  // namespace

std::vector<std::string> psql_environment(const std::vector<std::string>& inherited,
                                          const std::vector<std::string>& postgres_vars,
                                          const engine::ConnectionView& connection) {
  std::vector<std::string> environment;
  for (const auto* source : {&inherited, &postgres_vars}) {
    for (const std::string& variable : *source) {
      if (std::ranges::find(leading_elsewhere, name_of_variable(variable)) ==
          leading_elsewhere.end()) {
        environment.push_back(variable);
      }
    }
  }
  environment.push_back("PGHOST=" + connection.host);
  environment.push_back(fmt::format("PGPORT={}", connection.port));
  environment.push_back("PGUSER=" + connection.user);
  environment.push_back("PGPASSWORD=" + connection.password);
  environment.push_back("PGDATABASE=" + connection.database);
  // For a user whose PGSSLMODE wants the server's certificate verified.
  if (!connection.certificate.empty()) {
    environment.push_back("PGSSLROOTCERT=" + connection.certificate);
  }
  return environment;
}

Command psql_command() {
  auto name = std::make_shared<std::string>();
  return {.name = "psql",
          .group = "Databases",
          .summary = "Open psql in a branch",
          .details =
              "What stands after -- goes to psql, and psql's exit code comes back. The password "
              "travels in the environment, never in the arguments.",
          .arguments = {branch_argument(*name)},
          .examples = {{"velo psql demo/dev", ""},
                       {"velo psql demo/dev -- -c 'SELECT count(*) FROM users'", ""},
                       {"velo psql demo/dev -- -f migration.sql", ""}},
          .passthrough = "psql arguments",
          .run = [name](Context& context) { return run_psql(context, *name); }};
}

}  // namespace velo::cli
