// `velo run`: a command's own branch, which goes with it, whatever ends either.
#include <gmock/gmock.h>

#include <csignal>
#include <fstream>

#include "support/caretakers.h"
#include "support/velo.h"

namespace velo::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class Run : public PlacesTest {
 protected:
  void SetUp() override {
    PlacesTest::SetUp();
    if (IsSkipped()) return;
    velo->ok("config set archive off");  // and no base besides
    velo->create_project("demo");
    velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  }
  /// `velo run WORDS -- sh -c SCRIPT`
  static std::vector<std::string> line(const std::string& before, const std::string& script) {
    std::vector<std::string> all = words("run " + before);
    for (const char* word : {"--", "/bin/sh", "-c"}) all.emplace_back(word);
    all.push_back(script);
    return all;
  }
  Ran sh(const std::string& before, const std::string& script) const {
    return velo->run(line(before, script));
  }
  std::vector<std::string> branches() const {
    return velo->json("branch list").texts("/branches", "full_name");
  }
  /// No branch but main, nothing of one.
  void expect_nothing_left() const {
    EXPECT_THAT(branches(), testing::ElementsAre("demo/main"));
    EXPECT_THAT(velo->volume_names(), testing::ElementsAre("demo-main"));
    EXPECT_EQ(servers_below(velo->volumes()).size(), 1U);
    EXPECT_EQ(velo->json("status").size("/kept"), 0U);
  }
  /// A command that writes its own pid and its branch to files, and then waits.
  std::string waiting() const {
    const std::string home = velo->home().string();
    return "echo $VELO_BRANCH > " + home + "/branch; echo $PPID > " + home + "/velo.tmp; mv " +
           home + "/velo.tmp " + home + "/velo; exec tail -f /dev/null";
  }
  int runner() const {
    int pid = 0;
    EXPECT_TRUE(wait_until([&] { return bool(std::ifstream(velo->home() / "velo") >> pid); }));
    return pid;
  }
};

TEST_P(Run, ACommandHasACopyOfItsOwn) {
  const Ran ran = sh("demo",
                     "psql -Atc 'UPDATE t SET x = 2; SELECT x FROM t' && "
                     "psql -At \"$DATABASE_URL\" -c 'SELECT x + 1 FROM t' && "
                     "echo $VELO_BRANCH $PGDATABASE $VELO_WORKER of $VELO_WORKERS");
  EXPECT_EQ(ran.exit_status, 0) << ran.all();
  EXPECT_THAT(ran.out,
              testing::MatchesRegex("UPDATE 1\n2\n3\ndemo/run-[0-9a-f]{8} postgres 0 of 1\n"));
  EXPECT_EQ(velo->value("demo/main", "SELECT x FROM t"), "1");
  expect_nothing_left();
}

TEST_P(Run, ASnapshotsStateCanBeRunOn) {
  velo->ok("snapshot create demo/main --label before");
  velo->sql("demo/main").execute("UPDATE t SET x = 5");
  const Ran ran = sh("demo/main --snapshot before", "psql -Atc 'SELECT x FROM t'");
  EXPECT_EQ(ran.out, "1\n") << ran.all();
  EXPECT_THAT(ran.err, HasSubstr("snapshot before, as of "));
}

TEST_P(Run, WhenVeloIsKilledTheBranchGoesWithoutAnotherCommand) {
  auto ended = std::async(std::launch::async, [&] { return velo->run(line("demo", waiting())); });
  const int pid = runner();
  ASSERT_EQ(servers_below(velo->volumes()).size(), 2U);
  // The caretaker is what deletes it.
  ASSERT_TRUE(wait_until([&] { return !caretakers_of(velo->home()).empty(); }));
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  EXPECT_EQ(ended.get().exit_status, 137);
  EXPECT_TRUE(wait_until([&] { return servers_below(velo->volumes()).size() == 1; }));
  EXPECT_TRUE(wait_until([&] { return is_without_caretaker(velo->home()); }))
      << "nothing is left to do";
  expect_nothing_left();
}

TEST_P(Run, WhenAllThatLooksAfterItIsKilledTheNextCommandDeletesIt) {
  auto ended = std::async(std::launch::async, [&] { return velo->run(line("demo", waiting())); });
  const int pid = runner();
  ASSERT_TRUE(wait_until([&] { return !caretakers_of(velo->home()).empty(); }));
  kill_caretakers_of(velo->home());
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  EXPECT_EQ(ended.get().exit_status, 137);
  EXPECT_EQ(branches().size(), 2U) << "a command that only reads deletes nothing";
  const Ran next = velo->ok("branch create demo/next --no-start");
  EXPECT_THAT(next.err, HasSubstr("whose command is gone"));
  velo->ok("branch delete demo/next --now");
  expect_nothing_left();
}

INSTANTIATE_TEST_SUITE_P(Places, Run,
                         testing::Values(Where{.driver = "btrfs"}, Where{.driver = "reflink"},
                                         Where{.driver = "copy"}),
                         param_name);

class RunOnce : public Run {};

TEST_P(RunOnce, TheCommandsExitCodeComesBack) {
  EXPECT_EQ(sh("demo", "exit 3").exit_status, 3);
  EXPECT_EQ(sh("demo", "kill -9 $$").exit_status, 137);
  const Ran missing = velo->run(words("run demo -- /nowhere/at/all"));
  EXPECT_EQ(missing.exit_status, 127);
  EXPECT_THAT(missing.err, HasSubstr("velo: /nowhere/at/all: No such file or directory"));
  EXPECT_EQ(velo->run(words("run demo -- /etc/passwd")).exit_status, 126);
  expect_nothing_left();
}

TEST_P(RunOnce, SignalsReachTheCommand) {
  std::string script = "trap 'kill $!; echo told; exit 7' TERM; " + waiting();
  script.replace(script.find("exec tail -f /dev/null"), std::string::npos,
                 "tail -f /dev/null & wait");
  auto ended = std::async(std::launch::async, [&] { return velo->run(line("demo", script)); });
  ASSERT_EQ(::kill(runner(), SIGTERM), 0);
  const Ran ran = ended.get();
  EXPECT_EQ(ran.exit_status, 7) << ran.all();
  EXPECT_THAT(ran.out, HasSubstr("told"));
  expect_nothing_left();
}

TEST_P(RunOnce, CtrlCIsTheCommandsToAnswer) {
  std::vector<std::string> argv{Velo::binary("velo")};
  for (const std::string& word : line("demo",
                                      "trap 'kill $!; exit 9' INT; tail -f /dev/null & "
                                      "echo it waits; wait")) {
    argv.push_back(word);
  }
  Terminal terminal(argv, velo->environment());
  ASSERT_TRUE(terminal.shows("it waits")) << terminal.screen();
  terminal.type("\x03");
  EXPECT_EQ(terminal.wait(), 9) << terminal.screen();
  // velo was interrupted too: what it left undone is the caretaker's.
  EXPECT_TRUE(wait_until([&] { return is_without_caretaker(velo->home()); }));
  expect_nothing_left();
}

TEST_P(RunOnce, SeveralCopiesHaveABranchEachOfOneMoment) {
  const Ran ran = sh("demo -j 3",
                     "psql -qAtc \"UPDATE t SET x = x + $VELO_WORKER; "
                     "SELECT 'worker ' || x FROM t\"; test $VELO_WORKER != 2 || exit 4");
  EXPECT_EQ(ran.exit_status, 4) << ran.all();
  for (const char* text : {"worker 1", "worker 2", "worker 3"}) {
    EXPECT_THAT(ran.out, HasSubstr(text));
  }
  expect_nothing_left();
  EXPECT_EQ(velo->json("snapshot list").size("/snapshots"), 0U);
}

TEST_P(RunOnce, EphemeralIsSaidAndHoldsForItsBranchAlone) {
  const std::string ask =
      "psql -Atc 'SHOW fsync' -c 'SHOW full_page_writes' -c 'SHOW synchronous_commit'";
  const Ran ran = sh("demo --ephemeral", ask);
  EXPECT_EQ(ran.out, "off\noff\noff\n") << ran.all();
  EXPECT_THAT(ran.err, HasSubstr("would not survive"));
  EXPECT_EQ(sh("demo", ask).out, "on\non\non\n");
  EXPECT_EQ(velo->value("demo/main", "SHOW fsync"), "on");
}

TEST_P(RunOnce, NothingCanBeMadeOfIt) {
  const std::string velo_here = Velo::binary("velo").string();
  const Ran ran = sh("demo", velo_here + " branch create demo/x --parent $VELO_BRANCH");
  EXPECT_EQ(ran.exit_status, 2) << ran.all();
  EXPECT_THAT(ran.err, HasSubstr("goes with it"));
  EXPECT_THAT(branches(), Not(testing::Contains("demo/x")));
}

TEST_P(RunOnce, WhatIsWrongWithTheWordsIsSaid) {
  EXPECT_THAT(velo->fails(2, "run demo").err, HasSubstr("after --"));
  EXPECT_THAT(velo->fails(3, "run nowhere -- true").err, HasSubstr("there is no project nowhere"));
  velo->fails(2, "run demo -j 0 -- true");
  expect_nothing_left();
}

INSTANTIATE_TEST_SUITE_P(Places, RunOnce, testing::Values(Where{}), param_name);

}  // namespace
}  // namespace velo::test
