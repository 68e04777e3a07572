#include "base/text.h"

#include <gtest/gtest.h>

namespace velo {
namespace {

TEST(Text, TrimTakesBlanksFromBothEnds) {
  EXPECT_EQ(trim("  a b\n"), "a b");
  EXPECT_EQ(trim(" \t"), "");
}

TEST(Text, SplitKeepsEmptyParts) {
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_EQ(split("", ','), (std::vector<std::string_view>{""}));
}

TEST(Text, LastLinesEndsEachLine) {
  EXPECT_EQ(last_lines("a\nb\nc\n", 2), "b\nc\n");
  EXPECT_EQ(last_lines("a\nb", 5), "a\nb\n");
  EXPECT_EQ(last_lines("", 5), "");
}

TEST(Text, JoinWordsSpeaks) {
  EXPECT_EQ(join_words({"a"}), "a");
  EXPECT_EQ(join_words({"a", "b"}), "a and b");
  EXPECT_EQ(join_words({"a", "b", "c"}), "a, b and c");
}

TEST(Text, NearestForgivesATypoAndNoMore) {
  EXPECT_EQ(nearest("demo/dve", {"demo/main", "demo/dev"}), "demo/dev");
  EXPECT_EQ(nearest("stauts", {"status", "setup"}), "status");
  EXPECT_EQ(nearest("warehouse", {"demo", "prod"}), "");
  EXPECT_EQ(nearest("x", {"a", "b"}), "") << "nothing of a one-letter name is left to recognise";
}

TEST(Text, WhatATerminalIsShownObeysNobody) {
  EXPECT_EQ(printable("demo/äé…"), "demo/äé…");
  EXPECT_EQ(printable("a\nb\tc\x1b[31m"), "a\\nb\\tc\\x1b[31m");
  EXPECT_EQ(printable("\x7f\xc3\xff\xc2\x9b"), "\\x7f\\xc3\\xff\\xc2\\x9b");
  EXPECT_EQ(printable("\xc3"), "\\xc3") << "half a character";
  EXPECT_EQ(first_character("éa"), "é");
  EXPECT_EQ(first_character("\xff\xfe"), "\xff");
  EXPECT_EQ(first_character(""), "");
}

}  // namespace
}  // namespace velo
