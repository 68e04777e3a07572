// What a person and a program see.
#include <algorithm>
#include <regex>
#include <set>

#include "support/velo.h"

namespace velo::test {
namespace {

class Output : public E2eTest {
 protected:
  void SetUp() override {
    E2eTest::SetUp();
    if (!velo) return;
    velo->create_project("demo");
    velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
    velo->ok("branch create demo/dev");
  }
};

/// Colours and the like: ESC [ … m.
bool is_coloured(const std::string& text) {
  return std::regex_search(text, std::regex("\x1b\\[[0-9;]*m"));
}

/// "branch create" and all the others, as the reference lists them.
std::vector<std::string> every_command(const Velo& velo) {
  const std::string reference = velo.ok("__reference").out;
  const std::regex heading("\n### `velo ([a-z -]+)`");
  std::vector<std::string> commands;
  for (std::sregex_iterator one(reference.begin(), reference.end(), heading), end; one != end;
       ++one) {
    commands.push_back((*one)[1]);
  }
  EXPECT_GT(commands.size(), 35U);
  return commands;
}

TEST_F(Output, JsonOfEveryCommandIsOneDocument) {
  velo->ok("config set archive on");
  const std::vector<std::string> lines = {
      "version",
      "status",
      "ls",
      "operations",
      "project list",
      "project get demo",
      "branch list",
      "branch list demo",
      "branch get demo/dev",
      "branch url demo/dev",
      "branch password demo/dev",
      "branch create demo/new",
      "branch stop demo/new",
      "branch start demo/new",
      "branch restart demo/new",
      "branch reset demo/new",
      "branch delete demo/new",
      "branch undelete demo/new",
      "snapshot create demo/new --label here",
      "snapshot list",
      "snapshot get demo/new@here",
      "branch restore demo/new --snapshot here --force",
      "snapshot schedule demo/new --every 1h",
      "snapshot run-schedule --dry-run",
      "snapshot cleanup demo/new --days 1",
      "snapshot delete demo/new@here",
      "pool set demo/new --size 1",
      "pool list",
      "pool remove demo/new",
      "wal info",
      "wal cleanup demo/new --days 1",
      "logs demo/dev",
      "up",
      "state backup",
      "state backups",
      "state export",
      "state restore --dry-run",
      "state rebuild --dry-run",
      "config list",
      "config get grace",
      "config set grace 1h",
      "config unset grace",
      "completion bash",
      "setup --size 1G --dry-run --mount /nonexistent/pool --file /nonexistent/pool.img",
      "project delete demo --force",
      "project undelete demo"};
  for (const std::string& line : lines) {
    SCOPED_TRACE(line);
    velo->json(line);
  }
  // Of those that are not in the list each has its reason.
  const std::set<std::string> elsewhere = {"project create",  // below
                                           "doctor",          // doctor_test.cpp
                                           "state import",    // state_test.cpp
                                           "run",             // has none, as psql
                                           "psql"};
  for (const std::string& command : every_command(*velo)) {
    const bool is_listed = std::ranges::any_of(lines, [&](const std::string& line) {
      return line == command || line.starts_with(command + " ");
    });
    EXPECT_TRUE(is_listed || elsewhere.contains(command)) << command;
  }
  std::vector<std::string> create = velo->project_words("other");
  create.emplace_back("--json");
  EXPECT_EQ(Json::parse(velo->ok(create).out).text("/project/name"), "other");
}

TEST_F(Output, JsonOfAnErrorNamesItsKind) {
  const Ran ran = velo->run("branch get demo/none --json");
  EXPECT_EQ(ran.exit_status, 3);
  const Json error = Json::parse(ran.out);
  EXPECT_EQ(error.text("/error/code"), "not_found");
  EXPECT_EQ(error.number("/error/exit_code"), 3);
  const Ran usage = velo->run("branch create --json");
  EXPECT_EQ(usage.exit_status, 2);
  EXPECT_EQ(Json::parse(usage.out).text("/error/code"), "usage");
}

TEST_F(Output, UrlPrintsTheUrlAndNothingElse) {
  const Ran ran = velo->ok("branch url demo/dev");
  EXPECT_TRUE(std::regex_match(
      ran.out,
      std::regex("postgresql://postgres:[A-Za-z0-9_-]+@127\\.0\\.0\\.1:[0-9]+/postgres\n")))
      << ran.out;
  EXPECT_EQ(ran.err, "");
}

TEST_F(Output, StatusHasThePoolAndTheTree) {
  const std::string text = velo->ok("status").out;
  EXPECT_NE(velo->ok("ls").out.find("demo/dev"), std::string::npos);
  for (const std::string& part :
       {std::string("ONLINE"), std::string("demo/main"), std::string("demo/dev"),
        std::string("running"), std::to_string(velo->port("demo/main")),
        std::to_string(velo->port("demo/dev")), std::string("GB"), std::string("↳")}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
  }
}

TEST_F(Output, PipesGetPlainText) {
  for (const char* line : {"status", "branch list", "branch get demo/dev",
                           "branch restart demo/dev", "--help", "branch create --help"}) {
    const Ran ran = velo->ok(line);
    EXPECT_EQ((ran.out + ran.err).find('\x1b'), std::string::npos) << ran.all();
  }
}

TEST_F(Output, TerminalsGetColoursUnlessNoColorSaysNo) {
  const std::vector<std::string> argv = {Velo::binary("velo"), "status"};
  Terminal coloured(argv, velo->environment({"TERM=xterm"}));
  EXPECT_EQ(coloured.wait(), 0);
  EXPECT_TRUE(is_coloured(coloured.screen())) << coloured.screen();
  Terminal plain(argv, velo->environment({"TERM=xterm", "NO_COLOR=1"}));
  EXPECT_EQ(plain.wait(), 0);
  EXPECT_FALSE(is_coloured(plain.screen())) << plain.screen();
}

TEST_F(Output, ResetAsksOnATerminal) {
  velo->sql("demo/dev").execute("UPDATE t SET x = 2");
  const std::vector<std::string> argv = {Velo::binary("velo"), "branch", "reset", "demo/dev"};
  Terminal no(argv, velo->environment({"TERM=xterm"}));
  ASSERT_TRUE(no.shows("[y/N]")) << no.screen();
  no.type("n\n");
  EXPECT_EQ(no.wait(), 1);
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "2");

  Terminal yes(argv, velo->environment({"TERM=xterm"}));
  ASSERT_TRUE(yes.shows("[y/N]")) << yes.screen();
  yes.type("y\n");
  EXPECT_EQ(yes.wait(), 0) << yes.screen();
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");

  velo->sql("demo/dev").execute("UPDATE t SET x = 2");
  Terminal forced({Velo::binary("velo"), "branch", "reset", "demo/dev", "--force"},
                  velo->environment({"TERM=xterm"}));
  EXPECT_EQ(forced.wait(), 0) << forced.screen();
  EXPECT_EQ(forced.screen().find("[y/N]"), std::string::npos);
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
}

TEST_F(Output, PsqlConnectsWithoutAPassword) {
  const Ran ran = velo->ok({"psql", "demo/dev", "--", "-Atc", "SELECT x FROM t"});
  EXPECT_EQ(ran.out, "1\n");
  EXPECT_EQ(velo->run({"psql", "demo/dev", "--", "-c", "SELECT nonsense"}).exit_status, 1);
  const Ran piped = velo->run({"psql", "demo/dev", "--", "-At"}, {}, "SELECT x + 1 FROM t;\n");
  EXPECT_EQ(piped.out, "2\n") << piped.all();
}

TEST_F(Output, LogsShowTheServersOwnWords) {
  velo->sql("demo/dev").execute("DO $$ BEGIN RAISE LOG 'a line to look for'; END $$");
  EXPECT_NE(velo->ok("logs demo/dev").out.find("a line to look for"), std::string::npos);
  EXPECT_EQ(velo->ok("logs demo/main").out.find("a line to look for"), std::string::npos);
  Terminal following({Velo::binary("velo"), "logs", "demo/dev", "-f"},
                     velo->environment({"TERM=xterm"}));
  EXPECT_TRUE(following.shows("a line to look for"));
  velo->sql("demo/dev").execute("DO $$ BEGIN RAISE LOG 'and a later one'; END $$");
  EXPECT_TRUE(following.shows("and a later one")) << following.screen();
  following.type("\x03");
  following.wait();
}

TEST_F(Output, EveryCommandHasHelpWithAnExample) {
  EXPECT_NE(velo->ok("--help").out.find("branch"), std::string::npos);
  for (const std::string& command : every_command(*velo)) {
    const Ran ran = velo->ok(command + " --help");
    EXPECT_NE(ran.out.find("Usage: velo " + command), std::string::npos) << ran.all();
    EXPECT_NE(ran.out.find("\nExamples\n"), std::string::npos) << ran.all();
  }
}

class Sizes : public PlacesTest {};

TEST_P(Sizes, AFreshBranchWeighsWhatItsDriverSays) {
  velo->create_project("demo");
  velo->sql("demo/main")
      .execute(
          "CREATE TABLE t AS SELECT i, repeat('x', 500) AS t FROM generate_series(1, 40000) i; "
          "CHECKPOINT");
  velo->ok("branch create demo/dev");
  const Json dev = velo->json("branch get demo/dev");
  const std::int64_t referenced = dev.number("/branch/sizes/referenced_bytes");
  const std::int64_t exclusive = dev.number("/branch/sizes/exclusive_bytes");
  EXPECT_GT(referenced, 40'000'000);
  if (GetParam().driver == "copy") {
    EXPECT_GT(exclusive, referenced / 10 * 9);
  } else {  // a WAL segment of its own, at most
    EXPECT_LT(exclusive, 20'000'000);
  }
  EXPECT_FALSE(velo->json("status").is_null("/projects/0/branches/1/sizes"));
}

TEST_P(Sizes, BranchGetSaysWhatDeletingWouldFree) {
  velo->create_project("demo");
  velo->ok("config set grace 1h");
  velo->ok("branch create demo/dev");
  velo->ok("branch create demo/child --parent demo/dev --no-start");
  // Noise, which no file system makes smaller.
  velo->sql("demo/dev")
      .execute(
          "CREATE TABLE t AS SELECT sha512(i::text::bytea) AS noise FROM generate_series(1, 60000) "
          "i; "
          "CHECKPOINT");
  velo->ok("branch stop demo/dev");
  const Json before = velo->json("branch get demo/dev");
  const std::int64_t own = before.number("/branch/sizes/exclusive_bytes");
  EXPECT_GT(own, 4'000'000);
  EXPECT_EQ(before.number("/branch/deleting/frees_bytes"), own);
  EXPECT_EQ(before.number("/branch/deleting/after_seconds"), 3600);
  EXPECT_EQ(before.number("/branch/deleting/stays_bytes"),
            before.number("/branch/sizes/referenced_bytes") - own);
  EXPECT_EQ(before.text("/branch/deleting/shared_with/0"), "demo/main");
  EXPECT_EQ(before.text("/branch/deleting/shared_with/1"), "demo/child");

  // What a reset replaced is kept, weighs what it weighed, and would go as well.
  velo->ok("branch reset demo/dev --force");
  const Json after = velo->json("branch get demo/dev");
  const std::int64_t kept = after.number("/branch/kept/0/exclusive_bytes");
  EXPECT_GT(kept, 4'000'000);
  EXPECT_EQ(after.number("/branch/deleting/frees_bytes"),
            kept + after.number("/branch/sizes/exclusive_bytes"));
  EXPECT_EQ(after.text("/branch/kept/0/volume"), "demo-dev");
  const std::string text = velo->ok("branch get demo/dev").out;
  EXPECT_NE(text.find("Deleting:    frees "), std::string::npos) << text;
  EXPECT_NE(text.find(" once it was kept for 1h"), std::string::npos) << text;
  const bool shares = GetParam().driver != "copy";
  EXPECT_EQ(text.find("stay, shared with demo/main and demo/child") != std::string::npos, shares)
      << text;
  EXPECT_TRUE(velo->json("branch get demo/main").is_null("/branch/deleting"));
}

INSTANTIATE_TEST_SUITE_P(Places, Sizes,
                         testing::Values(Where{.driver = "btrfs", .major = 0},
                                         Where{.driver = "reflink", .major = 0},
                                         Where{.driver = "copy", .major = 0}),
                         param_name);

}  // namespace
}  // namespace velo::test
