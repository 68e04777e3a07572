#include "cli/table.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "cli_support.h"

namespace velo::cli {
namespace {

using test::plain;

Table pool_table() {
  Table table(
      {{.title = "Pool"}, {.title = "Health", .expendable = 1}, {.title = "Size", .right = true}});
  table.add({{"tank"}, {"ONLINE", Colour::green}, {"9.50 GB"}});
  table.add({{"slow"}, {"ONLINE", Colour::green}, {"812 B"}});
  return table;
}

TEST(Table, DrawsABoxWithNumbersAtTheRight) {
  EXPECT_EQ(pool_table().render(plain),
            "┌──────┬────────┬─────────┐\n"
            "│ Pool │ Health │    Size │\n"
            "├──────┼────────┼─────────┤\n"
            "│ tank │ ONLINE │ 9.50 GB │\n"
            "│ slow │ ONLINE │   812 B │\n"
            "└──────┴────────┴─────────┘\n");
}

TEST(Table, DropsTheBoxBeforeAnyColumnOnANarrowScreen) {
  EXPECT_EQ(pool_table().render({.width = 24}),
            "Pool  Health     Size\n"
            "tank  ONLINE  9.50 GB\n"
            "slow  ONLINE    812 B\n");
}

TEST(Table, DropsExpendableColumnsOnAVeryNarrowScreen) {
  EXPECT_EQ(pool_table().render({.width = 15}),
            "Pool     Size\n"
            "tank  9.50 GB\n"
            "slow    812 B\n");
}

TEST(Table, KeepsWhatItMustOnAScreenOfAnyWidth) {
  EXPECT_EQ(pool_table().render({.width = 1}), pool_table().render({.width = 15}));
}

TEST(Table, DrawsALineBetweenGroupsAndNeverAboveTheFirst) {
  Table table({{.title = "Name"}});
  table.separate();
  table.add({{"demo"}});
  table.separate();
  table.add({{"shop"}});
  EXPECT_EQ(table.render(plain),
            "┌──────┐\n"
            "│ Name │\n"
            "├──────┤\n"
            "│ demo │\n"
            "├──────┤\n"
            "│ shop │\n"
            "└──────┘\n");
}

TEST(Table, ColoursDoNotChangeTheAlignment) {
  const std::string coloured = pool_table().render({.terminal = true, .colour = true});
  std::string stripped;
  for (std::size_t i = 0; i < coloured.size(); ++i) {
    if (coloured[i] == '\x1b')
      i = coloured.find('m', i);
    else
      stripped += coloured[i];
  }
  EXPECT_NE(coloured, stripped);
  EXPECT_EQ(stripped, pool_table().render(plain));
}

TEST(Table, LinesNeverEndInSpaces) {
  for (const int width : {0, 24, 15}) {
    Table table({{.title = "Name"}, {.title = "Note"}});
    table.add({{"demo"}, {""}});
    table.add({{"shop"}, {"a note"}});
    const std::string text = table.render({.width = width});
    for (const std::string_view line : lines_of(text)) EXPECT_FALSE(line.ends_with(' ')) << text;
  }
}

TEST(Pairs, AlignValuesAndLeaveOutWhatIsNotThere) {
  EXPECT_EQ(render_pairs({{"Branch", {"demo/dev"}}, {"Parent", {""}}, {"Port", {"20001"}}}, plain),
            "Branch:  demo/dev\n"
            "Port:    20001\n");
}

TEST(Look, CountsCharactersNotBytes) {
  EXPECT_EQ(width_of("● ↳ demo"), 8U);
  EXPECT_EQ(pad_right("●", 3), "●  ");
  EXPECT_EQ(pad_left("–", 3), "  –");
  EXPECT_EQ(shorten("↳ demo/dev", 6), "↳ dem…");
  EXPECT_EQ(shorten("demo", 4), "demo");
}

TEST(Look, HasNoColourWithoutATerminalOrAgainstTheUsersWish) {
  const auto with = [](const std::string& name, const std::string& value) {
    return [=](const char* asked) { return asked == name ? value : std::string(); };
  };
  EXPECT_TRUE(look_for(true, 80, with("TERM", "xterm")).colour);
  EXPECT_FALSE(look_for(true, 80, with("NO_COLOR", "1")).colour);
  EXPECT_TRUE(look_for(true, 80, with("NO_COLOR", "1")).terminal);
  EXPECT_FALSE(look_for(true, 80, with("TERM", "dumb")).terminal);
  EXPECT_FALSE(look_for(false, 80, with("TERM", "xterm")).colour);
  EXPECT_EQ(look_for(false, 80, with("TERM", "xterm")).width, 0);
}

}  // namespace
}  // namespace velo::cli
