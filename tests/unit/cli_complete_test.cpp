#include "cli/complete.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/help.h"
#include "cli_support.h"

namespace velo::cli {
namespace {

using Words = std::vector<std::string>;

Words offered(const Words& words) {
  test::ListedNames names;
  Words result;
  for (const Candidate& candidate : complete(all_commands(), words, names)) {
    result.push_back(candidate.word);
  }
  return result;
}

bool offers(const Words& words, const std::string& word) {
  const Words all = offered(words);
  return std::ranges::find(all, word) != all.end();
}

TEST(Complete, OffersCommandsButNoHiddenOnes) {
  EXPECT_EQ(offered({"pr"}), (Words{"project"}));
  EXPECT_TRUE(offers({""}, "status"));
  EXPECT_FALSE(offers({""}, "__complete"));
  EXPECT_EQ(offered({"branch", "re"}), (Words{"reset", "restore", "restart"}));
  EXPECT_EQ(offered({"br", "cr"}), (Words{"create"}));
}

TEST(Complete, OffersNamesWhereTheyBelong) {
  EXPECT_EQ(offered({"project", "get", ""}), (Words{"demo", "shop"}));
  EXPECT_EQ(offered({"branch", "start", "demo/"}), (Words{"demo/main", "demo/dev"}));
  EXPECT_EQ(offered({"branch", "delete", ""}), (Words{"demo/dev"}));
  EXPECT_EQ(offered({"branch", "delete", "--now", ""}), (Words{"demo/dev", "demo/old"}));
  EXPECT_EQ(offered({"project", "delete", ""}), (Words{"demo", "shop"}));
  EXPECT_EQ(offered({"project", "delete", "--now", ""}), (Words{"demo", "shop", "gone"}));
  EXPECT_EQ(offered({"branch", "create", "d"}), (Words{"demo/"}));
  EXPECT_EQ(offered({"branch", "undelete", ""}), (Words{"demo/old"}));
  EXPECT_EQ(offered({"project", "undelete", ""}), (Words{"gone"}));
  EXPECT_EQ(offered({"config", "get", "gr"}), (Words{"grace"}));
  EXPECT_EQ(offered({"psql", "shop"}), (Words{"shop/main"}));
  EXPECT_EQ(offered({"psql", "demo/dev", ""}), Words{});
}

TEST(Complete, OffersOptionsThatWereNotGivenYet) {
  EXPECT_EQ(offered({"branch", "create", "--pa"}), (Words{"--parent"}));
  EXPECT_TRUE(offers({"branch", "create", "-"}, "--json"));
  EXPECT_FALSE(offers({"branch", "create", "--no-start", "-"}, "--no-start"));
  EXPECT_TRUE(offers({"branch", "create", "--pg-conf", "a=b", "-"}, "--pg-conf"));
}

TEST(Complete, OffersAnOptionsValues) {
  EXPECT_EQ(offered({"project", "create", "x", "--storage", "b"}), (Words{"btrfs"}));
  EXPECT_TRUE(offers({"project", "create", "--pg-version", ""}, "15"));
  EXPECT_EQ(offered({"branch", "create", "demo/x", "--parent", "demo/d"}), (Words{"demo/dev"}));
  EXPECT_EQ(offered({"project", "create", "--storage=b"}), (Words{"--storage=btrfs"}));
  // bash makes three words of it.
  EXPECT_EQ(offered({"project", "create", "--storage", "=", "b"}), (Words{"btrfs"}));
  EXPECT_TRUE(offers({"project", "create", "--storage", "="}, "btrfs"));
}

TEST(Complete, GlobalOptionsBetweenTheWordsDoNotDisturb) {
  EXPECT_EQ(offered({"--json", "project", "-q", "get", "de"}), (Words{"demo"}));
}

TEST(Complete, LeavesPsqlsOwnWordsAlone) {
  EXPECT_EQ(offered({"psql", "demo/dev", "--", ""}), Words{});
}

TEST(Completion, ScriptsInPackagingAreWhatTheCommandPrints) {
  const std::filesystem::path directory =
      std::filesystem::path(VELO_SOURCE_DIR) / "packaging/completions";
  for (const CompletionScript& script : completion_scripts()) {
    EXPECT_EQ(read_file(directory / script.file).value(), script.text) << script.shell;
  }
}

TEST(Reference, InDocsIsWhatTheCommandsDeclare) {
  EXPECT_EQ(read_file(std::filesystem::path(VELO_SOURCE_DIR) / "docs/commands.md").value(),
            render_reference(all_commands()))
      << "make it anew: velo __reference > docs/commands.md";
}

void every_command(const Command& command, const std::function<void(const Command&)>& check) {
  check(command);
  for (const Command& child : command.children) every_command(child, check);
}

TEST(Commands, EachHasAnExampleAndASummaryOfOneLine) {
  every_command(all_commands(), [](const Command& command) {
    EXPECT_FALSE(command.summary.empty()) << command.name;
    EXPECT_FALSE(command.summary.ends_with('.')) << command.name;
    EXPECT_LE(command.summary.size(), 90U) << command.name;
    EXPECT_TRUE(command.hidden || !command.examples.empty()) << command.name;
    for (const Option& option : command.options) {
      EXPECT_FALSE(option.help.empty()) << command.name << " " << option.flags;
    }
  });
}

void every_page(const Found& found, const std::function<void(const Found&)>& check) {
  check(found);
  for (const Command& child : found.command->children) {
    Found below{.command = &child, .path = found.path};
    below.path.push_back(child.name);
    if (!child.hidden) every_page(below, check);
  }
}

TEST(Commands, HelpOfEachShowsItsUsageAndItsExamples) {
  const Command root = all_commands();
  std::size_t pages = 0;
  every_page({.command = &root, .path = {root.name}}, [&](const Found& found) {
    ++pages;
    const std::string page = render_help(found, test::plain);
    EXPECT_NE(page.find("Usage: " + usage_of(*found.command, found.path)), std::string::npos)
        << page;
    EXPECT_NE(page.find("\nExamples\n  "), std::string::npos) << page;
  });
  EXPECT_GT(pages, 30U);
}

TEST(Commands, OfTheOverviewAllHaveAGroup) {
  for (const Command& command : all_commands().children) {
    EXPECT_TRUE(command.hidden || !command.group.empty()) << command.name;
  }
}

}  // namespace
}  // namespace velo::cli
