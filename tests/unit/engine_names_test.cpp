#include "engine/names.h"

#include <gtest/gtest.h>

namespace velo::engine {
namespace {

TEST(Names, LettersDigitsDashAndUnderscoreMakeAName) {
  for (const char* name : {"a", "demo", "A-b_9", "0", "x-temp"}) {
    EXPECT_TRUE(check_name("project", name)) << name;
  }
  EXPECT_TRUE(check_name("project", std::string(63, 'a')));
}

TEST(Names, EverythingElseIsRefusedWithItsReason) {
  for (const std::string& name :
       {std::string(), std::string("-a"), std::string("_a"), std::string("a b"), std::string("a.b"),
        std::string(".."), std::string("a@b"), std::string("a'b"), std::string("a\"b"),
        std::string("ä"), std::string("a/b"), std::string(64, 'a'), std::string("a\nb")}) {
    const auto checked = check_name("branch", name);
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.error().code, Errc::invalid_name) << name;
    EXPECT_FALSE(checked.error().hint.empty()) << name;
  }
}

TEST(Names, WhatIsWrongWithOneIsShownWhole) {
  EXPECT_EQ(check_name("branch", "é").error().message,
            "'é' cannot be the name of a branch: it begins with 'é'");
  EXPECT_EQ(check_name("branch", "ab…c").error().message,
            "'ab…c' cannot be the name of a branch: it contains '…'");
  EXPECT_EQ(check_name("branch", "a\nb").error().message,
            "'a\\nb' cannot be the name of a branch: it contains '\\n'");
  EXPECT_EQ(parse_branch_name("a\x1b").error().message,
            "'a\\x1b' is not of the form PROJECT/BRANCH");
}

TEST(Names, BranchNamesHaveTwoParts) {
  const auto name = parse_branch_name("a-b/c");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->project, "a-b");
  EXPECT_EQ(name->branch, "c");
  for (const char* text : {"demo", "demo/", "/dev", "a/b/c", "", "/", "demo//dev", "../x"}) {
    EXPECT_EQ(parse_branch_name(text).error().code, Errc::invalid_name) << text;
  }
}

}  // namespace
}  // namespace velo::engine
