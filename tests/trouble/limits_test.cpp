// A process that may open few files, or have little memory: whatever it gets, a command succeeds or
// says what is missing, and the next one with enough of it goes on.
#include <algorithm>

#include "base/process.h"
#include "support/doctor.h"
#include "support/velo.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;

class Limits : public E2eTest {
 protected:
  void SetUp() override {
    E2eTest::SetUp();
    if (IsSkipped() || !velo) return;
    velo->ok("config set grace 0");
    velo->create_project("demo");
    velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
    velo->ok("branch create demo/dev");
  }

  /// Runs the command under a limit of prlimit(1)'s: "--nofile=20".
  Ran run_limited(const std::string& limit, const std::string& line) const {
    Command command{.argv = {"/usr/bin/prlimit", limit, Velo::binary("velo").string()},
                    .environment = velo->environment(),
                    .user = {},
                    .input = {}};
    for (std::string& word : words(line)) command.argv.push_back(std::move(word));
    const Cancellation never;
    auto ran = velo::run(command, 1min, never);
    if (!ran) {
      ADD_FAILURE() << limit << " " << line << ": " << ran.error().message;
      return {};
    }
    return {.exit_status = ran->exit_status,
            .out = ran->out,
            .err = ran->err,
            .command = limit + " " + line};
  }

  /// Neither a crash nor a riddle.
  static void expect_clear(const Ran& ran, const std::vector<std::string>& words) {
    if (ran.exit_status == 0 || ran.exit_status == 127) return;  // 127: not even loaded
    EXPECT_EQ(ran.exit_status, 1) << ran.all();
    EXPECT_EQ(ran.err.find("defect in Velo"), std::string::npos) << ran.all();
    const bool says = std::ranges::any_of(
        words, [&](const std::string& word) { return ran.err.find(word) != std::string::npos; });
    EXPECT_TRUE(says) << ran.all();
  }

  void expect_nothing_lost() {
    velo->ok("branch restart demo/dev");  // mends what is to be mended
    if (velo->run("branch get demo/new").exit_status == 0) velo->ok("branch delete demo/new");
    EXPECT_EQ(velo->json("status").size("/unfinished_operations"), 0U);
    EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
  }

  void try_all(const std::vector<std::string>& limits, const std::vector<std::string>& words) {
    int failed = 0;
    int succeeded = 0;
    for (const std::string& limit : limits) {
      for (const char* line : {"branch create demo/new", "branch reset demo/dev --force", "status",
                               "branch list demo"}) {
        const Ran ran = run_limited(limit, line);
        expect_clear(ran, words);
        (ran.exit_status == 0 ? succeeded : failed) += 1;
      }
      expect_nothing_lost();
      if (HasFailure()) return;
    }
    EXPECT_GT(failed, 0) << "no limit was low enough to show anything";
    EXPECT_GT(succeeded, 0) << "no limit was high enough to show that it was no other fault";
    EXPECT_EQ(doctor(*velo).troubles(), std::vector<std::string>{});
  }
};

TEST_F(Limits, FewFilesAreSaidAndNothingIsLost) {
  std::vector<std::string> limits;
  for (const int files : {5, 8, 10, 12, 14, 16, 18, 20, 24, 32, 64, 256}) {
    limits.push_back("--nofile=" + std::to_string(files));
  }
  try_all(limits, {"Too many open files", "insufficient file descriptors", "unable to open"});
}

TEST_F(Limits, LittleMemoryIsSaidAndNothingIsLost) {
  std::vector<std::string> limits;
  for (const int megabytes : {24, 32, 40, 48, 56, 64, 80, 96, 128, 192, 256, 512, 2048}) {
    limits.push_back("--as=" + std::to_string(static_cast<std::int64_t>(megabytes) << 20U));
  }
  try_all(limits, {"Cannot allocate memory", "memory", "Resource temporarily unavailable",
                   "failed to map segment"});
}

}  // namespace
}  // namespace velo::test
