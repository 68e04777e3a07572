// `velo logs`: what a branch's server wrote.
#include <ctime>

#include "cli/branch.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/follow.h"
#include "cli/json_views.h"

namespace velo::cli {
namespace {

struct Request {
  std::string name;
  bool follow = false;
  int lines = -1;  ///< -1: as many as suit
};

constexpr int lines_before_following = 10;
constexpr timespec look_again = {.tv_sec = 0, .tv_nsec = 100'000'000};
constexpr int looks_per_name = 10;  ///< a logging collector may have begun another file

Result<int> follow(Context& context, engine::Engine& engine, const Request& request,
                   Follower& follower) {
  for (int looks = 1;; ++looks) {
    const std::string text = TRY(follower.read());
    if (!text.empty()) context.output().out.write(text);
    if (context.output().out.error() != 0) return 0;  // whoever read it has seen enough
    if (context.cancel().requested()) return fail(Errc::interrupted, "");
    ::nanosleep(&look_again, nullptr);  // a signal ends it early
    if (looks % looks_per_name == 0)
      follower.move_to(TRY(engine::log_file_of(engine, request.name)));
  }
}

Result<int> run_logs(Context& context, const Request& request) {
  if (request.follow && context.json()) {
    return fail_with_hint(Errc::usage, "velo logs has no --json together with --follow",
                          "leave one of them out");
  }
  engine::Engine engine = TRY(context.read_engine());
  const std::string file = TRY(engine::log_file_of(engine, request.name));
  const bool all = request.lines < 0 && !request.follow;
  Follower follower(
      file, {.all = all, .lines = request.lines < 0 ? lines_before_following : request.lines});
  if (request.follow) return follow(context, engine, request, follower);
  const std::string text = TRY(follower.read());
  context.answer([&] { return json::log(request.name, file, text); },
                 [&](const Look&) { return std::string(text); });
  if (text.empty()) notice(context.output(), request.name + " has written no log yet");
  return 0;
}

}  // namespace

Command logs_command() {
  auto request = std::make_shared<Request>();
  return {.name = "logs",
          .group = "Looking",
          .summary = "Show a branch's server log",
          .arguments = {branch_argument(request->name)},
          .options = {{.flags = "-f,--follow",
                       .help = "Go on as the log grows, until Ctrl-C",
                       .assign = into(request->follow)},
                      {.flags = "-n,--lines",
                       .value = "LINES",
                       .help = "Only so many last lines (default: all; with --follow: 10)",
                       .assign = into(request->lines, "--lines", 0, 1'000'000'000)}},
          .examples = {{"velo logs demo/dev", ""}, {"velo logs demo/dev -f -n 50", ""}},
          .run = [request](Context& context) { return run_logs(context, *request); }};
}

}  // namespace velo::cli
