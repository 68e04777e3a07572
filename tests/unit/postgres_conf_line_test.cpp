#include "postgres/conf_line.h"

#include <gtest/gtest.h>

namespace velo::postgres {
namespace {

std::string value_of(std::string_view line) {
  const auto parsed = parse_conf_line(line);
  return parsed ? parsed->value : "(nothing)";
}

TEST(PostgresConfLine, ReadsAllWaysToWriteASetting) {
  EXPECT_EQ(value_of("work_mem = 64MB"), "64MB");
  EXPECT_EQ(value_of("work_mem=64MB"), "64MB");
  EXPECT_EQ(value_of("work_mem 64MB"), "64MB");
  EXPECT_EQ(value_of("  work_mem\t=\t64MB   # a comment"), "64MB");
  EXPECT_EQ(value_of("work_mem='64MB'# a comment"), "64MB");
  EXPECT_EQ(value_of("work_mem'64MB'"), "64MB");
  EXPECT_EQ(value_of("name = ''"), "");
  EXPECT_EQ(value_of("name = '# no comment'"), "# no comment");
}

TEST(PostgresConfLine, ReadsNamesWithoutCase) {
  EXPECT_EQ(parse_conf_line("TimeZone = 'UTC'")->name, "timezone");
  EXPECT_EQ(parse_conf_line("cron.Launch_active_jobs = on")->name, "cron.launch_active_jobs");
}

TEST(PostgresConfLine, UndoesQuotesAndEscapes) {
  EXPECT_EQ(value_of("n = 'it''s'"), "it's");
  EXPECT_EQ(value_of(R"(n = 'it\'s')"), "it's");
  EXPECT_EQ(value_of(R"(n = 'C:\\dir')"), "C:\\dir");
  EXPECT_EQ(value_of(R"(n = 'a\nb\tc')"), "a\nb\tc");
  EXPECT_EQ(value_of(R"(n = '\101\12x')"), "A\nx");
  EXPECT_EQ(value_of(R"(n = '\q')"), "q");
}

TEST(PostgresConfLine, IsNothingWhereThereIsNoSetting) {
  for (const char* line :
       {"", "   ", "# work_mem = 1", "work_mem", "work_mem =", "= 1", "1x = 1", "a.b.c = 1",
        "n = 'no end", "n = 1 2", "n = 'a' b", "n = 'ends in a backslash\\"}) {
    EXPECT_FALSE(parse_conf_line(line).has_value()) << line;
  }
}

TEST(PostgresConfLine, KnowsIncludeDirectives) {
  for (const char* name : {"include", "include_if_exists", "include_dir"}) {
    EXPECT_TRUE(is_include(name));
  }
  EXPECT_FALSE(is_include("includes"));
}

}  // namespace
}  // namespace velo::postgres
