#include "cli/render.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "cli/render_status.h"
#include "cli_support.h"

namespace velo::cli {
namespace {

using engine::ServerState;
using test::branch;
using test::created;
using test::plain;
using test::project;
using namespace std::chrono_literals;

/// main ← dev ← try, main ← qa; dev was stopped, qa crashed.
std::vector<engine::BranchView> family() {
  auto branches = std::vector{branch("demo/main", std::nullopt, ServerState::running, 20000),
                              branch("demo/dev", "demo/main", ServerState::stopped, 20001),
                              branch("demo/qa", "demo/main", ServerState::down, 20002),
                              branch("demo/try", "demo/dev", ServerState::running, 20003)};
  branches[0].sizes = engine::Sizes{50'000'000, 9'699'328, created};
  branches[1].sizes = engine::Sizes{50'000'000, 130'560, created};
  return branches;
}

std::string with_local_times(std::string text) {
  const std::string from = "CREATED------------";
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    text.replace(at, from.size(), to_local(created));
  }
  return text;
}

TEST(BranchList, IsATreeByParentage) {
  EXPECT_EQ(
      render_branch_list(family(), "demo", created + 13s, plain),
      with_local_times(
          "┌───┬────────────────┬───────────────┬───────┬───────────┬─────────────────────┐\n"
          "│   │ Name           │ State         │  Port │      Size │ Created             │\n"
          "├───┼────────────────┼───────────────┼───────┼───────────┼─────────────────────┤\n"
          "│ ● │ demo/main      │ running | 13s │ 20000 │   9.25 MB │ CREATED------------ │\n"
          "│ ○ │   ↳ demo/dev   │ stopped       │ 20001 │ 127.50 KB │ CREATED------------ │\n"
          "│ ● │     ↳ demo/try │ running | 13s │ 20003 │         – │ CREATED------------ │\n"
          "│ ! │   ↳ demo/qa    │ down          │ 20002 │         – │ CREATED------------ │\n"
          "└───┴────────────────┴───────────────┴───────┴───────────┴─────────────────────┘\n"));
}

TEST(BranchList, ShowsABranchWhoseParentIsNotInTheList) {
  const auto tree = tree_of({branch("demo/dev", "demo/main", ServerState::stopped, 20001)});
  ASSERT_EQ(tree.size(), 1U);
  EXPECT_EQ(tree.front().depth, 0U);
}

TEST(Lists, SayWhatToTypeWhenThereIsNothing) {
  for (const std::string& text :
       {render_project_list({}, plain), render_branch_list({}, "", created, plain),
        render_status({}, created, false, plain)}) {
    EXPECT_NE(text.find("No projects yet\n"), std::string::npos) << text;
    EXPECT_NE(text.find("velo project create demo"), std::string::npos) << text;
  }
}

TEST(Marker, OfAProjectShowsTroubleFirst) {
  EXPECT_EQ(marker_of(project("demo", family())).text, "!");
  EXPECT_EQ(marker_of(project("p", {branch("p/main", {}, ServerState::running, 1),
                                    branch("p/a", "p/main", ServerState::stopped, 2)}))
                .text,
            "●");
  EXPECT_EQ(marker_of(project("p", {branch("p/main", {}, ServerState::stopped, 1)})).text, "○");
  EXPECT_EQ(marker_of(project("p", {branch("p/main", {}, ServerState::missing, 1)})).text, "!");
}

engine::StatusView sample_status() {
  engine::StatusView status;
  status.pools = {{.driver = "btrfs",
                   .place = "/var/lib/velo/pool",
                   .health = "ONLINE",
                   .size = 10'200'547'328,
                   .used = 23'498'589,
                   .free = 10'177'048'739}};
  status.projects = {project("demo", family())};
  return status;
}

TEST(Status, ShowsPoolsThenProjectsWithTheirBranches) {
  const std::string text = render_status(sample_status(), created + 13s, true, plain);
  EXPECT_EQ(text,
            with_local_times(
                "Velo Status\n"
                "\n"
                "Pool\n"
                "┌────────────────────┬────────┬────────┬─────────┬─────────────────┬─────────┐\n"
                "│ Pool               │ Driver │ Health │    Size │            Used │    Free │\n"
                "├────────────────────┼────────┼────────┼─────────┼─────────────────┼─────────┤\n"
                "│ /var/lib/velo/pool │ btrfs  │ ONLINE │ 9.50 GB │ 22.41 MB (0.2%) │ 9.48 GB │\n"
                "└────────────────────┴────────┴────────┴─────────┴─────────────────┴─────────┘\n"
                "\n"
                "Projects (1)\n"
                "┌───┬──────────────────┬───────────────┬──────────────────┬───────────┬───────────"
                "──────────┐\n"
                "│   │ Name             │ State         │ Server           │      Size │ Created   "
                "          │\n"
                "├───┼──────────────────┼───────────────┼──────────────────┼───────────┼───────────"
                "──────────┤\n"
                "│ ! │ demo             │ 4 branches    │ PG 15.18 · btrfs │           │ "
                "CREATED------------ │\n"
                "│ ● │   ↳ demo/main    │ running | 13s │ Port 20000       │   9.25 MB │ "
                "CREATED------------ │\n"
                "│ ○ │     ↳ demo/dev   │ stopped       │ Port 20001       │ 127.50 KB │ "
                "CREATED------------ │\n"
                "│ ● │       ↳ demo/try │ running | 13s │ Port 20003       │         – │ "
                "CREATED------------ │\n"
                "│ ! │     ↳ demo/qa    │ down          │ Port 20002       │         – │ "
                "CREATED------------ │\n"
                "└───┴──────────────────┴───────────────┴──────────────────┴───────────┴───────────"
                "──────────┘\n"));
}

TEST(Status, NamesWhatWantsAttention) {
  engine::StatusView status = sample_status();
  engine::OperationView operation;
  operation.kind = "branch.create";
  operation.subject = "demo/new";
  operation.state = engine::OperationState::interrupted;
  operation.started_at = created;
  status.unfinished = {operation};
  operation.state = engine::OperationState::running;
  operation.pid = 99;
  status.unfinished.push_back(operation);
  status.kept = {{"demo/old", "demo-old", "deleted", created, created + 24h, {}, "demo/old"},
                 {"demo/child", "demo-child", "deleted", created, created + 24h, {}, "demo/old"},
                 {"gone/main", "gone-main", "deleted", created, created + 24h, {}, "gone"},
                 {"gone/dev", "gone-dev", "deleted", created, created + 24h, {}, "gone"}};
  const std::string until = to_local(created + 24h).substr(0, 16);
  EXPECT_EQ(
      render_attention(status, created + 3min, plain),
      fmt::format("Warning: branch create demo/new was interrupted 3m ago; "
                  "the next command that changes something mends it\n"
                  "Notice: branch create demo/new is running, for 3m (pid 99)\n"
                  "Warning: demo/qa should run and does not: velo up starts what was running\n"
                  "Notice: demo/old was deleted and can be had back until {0}: "
                  "velo branch undelete demo/old\n"
                  "Notice: gone was deleted and can be had back until {0}: "
                  "velo project undelete gone\n",
                  until));
}

TEST(Status, OfMuchThatIsKeptTheNewestComesFirst) {
  engine::StatusView status = sample_status();
  for (int i = 0; i < 7; ++i) {
    const Timestamp since = created + std::chrono::hours(i % 2 == 0 ? i : 10 - i);
    const std::string name = fmt::format("demo/b{}", i);
    status.kept.push_back(
        {name, fmt::format("demo-b{}", i), "deleted", since, since + 24h, {}, name});
  }
  const std::string text = render_attention(status, created, plain);
  std::vector<std::string> shown;
  for (const std::string_view line : lines_of(text)) {
    if (line.starts_with("Notice: demo/")) shown.emplace_back(line.substr(8, 7));
  }
  EXPECT_EQ(shown,
            (std::vector<std::string>{"demo/b1", "demo/b3", "demo/b6", "demo/b5", "demo/b4"}));
  EXPECT_NE(text.find("2 more, from before, can be had back: velo status --json lists them"),
            std::string::npos)
      << text;
}

TEST(Status, QuietShowsNoNotices) {
  engine::StatusView status = sample_status();
  status.kept = {{"demo/old", "demo-old", "deleted", created, created + 24h, {}, "demo/old"}};
  EXPECT_EQ(render_status(status, created, true, plain).find("Notice"), std::string::npos);
  EXPECT_NE(render_status(status, created, false, plain).find("Notice"), std::string::npos);
}

TEST(Operations, ShowHowEachEnded) {
  engine::OperationView mended;
  mended.id = 7;
  mended.kind = "branch.reset";
  mended.subject = "demo/dev";
  mended.state = engine::OperationState::undone;
  mended.started_at = created;
  mended.ended_at = created + 400ms;
  mended.recovery = "undone";
  mended.recovered_by = "velo branch create demo/x";
  const std::string text = render_operations({mended}, plain);
  EXPECT_NE(text.find("│ branch reset │ demo/dev │ undone by velo branch create demo/x │"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("│ 0.4s │"), std::string::npos) << text;
}

TEST(Branch, IsShownAsAlignedLinesWithoutEmptyOnes) {
  const std::string text = render_branch(family()[1], created, plain);
  EXPECT_TRUE(
      text.starts_with("Branch:      demo/dev\n"
                       "State:       stopped\n"
                       "Parent:      demo/main\n"
                       "Address:     127.0.0.1:20001\n"
                       "Size:        127.50 KB of its own, 47.68 MB in all\n"))
      << text;
  EXPECT_EQ(text.find("Settings"), std::string::npos);
  for (const std::string_view line : lines_of(text)) EXPECT_FALSE(line.ends_with(' ')) << text;
}

TEST(Branch, SaysWhetherItsWalIsKeptAndWhyNot) {
  engine::BranchView dev = family()[1];
  EXPECT_NE(render_branch(dev, created, plain).find("velo config set archive on"),
            std::string::npos);
  dev.forgets = true;
  EXPECT_NE(render_branch(dev, created, plain).find("--no-archive"), std::string::npos);
  dev.forgets = false;
  dev.archives = true;
  EXPECT_NE(render_branch(dev, created, plain).find("WAL:         archived\n"), std::string::npos)
      << render_branch(dev, created, plain);
}

TEST(Branch, SaysWhatDeletingFreesAndWhatIsKeptUntilWhen) {
  engine::BranchView dev = family()[1];
  dev.freed = engine::Freed{.bytes = 2048, .grace = 24h, .stays = 4096, .shared_with = {}};
  dev.kept = {{"demo/dev", "demo-dev", "reset", created, created + 24h, 1024}};
  std::string text = render_branch(dev, created, plain);
  EXPECT_NE(text.find(fmt::format("demo-dev, 1.00 KB of its own, from before it was reset {}, "
                                  "until {}\n",
                                  to_local(created), to_local(created + 24h).substr(0, 16))),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("frees 2.00 KB once it was kept for 24h; 4.00 KB stay, shared with volumes "
                      "that are kept\n"),
            std::string::npos)
      << text;
  dev.freed =
      engine::Freed{.bytes = 2048, .stays = 4096, .shared_with = {"demo/main", "demo/child"}};
  text = render_branch(dev, created, plain);
  EXPECT_NE(text.find("frees 2.00 KB; 4.00 KB stay, shared with demo/main and demo/child\n"),
            std::string::npos)
      << text;
  dev.freed->stays = 0;
  text = render_branch(dev, created, plain);
  EXPECT_NE(text.find("frees 2.00 KB\n"), std::string::npos) << text;
}

TEST(Connection, NeverShowsThePassword) {
  engine::ConnectionView connection;
  connection.url = "postgresql://postgres:secret@127.0.0.1:20000/postgres";
  connection.masked_url = "postgresql://postgres:***@127.0.0.1:20000/postgres";
  connection.password = "secret";
  EXPECT_EQ(render_connection(connection, plain),
            "Connection ready:\n"
            "  postgresql://postgres:***@127.0.0.1:20000/postgres\n");
}

TEST(Deletion, NamesEverythingThatWentAndHowToHaveItBack) {
  const engine::Deletion family_gone{{"demo/try", "demo/dev"}, created + 24h};
  EXPECT_EQ(render_deletion("demo/dev", family_gone, "velo branch undelete demo/dev", plain),
            fmt::format("Deleted demo/dev (demo/try and demo/dev)\n"
                        "Kept until {}: velo branch undelete demo/dev\n",
                        to_local(created + 24h).substr(0, 16)));
  EXPECT_EQ(render_deletion("demo/dev", {{"demo/dev"}, std::nullopt}, "", plain),
            "Deleted demo/dev\n");
  EXPECT_NE(render_warning("branch demo/dev", {{"demo/dev"}, std::nullopt}).find("no way back"),
            std::string::npos);
}

}  // namespace
}  // namespace velo::cli
