#include "cli/cli.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <new>
#include <system_error>

#include "cli/commands.h"
#include "cli/errors.h"
#include "cli/help.h"
#include "cli/json_views.h"
#include "cli/parse.h"
#include "cli/signals.h"
#include "cli/version.h"
#include "postgres/connection.h"

namespace velo::cli {
namespace {

/// Empty where /proc does not say.
std::filesystem::path own_program() {
  std::error_code unknown;
  return std::filesystem::read_symlink("/proc/self/exe", unknown);
}

int show_error(Output& output, const Error& error) {
  const int exit_code = exit_code_for(error, received_signal());
  if (output.json) output.out.write(error_document(error, exit_code));
  // `velo logs -f` ends by Ctrl-C as it should, and has nothing to say.
  if (!error.message.empty()) output.err.write(render_error(error, output.err.look()));
  return exit_code;
}

void show_help(Output& output, const Command& root, const Found& found) {
  const bool overview = found.command == &root;
  if (output.json) {
    const Look plain;
    output.out.write(json::texts(
        {{"help", overview ? render_overview(root, plain) : render_help(found, plain)}}));
  } else {
    const Look& look = output.out.look();
    output.out.write(overview ? render_overview(root, look) : render_help(found, look));
  }
}

Result<int> run_words(const std::vector<std::string>& words, Output& output, Progress& progress,
                      const Cancellation& cancel, Result<std::filesystem::path> home,
                      Environment environment) {
  const Command root = all_commands();
  Parsed parsed = TRY(parse(root, words));
  output.quiet = parsed.globals.quiet;
  const Command& command = *parsed.found.command;
  if (parsed.globals.help || (!command.run && !parsed.globals.version)) {
    show_help(output, root, parsed.found);
    return 0;
  }
  environment.home = TRY(std::move(home));
  Context context(output, progress, cancel, std::move(environment), words, root);
  if (parsed.globals.version) {
    answer_version(context);
    return 0;
  }
  context.set_passthrough(std::move(parsed.passthrough));
  return command.run(context);
}

}  // namespace

int run(const std::vector<std::string>& words, Output& output, const Cancellation& cancel,
        Result<std::filesystem::path> home, Environment environment) {
  output.json = wants_json(words);
  Progress progress(output);
  Result<int> ended = fail(Errc::failed, "internal error");
  try {
    ended = run_words(words, output, progress, cancel, std::move(home), std::move(environment));
  } catch (const std::bad_alloc&) {
    ended = fail_errno(ENOMEM, "go on");
  } catch (const std::system_error& refused) {
    // A thread that the machine had no room for.
    ended = fail_with_hint(Errc::failed,
                           fmt::format("the system refused what Velo needs: {}", refused.what()),
                           "more memory or more threads must be allowed (ulimit -v, ulimit -u)");
  } catch (const std::exception& exception) {
    ended = fail_with_hint(Errc::failed, fmt::format("internal error: {}", exception.what()),
                           "this is a defect in Velo: please report it with the command");
  }
  if (!ended) {
    progress.abandon();
    return show_error(output, ended.error());
  }
  return *ended;
}

int main(int argc, char** argv) {
  Environment environment{.home = {},
                          .path_variable = {},
                          .sudo_user = {},
                          .program = own_program(),
                          .postgres_vars = postgres::scrub_environment()};
  // As long as the process: the signal handlers look at it.
  static Cancellation cancel;
  install_signal_handlers(cancel);

  const Variable variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  environment.path_variable = variable("PATH");
  environment.sudo_user = variable("SUDO_USER");
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  Output output = standard_output(variable);
  const int exit_code = run(words, output, cancel, home_from(variable), std::move(environment));
  // A full disk behind `velo status > file` is a failure; a reader that has seen enough is not.
  const int error = output.out.error();
  if (exit_code == 0 && error != 0 && error != EPIPE) {
    return show_error(output, fail_errno(error, "write to standard output").error());
  }
  return exit_code;
}

}  // namespace velo::cli
