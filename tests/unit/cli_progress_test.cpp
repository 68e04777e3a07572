#include "cli/progress.h"

#include <gtest/gtest.h>

#include "cli_support.h"

namespace velo::cli {
namespace {

using test::Captured;
using test::plain;
using test::screen;

TEST(StepTime, ShowsMillisecondsBelowATenthOfASecond) {
  EXPECT_EQ(step_time(Seconds(0.0002)), "<1ms");
  EXPECT_EQ(step_time(Seconds(0.012)), "12ms");
  EXPECT_EQ(step_time(Seconds(0.0994)), "99ms");
  EXPECT_EQ(step_time(Seconds(0.0996)), "0.1s");
  EXPECT_EQ(step_time(Seconds(6.24)), "6.2s");
  EXPECT_EQ(step_time(Seconds(59.94)), "59.9s");
  EXPECT_EQ(step_time(Seconds(59.96)), "1m00s");
  EXPECT_EQ(step_time(Seconds(125)), "2m05s");
  EXPECT_EQ(step_time(Seconds(3720)), "1h02m");
  EXPECT_EQ(step_time(Seconds(-1)), "<1ms");
}

TEST(StepLine, EndsWhereUsersKnowItTo) {
  EXPECT_EQ(step_line("▸", "Checkpoint", "0.1s"),
            "  ▸ Checkpoint                              0.1s");
  EXPECT_EQ(step_line("▸", "Checkpoint", "12ms"),
            "  ▸ Checkpoint                              12ms");
}

TEST(Progress, WritesALinePerFinishedStepInAPipe) {
  Captured captured(plain);
  {
    Progress progress(captured.output);
    progress.begin("Creating demo/dev from demo/main");
    progress.step_started("Checkpoint");
    EXPECT_EQ(captured.err, "Creating demo/dev from demo/main...\n");
    progress.step_finished("Checkpoint", Seconds(0.1));
  }
  EXPECT_EQ(captured.err,
            "Creating demo/dev from demo/main...\n"
            "  ▸ Checkpoint                              0.1s\n");
  EXPECT_EQ(captured.out, "");
}

TEST(Progress, ShowsHowFarTheRunningStepHasCome) {
  Captured captured(screen);
  Progress progress(captured.output);
  progress.begin("Creating demo/then from demo/main");
  progress.step_started("PostgreSQL ready");
  progress.step_progress("12 of at most 40 segments");
  progress.notice("drawn anew");
  EXPECT_NE(captured.err.find("PostgreSQL ready, 12 of at most 40 segments"), std::string::npos)
      << captured.err;
  progress.step_finished("PostgreSQL ready", Seconds(1));
  EXPECT_EQ(captured.err.rfind("segments"), captured.err.find("segments")) << captured.err;
}

TEST(Progress, MarksTheStepThatFailed) {
  Captured captured(plain);
  Progress progress(captured.output);
  progress.begin("Creating demo");
  progress.step_started("PostgreSQL ready");
  progress.abandon();
  EXPECT_NE(captured.err.find("  ✗ PostgreSQL ready"), std::string::npos) << captured.err;
}

TEST(Progress, RewritesTheRunningStepOnATerminal) {
  Captured captured(screen);
  {
    Progress progress(captured.output);
    progress.begin("Creating demo");
    progress.step_started("Checkpoint");
    progress.step_finished("Checkpoint", Seconds(0.2));
    progress.done();
  }
  EXPECT_NE(captured.err.find("\r\x1b[K"), std::string::npos);
  EXPECT_NE(captured.err.find("Checkpoint                              0.2s\n"), std::string::npos);
  EXPECT_TRUE(captured.err.ends_with("\n\n"));
}

TEST(Progress, SaysNoticesAtOnceAndBelowTheirUseCase) {
  Captured captured(plain);
  Progress progress(captured.output);
  progress.notice("an interrupted create was undone");
  progress.begin("Resetting demo/dev to demo/main");
  progress.warning("the certificate is old");
  EXPECT_EQ(captured.err,
            "Notice: an interrupted create was undone\n"
            "Resetting demo/dev to demo/main...\n"
            "  Warning: the certificate is old\n");
}

TEST(Progress, QuietLeavesOnlyWarnings) {
  Captured captured(screen);
  captured.output.quiet = true;
  {
    Progress progress(captured.output);
    progress.begin("Creating demo");
    progress.step_started("Checkpoint");
    progress.notice("waiting");
    progress.step_finished("Checkpoint", Seconds(0.2));
    progress.done();
  }
  EXPECT_EQ(captured.err, "");
  Progress progress(captured.output);
  progress.warning("no TLS");
  EXPECT_NE(captured.err.find("no TLS"), std::string::npos);
}

TEST(Progress, WithoutAUseCaseSaysNothingAtItsEnd) {
  Captured captured(plain);
  Progress progress(captured.output);
  progress.done();
  progress.abandon();
  EXPECT_EQ(captured.err, "");
}

}  // namespace
}  // namespace velo::cli
