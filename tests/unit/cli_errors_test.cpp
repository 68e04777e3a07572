#include "cli/errors.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <array>
#include <csignal>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/text.h"
#include "cli/prompt.h"
#include "cli/signals.h"
#include "cli_support.h"

namespace velo::cli {
namespace {

using test::Captured;
using test::plain;
using test::screen;

const Error full{Errc::server, "demo/dev did not start", "velo logs demo/dev",
                 "LOG:  starting\nFATAL:  no\n"};

TEST(RenderError, SaysWhatHappenedWhyAndWhatToTypeNext) {
  EXPECT_EQ(render_error(full, plain),
            "error: demo/dev did not start\n"
            "  LOG:  starting\n"
            "  FATAL:  no\n"
            "  → velo logs demo/dev\n");
}

TEST(RenderError, ColoursOnlyOnATerminal) {
  EXPECT_EQ(render_error(full, plain).find('\x1b'), std::string::npos);
  EXPECT_NE(render_error(full, screen).find("\x1b[31merror:"), std::string::npos);
}

TEST(RenderError, IsOneLineWhenThereIsNoMoreToSay) {
  EXPECT_EQ(render_error({Errc::failed, "no", "", ""}, plain), "error: no\n");
}

TEST(RenderError, ShowsNoControlCharacters) {
  EXPECT_EQ(render_error({Errc::usage, "'a\x1b[2J' is wrong", "velo 'a\x07'", "LOG:\tok\x1b[0m\n"},
                         plain),
            "error: 'a\\x1b[2J' is wrong\n"
            "  LOG:\tok\\x1b[0m\n"
            "  → velo 'a\\x07'\n");
}

TEST(ErrorDocument, HasEveryField) {
  const auto document = nlohmann::json::parse(error_document(full, 1));
  EXPECT_EQ(document, nlohmann::json::parse(R"({"error": {
    "code": "server", "message": "demo/dev did not start", "hint": "velo logs demo/dev",
    "detail": "LOG:  starting\nFATAL:  no\n", "exit_code": 1}})"));
}

TEST(ErrorDocument, SurvivesTextThatIsNotUtf8) {
  const auto document = nlohmann::json::parse(error_document({Errc::usage, "\xff", "", ""}, 2));
  EXPECT_EQ(document["error"]["code"], "usage");
  EXPECT_TRUE(document["error"]["hint"].is_null());
}

TEST(ExitCode, OfAnInterruptionIsTheSignals) {
  const Error interrupted{Errc::interrupted, "interrupted", "", ""};
  EXPECT_EQ(exit_code_for(interrupted, SIGINT), 130);
  EXPECT_EQ(exit_code_for(interrupted, SIGTERM), 143);
  EXPECT_EQ(exit_code_for(interrupted, 0), 130);
  EXPECT_EQ(exit_code_for({Errc::not_found, "", "", ""}, SIGINT), 3);
}

TEST(ErrorsPage, ListsEveryKindWithItsExitCode) {
  const std::string page =
      read_file(std::filesystem::path(VELO_SOURCE_DIR) / "docs/errors.md").value();
  std::vector<std::string> listed;
  for (const std::string_view line : lines_of(page)) {
    if (line.starts_with("| `"))
      listed.emplace_back(line.substr(0, line.rfind('|', line.size() - 2)));
  }
  std::vector<std::string> rows;
  for (int code = 0; code <= static_cast<int>(Errc::interrupted); ++code) {
    const auto kind = static_cast<Errc>(code);
    const std::string exit_code =
        kind == Errc::interrupted ? "130, 143" : std::to_string(exit_code_of(kind));
    rows.push_back(fmt::format("| `{}` | {} ", name_of(kind), exit_code));
  }
  EXPECT_EQ(listed, rows);
}

TEST(ShouldAsk, OnlyAPersonWhoDidNotForce) {
  Captured person(screen);
  EXPECT_TRUE(should_ask(person.output, false));
  EXPECT_FALSE(should_ask(person.output, true));
  const Captured pipe(plain);
  EXPECT_FALSE(should_ask(pipe.output, false));
  person.output.input_is_terminal = false;
  EXPECT_FALSE(should_ask(person.output, false));
}

TEST(Confirm, TakesYesAndNothingElse) {
  Captured captured(screen);
  for (const char* yes : {"y", "Y", " yes ", "YES"}) {
    captured.answer = yes;
    EXPECT_TRUE(confirm(captured.output, "Delete demo/dev?").value()) << yes;
  }
  for (const char* no : {"", "n", "no", "yess", "demo/dev"}) {
    captured.answer = no;
    EXPECT_FALSE(confirm(captured.output, "Delete demo/dev?").value()) << no;
  }
  captured.answer.reset();
  EXPECT_FALSE(confirm(captured.output, "Delete demo/dev?").value());
  EXPECT_TRUE(captured.err.starts_with("Delete demo/dev? [y/N] ")) << captured.err;
  EXPECT_EQ(captured.out, "");
}

/// For a process of its own, whose input stays open and says nothing: 0 when what `interrupt` sends
/// ends the question.
int ask_and(void (*interrupt)()) {
  std::array<int, 2> pipe{};
  static Cancellation cancel;
  if (::pipe(pipe.data()) != 0 || ::dup2(pipe[0], STDIN_FILENO) < 0) return 10;
  install_signal_handlers(cancel);
  Output output = standard_output([](const char*) { return std::string(); });
  ::alarm(20);  // for one that waits after all
  interrupt();
  const auto line = output.read_line();
  return !line && line.error().code == Errc::interrupted ? 0 : 11;
}

void press_now() {
  ::raise(SIGINT);
}

void press_soon() {
  timer_t timer{};
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGINT;
  ::timer_create(CLOCK_MONOTONIC, &event, &timer);
  const itimerspec soon{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = 50'000'000}};
  ::timer_settime(timer, 0, &soon, nullptr);
}

TEST(ConfirmDeathTest, AnInterruptBeforeTheReadIsNotLost) {
  EXPECT_EXIT(::_exit(ask_and(press_now)), testing::ExitedWithCode(0), "");
}

TEST(ConfirmDeathTest, AnInterruptWhileItWaitsEndsTheWait) {
  EXPECT_EXIT(::_exit(ask_and(press_soon)), testing::ExitedWithCode(0), "");
}

TEST(Declined, SaysThatNothingWasChanged) {
  Captured captured(screen);
  EXPECT_EQ(declined(captured.output), 1);
  EXPECT_EQ(captured.err, "nothing was changed\n");
  EXPECT_EQ(captured.out, "");
  captured.output.json = true;
  declined(captured.output);
  EXPECT_EQ(nlohmann::json::parse(captured.out)["error"]["message"], "nothing was changed");
}

}  // namespace
}  // namespace velo::cli
