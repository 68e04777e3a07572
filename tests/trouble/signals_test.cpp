// Ctrl-C and SIGTERM at random moments: what was begun is undone, the exit code says so, and the
// terminal is as it was.
//
// The seed is printed; VELO_TEST_SEED=<number> repeats a run.
#include <poll.h>
#include <termios.h>

#include <csignal>
#include <cstring>
#include <iostream>
#include <random>

#include "support/doctor.h"
#include "support/velo.h"
#include "trouble/places.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

struct Interrupted {
  std::string line;
  /// Whether it has happened; expects everything about it to be as before or as after.
  bool (*happened)(const Velo&);
  /// Makes the world as it was before it.
  void (*restore)(const Velo&);
};

bool has(const Velo& velo, const std::string& what) {
  return velo.run(what).exit_status == 0;
}

const std::vector<Interrupted>& commands() {
  static const std::vector<Interrupted> all{
      {"branch create demo/new --parent demo/dev",
       [](const Velo& velo) {
         if (!has(velo, "branch get demo/new")) return false;
         EXPECT_EQ(velo.value("demo/new", "SELECT x FROM t"), "2");
         return true;
       },
       [](const Velo& velo) {
         if (has(velo, "branch get demo/new")) velo.ok("branch delete demo/new");
       }},
      {"branch reset demo/dev --force",
       [](const Velo& velo) {
         EXPECT_EQ(velo.state("demo/dev"), "running");
         return velo.value("demo/dev", "SELECT x FROM t") == "1";
       },
       [](const Velo& velo) { velo.sql("demo/dev").execute("UPDATE t SET x = 2"); }},
      {"branch delete demo/dev", [](const Velo& velo) { return !has(velo, "branch get demo/dev"); },
       [](const Velo& velo) {
         if (!has(velo, "branch get demo/dev")) velo.ok("branch create demo/dev");
         velo.sql("demo/dev").execute("UPDATE t SET x = 2");
       }},
      {"branch restart demo/dev",
       [](const Velo& velo) {
         EXPECT_EQ(velo.state("demo/dev"), "running");
         EXPECT_EQ(velo.value("demo/dev", "SELECT x FROM t"), "2");
         return true;  // a server that runs again shows no difference
       },
       [](const Velo&) {}},
      {"snapshot create demo/dev --label kept",
       [](const Velo& velo) { return has(velo, "snapshot get demo/dev@kept"); },
       [](const Velo& velo) {
         if (has(velo, "snapshot get demo/dev@kept")) velo.ok("snapshot delete demo/dev@kept");
       }},
  };
  return all;
}

class Signals : public PlacesTest {
 protected:
  void SetUp() override {
    PlacesTest::SetUp();
    if (IsSkipped() || !velo) return;
    const char* const given = std::getenv("VELO_TEST_SEED");
    const unsigned seed =
        given == nullptr ? std::random_device()() : static_cast<unsigned>(std::stoul(given));
    std::cout << "signals: VELO_TEST_SEED=" << seed << std::endl;
    random_.seed(seed);
    velo->ok("config set grace 0");
    velo->create_project("demo");
    velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
    velo->ok("branch create demo/dev");
    velo->sql("demo/dev").execute("UPDATE t SET x = 2");
  }

  /// How long it takes when nobody interrupts it.
  Clock::duration time_of(const Interrupted& command) {
    const auto start = Clock::now();
    velo->ok(command.line);
    const auto took = Clock::now() - start;
    command.restore(*velo);
    return took;
  }

  /// Runs it on a terminal, with the signal after `delay`. By SIGINT as Ctrl-C is: the terminal's.
  void interrupt(const Interrupted& command, int number, Clock::duration delay) {
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(delay);
    SCOPED_TRACE(
        fmt::format("{}, signal {} after {} ms", command.line, number, milliseconds.count()));
    std::vector<std::string> argv{Velo::binary("velo")};
    for (const std::string& word : words(command.line)) argv.push_back(word);
    Terminal terminal(argv, velo->environment({"TERM=xterm"}));
    const termios before = terminal.settings();
    const bool ended = wait_until([&] { return terminal.has_ended(); }, milliseconds);
    if (!ended) terminal.signal(number);
    const int exit_code = terminal.wait();
    expect_as_it_was(before, terminal);

    const bool happened = command.happened(*velo);
    if (exit_code == 0) {
      EXPECT_TRUE(happened) << "said done, and is not\n" << terminal.screen();
    } else {
      // One that a signal ended before it had a handler has begun nothing.
      EXPECT_EQ(exit_code, 128 + number) << terminal.screen();
      if (!command.line.starts_with("branch restart")) {
        EXPECT_FALSE(happened) << "said interrupted, and has happened\n" << terminal.screen();
      }
      ++interrupted_;
    }
    EXPECT_EQ(velo->json("status").size("/unfinished_operations"), 0U) << terminal.screen();
    command.restore(*velo);
  }

  static void expect_as_it_was(const termios& before, const Terminal& terminal) {
    const termios after = terminal.settings();
    EXPECT_EQ(after.c_lflag, before.c_lflag);
    EXPECT_EQ(after.c_iflag, before.c_iflag);
    EXPECT_EQ(after.c_oflag, before.c_oflag);
    // Nothing is left that a terminal would go on with: no hidden cursor, no colour, no half line.
    const std::string& screen = terminal.screen();
    EXPECT_EQ(screen.find("\x1b[?25l"), std::string::npos) << "a hidden cursor";
    const std::size_t colour = screen.rfind("\x1b[");
    if (colour != std::string::npos && screen.find('m', colour) != std::string::npos) {
      EXPECT_TRUE(screen.substr(colour).starts_with("\x1b[0m")) << screen;
    }
    EXPECT_TRUE(screen.empty() || screen.ends_with('\n') || screen.ends_with("\x1b[K") ||
                screen.ends_with("^C"))
        << screen;
  }

  std::mt19937 random_;
  int interrupted_ = 0;
};

TEST_P(Signals, AtRandomMomentsUndoWhatWasBegun) {
  constexpr int moments = 4;
  for (const Interrupted& command : commands()) {
    const auto whole = time_of(command);
    for (int i = 0; i < moments && !HasFailure(); ++i) {
      std::uniform_int_distribution<Clock::rep> any(0, whole.count());
      interrupt(command, i % 2 == 0 ? SIGINT : SIGTERM, Clock::duration(any(random_)));
    }
  }
  EXPECT_GT(interrupted_, 4) << "too few signals came in time to show anything";
  const Examination found = doctor(*velo);
  EXPECT_EQ(found.troubles(), std::vector<std::string>{}) << found.ran.all();
}

INSTANTIATE_TEST_SUITE_P(Places, Signals, every_driver_and_docker(), param_name);

}  // namespace
}  // namespace velo::test
