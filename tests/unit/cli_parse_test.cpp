#include "cli/parse.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "cli/cli.h"
#include "cli_support.h"

namespace velo::cli {
namespace {

/// A small command line with one of everything.
struct Sample {
  std::string name;
  std::string extra;
  std::string parent;
  int lines = 0;
  bool force = false;
  std::map<std::string, std::string> settings;
  Command root{.name = "velo", .summary = "a sample"};

  Sample() {
    const auto run = [](Context&) -> Result<int> { return 0; };
    Command create{
        .name = "create",
        .summary = "Make one",
        .arguments =
            {{.name = "NAME", .help = "", .assign = into(name)},
             {.name = "EXTRA", .help = "", .assign = into(extra), .needed = Needed::optional}},
        .options = {{.flags = "--parent", .value = "P/B", .help = "", .assign = into(parent)},
                    {.flags = "-n,--lines",
                     .value = "N",
                     .help = "",
                     .assign = into(lines, "--lines", 0, 99)},
                    force_option(force, ""),
                    setting_option(settings)},
        .examples = {{"velo branch create demo/dev", ""}},
        .run = run};
    Command psql{.name = "psql",
                 .summary = "psql",
                 .arguments = {{.name = "NAME", .help = "", .assign = into(name)}},
                 .passthrough = "psql arguments",
                 .run = run};
    Command branch{.name = "branch", .aliases = {"br"}, .summary = "branches"};
    branch.children = {std::move(create)};
    root.children = {std::move(branch), std::move(psql)};
  }

  Result<Parsed> parse(const std::string& line) {
    std::vector<std::string> words;
    for (const std::string_view word : split(line, ' ')) words.emplace_back(word);
    return cli::parse(root, words);
  }
  std::string error(const std::string& line) {
    const auto parsed = parse(line);
    if (parsed) return "(parsed)";
    EXPECT_EQ(exit_code_of(parsed.error().code), 2);
    return parsed.error().message + " → " + parsed.error().hint;
  }
};

TEST(Parse, WhatIsPsqlsIsSentBehindTheDashes) {
  Sample sample;
  EXPECT_EQ(sample.error("psql demo/dev -c x"),
            "velo psql has no option -c → psql arguments go behind --: velo psql … -- -c …");
  EXPECT_NE(sample.error("psql demo/dev --jsn").find("did you mean --json?"), std::string::npos);
}

TEST(Parse, ReadsArgumentsAndOptionsInAnyOrder) {
  Sample sample;
  ASSERT_TRUE(sample.parse("branch create --parent demo/a demo/b -n5 --force more"));
  EXPECT_EQ(sample.name, "demo/b");
  EXPECT_EQ(sample.extra, "more");
  EXPECT_EQ(sample.parent, "demo/a");
  EXPECT_EQ(sample.lines, 5);
  EXPECT_TRUE(sample.force);
}

TEST(Parse, TakesGlobalOptionsAnywhere) {
  for (const char* line : {"--json branch create x", "branch --json create x",
                           "branch create --json x", "branch create x --json"}) {
    Sample sample;
    const auto parsed = sample.parse(line);
    ASSERT_TRUE(parsed) << line;
    EXPECT_TRUE(parsed->globals.json) << line;
    EXPECT_EQ(sample.name, "x") << line;
  }
}

TEST(Parse, KnowsAliases) {
  Sample sample;
  const auto parsed = sample.parse("br create x");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->found.path, (std::vector<std::string>{"velo", "branch", "create"}));
}

TEST(Parse, TakesAnArgumentThatIsACommandsName) {
  for (const char* name : {"branch", "create", "psql", "help"}) {
    Sample sample;
    ASSERT_TRUE(sample.parse(std::string("branch create ") + name)) << name;
    EXPECT_EQ(sample.name, name);
  }
}

TEST(Parse, TakesArgumentsAsTheyAre) {
  for (const char* name : {"[a,b]", "'quoted'", "a=b", "-", "..", "%%", "{}"}) {
    Sample sample;
    ASSERT_TRUE(sample.parse(std::string("branch create ") + name)) << name;
    EXPECT_EQ(sample.name, name);
    ASSERT_TRUE(sample.parse(std::string("branch create x --parent ") + name)) << name;
    EXPECT_EQ(sample.parent, name);
  }
  Sample sample;
  ASSERT_TRUE(sample.parse("branch create "));
  EXPECT_EQ(sample.name, "");
  ASSERT_TRUE(sample.parse("branch create -- --odd"));
  EXPECT_EQ(sample.name, "--odd");
}

TEST(Parse, CollectsRepeatedSettings) {
  Sample sample;
  ASSERT_TRUE(sample.parse("branch create x --pg-conf work_mem=64MB --pg-conf=jit=off"));
  EXPECT_EQ(sample.settings,
            (std::map<std::string, std::string>{{"work_mem", "64MB"}, {"jit", "off"}}));
}

TEST(Parse, LeavesWhatFollowsTwoDashesToTheProgramBehind) {
  Sample sample;
  const auto parsed = sample.parse("psql demo/dev -- -c select --json");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->passthrough, (std::vector<std::string>{"-c", "select", "--json"}));
  EXPECT_FALSE(parsed->globals.json);
  EXPECT_FALSE(wants_json({"psql", "demo/dev", "--", "--json"}));
  EXPECT_TRUE(wants_json({"psql", "--json", "demo/dev"}));
}

TEST(Parse, NeedsNothingForHelp) {
  for (const char* line : {"branch create --help", "help branch create", "branch -h create"}) {
    Sample sample;
    const auto parsed = sample.parse(line);
    ASSERT_TRUE(parsed) << line;
    EXPECT_TRUE(parsed->globals.help);
    EXPECT_EQ(parsed->found.command->name, "create");
  }
}

TEST(Parse, SuggestsWhatWasProbablyMeant) {
  Sample sample;
  EXPECT_EQ(sample.error("brnch create x"),
            "velo has no command 'brnch' → did you mean velo branch?");
  EXPECT_EQ(sample.error("branch crate x"),
            "velo branch has no command 'crate' → did you mean velo branch create?");
  EXPECT_EQ(sample.error("branch create x --parnt demo/a"),
            "velo branch create has no option --parnt → did you mean --parent?");
  EXPECT_EQ(sample.error("branch create x -z"),
            "velo branch create has no option -z → velo branch create --help shows how it is used");
  EXPECT_EQ(sample.error("xyzzyxyzzy"),
            "velo has no command 'xyzzyxyzzy' → velo --help lists the commands");
}

TEST(Parse, SaysWhatIsMissingOrTooMuch) {
  Sample sample;
  EXPECT_EQ(sample.error("branch"),
            "velo branch needs a command: create → velo branch --help shows how it is used");
  EXPECT_EQ(sample.error("branch create"),
            "velo branch create needs NAME → for example: velo branch create demo/dev");
  EXPECT_EQ(sample.error("branch create a b c"),
            "velo branch create: 'c' is too much → "
            "usage: velo branch create NAME [EXTRA] [options]");
  EXPECT_EQ(sample.error("branch create a --parent").substr(0, 35),
            "--parent needs a value: --parent P/");
  EXPECT_EQ(sample.error("branch create a --parent --force").substr(0, 23),
            "--parent needs a value:");
  EXPECT_EQ(sample.error("branch create a --force=yes").substr(0, 22), "--force takes no value");
  EXPECT_EQ(sample.error("branch create a --parent x --parent y").substr(0, 26),
            "--parent was given 2 times");
  EXPECT_EQ(sample.error("branch create a -n abc").substr(0, 47),
            "--lines takes a number from 0 to 99, not 'abc' ");
  EXPECT_EQ(sample.error("branch create a -n 100").substr(0, 35),
            "--lines takes a number from 0 to 99");
}

TEST(Parse, OneOfSomeWordsNamesThem) {
  std::string target;
  const Assign assign = into(target, "--storage", {"auto", "btrfs"});
  ASSERT_TRUE(assign("btrfs"));
  EXPECT_EQ(target, "btrfs");
  const auto refused = assign("btrsf");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "--storage takes one of auto, btrfs, not 'btrsf'");
  EXPECT_EQ(refused.error().hint, "did you mean btrfs?");
}

TEST(Run, AnswersAMistakeOnStderrOrAsADocument) {
  const Cancellation cancel;
  test::Captured captured;
  EXPECT_EQ(run({"brnch"}, captured.output, cancel, "/nowhere", {}), 2);
  EXPECT_EQ(captured.out, "");
  EXPECT_EQ(captured.err,
            "error: velo has no command 'brnch'\n"
            "  → did you mean velo branch?\n");
  test::Captured document;
  EXPECT_EQ(run({"brnch", "--json"}, document.output, cancel, "/nowhere", {}), 2);
  EXPECT_TRUE(document.out.starts_with("{\n  \"error\": {\n    \"code\": \"usage\""))
      << document.out;
}

TEST(Run, ShowsHelpAndVersionWithoutAHome) {
  const Cancellation cancel;
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"--help"},
                                                {"branch", "--help"},
                                                {"help", "project", "create"}}) {
    test::Captured captured;
    EXPECT_EQ(run(words, captured.output, cancel, fail(Errc::failed, "no home"), {}), 0);
    EXPECT_NE(captured.out.find("Usage: velo"), std::string::npos) << captured.out;
    EXPECT_EQ(captured.err, "");
  }
  test::Captured captured;
  EXPECT_EQ(run({"--version"}, captured.output, cancel, "/nowhere", {}), 0);
  EXPECT_TRUE(captured.out.starts_with("velo ")) << captured.out;
}

TEST(CommandLine, CanBeTypedAgain) {
  EXPECT_EQ(command_line({"branch", "create", "demo/dev"}), "velo branch create demo/dev");
  EXPECT_EQ(command_line({"x", "two words", "it's", ""}), "velo x 'two words' 'it'\\''s' ''");
}

TEST(Home, IsWhereTheEnvironmentSays) {
  const auto only = [](const std::string& name, const std::string& value) {
    return [=](const char* asked) { return asked == name ? value : std::string(); };
  };
  EXPECT_EQ(home_from(only("VELO_HOME", "/srv/velo/../velo")).value(), "/srv/velo");
  // With the next change of directory its servers would be nowhere.
  EXPECT_EQ(home_from(only("VELO_HOME", "here")).error().code, Errc::failed);
}

}  // namespace
}  // namespace velo::cli
