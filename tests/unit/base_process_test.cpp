#include "base/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <csignal>

#include "base/files.h"
#include "support/environment.h"

namespace velo {
namespace {

using namespace std::chrono_literals;

Command shell(const std::string& script) {
  return {.argv = {"/bin/sh", "-c", script},
          .environment = clean_environment(),
          .user = {},
          .directory = "/",
          .input = {}};
}

TEST(Process, OutputErrorAndExitCodeComeBack) {
  const auto ran = run(shell("echo out; echo err >&2; exit 7"), 10s, Cancellation{});
  ASSERT_TRUE(ran);
  EXPECT_EQ(ran->out, "out\n");
  EXPECT_EQ(ran->err, "err\n");
  EXPECT_EQ(ran->exit_status, 7);
}

TEST(Process, ADeathBySignalIsToldLikeAShellDoes) {
  EXPECT_EQ(run(shell("kill -9 $$"), 10s, Cancellation{}).value().exit_status, 137);
}

TEST(Process, InputLargerThanAPipeArrivesWhole) {
  Command command = shell("wc -c");
  command.input.assign(1'000'000, 'x');
  EXPECT_EQ(run(command, 10s, Cancellation{}).value().out, "1000000\n");
}

TEST(Process, AChildThatDoesNotReadItsInputIsNoTrouble) {
  Command command = shell("exit 0");
  command.input.assign(1'000'000, 'x');
  EXPECT_EQ(run(command, 10s, Cancellation{}).value().exit_status, 0);
}

TEST(Process, AProgramThatIsNotThereIsAnErrorNotAnExitCode) {
  Command command = shell("");
  command.argv = {"/nonexistent/program"};
  EXPECT_EQ(run(command, 10s, Cancellation{}).error().code, Errc::not_found);
}

TEST(Process, TheEnvironmentIsExactlyWhatIsGiven) {
  ::setenv("VELO_SECRET_OF_THE_CALLER", "x", 1);
  Command command = shell("env");
  command.environment = {"ONLY=this"};
  const std::string out = run(command, 10s, Cancellation{}).value().out;
  EXPECT_EQ(out.find("VELO_SECRET"), std::string::npos) << out;
  EXPECT_NE(out.find("ONLY=this"), std::string::npos) << out;
}

TEST(Process, ChildrenInheritNoDescriptorOfOurs) {
  const int leaky = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC, as a library might
  const auto ran = run(shell("ls /proc/self/fd"), 10s, Cancellation{});
  ::close(leaky);
  EXPECT_EQ(ran.value().out, "0\n1\n2\n3\n") << "3 is ls reading the directory";
}

TEST(Process, ItEndsAtItsDeadlineWithItsChildren) {
  const auto ran = run(shell("tail -f /dev/null & wait"), 50ms, Cancellation{});
  EXPECT_EQ(ran.error().code, Errc::failed);
}

TEST(Process, ADetachedProcessLeadsItsOwnSessionAndCanBeWatched) {
  const test::TempDirectory dir;
  const Fd out(::open((dir.path() / "out").c_str(), O_WRONLY | O_CREAT, 0600));
  const auto process = start_detached(shell("ps -o sid= -p $$; exec tail -f /dev/null"), out.get());
  ASSERT_TRUE(process);
  EXPECT_FALSE(process->wait(0ms).value());
  EXPECT_EQ(::getsid(process->pid()), process->pid());
  ASSERT_TRUE(process->signal(SIGKILL));
  EXPECT_TRUE(process->wait(10s).value());
  EXPECT_EQ(process->signal(SIGTERM).error().code, Errc::not_found);
}

// As an upgrade does it: a new file in the old one's place.
TEST(Process, WhatRunsIsKnownFromWhatIsInstalledByNow) {
  const test::TempDirectory directory;
  const auto program = directory.path() / "sleep";
  std::filesystem::copy_file("/bin/sleep", program);
  Command command = shell("");
  command.argv = std::vector<std::string>{program.string(), "60"};
  const Fd nowhere = *open_file("/dev/null", O_WRONLY);
  const auto process = start_detached(command, nowhere.get());
  ASSERT_TRUE(process);
  EXPECT_TRUE(runs_program(process->pid(), program));
  EXPECT_FALSE(runs_program(process->pid(), "/bin/sleep"));
  EXPECT_FALSE(runs_program(process->pid(), directory.path() / "none"));
  std::filesystem::copy_file("/bin/sleep", directory.path() / "new");
  std::filesystem::rename(directory.path() / "new", program);
  EXPECT_FALSE(runs_program(process->pid(), program));
  EXPECT_TRUE(process->signal(SIGKILL));
  EXPECT_TRUE(process->wait(10s).value_or(false));
}

}  // namespace
}  // namespace velo
