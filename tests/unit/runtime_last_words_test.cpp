#include "runtime/last_words.h"

#include <gtest/gtest.h>

namespace velo::runtime {
namespace {

TEST(LastWords, TheServersOwnReasonIsInTheMessage) {
  const Error error = did_not_start("the server ended while starting",
                                    "2026-01-02 UTC [7] LOG:  could not bind: Permission denied\n"
                                    "2026-01-02 UTC [7] FATAL:  could not create any sockets\n"
                                    "2026-01-02 UTC [7] LOG:  database system is shut down\n")
                          .error();
  EXPECT_EQ(error.code, Errc::server);
  EXPECT_EQ(error.message, "the server ended while starting: could not create any sockets");
  EXPECT_TRUE(error.detail.ends_with("database system is shut down\n")) << error.detail;
}

TEST(LastWords, AreTheLastOnesAndNotThoseToWhoeverKnocked) {
  EXPECT_EQ(did_not_start("no",
                          "PANIC:  first\nPANIC:  could not locate a valid checkpoint\n"
                          "FATAL:  the database system is starting up\n")
                .error()
                .message,
            "no: could not locate a valid checkpoint");
}

TEST(LastWords, OfALongLogTheEndIsShownAndAllOfItIsLookedAt) {
  std::string log = "FATAL:  early\n";
  for (int i = 0; i < 50; ++i) log += fmt::format("LOG:  line {}\n", i);
  const Error error = did_not_start("no", log).error();
  EXPECT_EQ(error.message, "no: early");
  EXPECT_EQ(error.detail.find("line 37\n"), std::string::npos);
  EXPECT_NE(error.detail.find("line 38\n"), std::string::npos);
}

TEST(LastWords, ACrashMayHappenOnceAndNotOverAndOver) {
  const std::string crash =
      "PANIC:  could not rename file: No space left on device\n"
      "LOG:  all server processes terminated; reinitializing\n";
  EXPECT_FALSE(crashes_over_and_over("LOG:  redo starts at 0/1\n"));
  EXPECT_FALSE(crashes_over_and_over(crash));
  EXPECT_TRUE(crashes_over_and_over(crash + crash));
}

TEST(LastWords, OfAServerThatSaidNothingAreNotPromised) {
  const Error error = did_not_start("no", "").error();
  EXPECT_EQ(error.message, "no");
  EXPECT_EQ(error.hint.find("above"), std::string::npos);
}

}  // namespace
}  // namespace velo::runtime
