// How a check-up looks, and that its JSON holds no secrets.
#include "cli/render_doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/json_views.h"
#include "cli_support.h"
#include "engine/check_parts.h"

namespace velo::cli {
namespace {

using engine::CheckReport;
using engine::Findings;
using engine::Level;
using engine::Repair;
using engine::Section;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

CheckReport report_of(Findings& system, Findings& branches) {
  return {.version = "2.0.0",
          .checked_at = test::created,
          .sections = {{.section = Section::system, .findings = system.take()},
                       {.section = Section::versions, .findings = {}},
                       {.section = Section::branches, .findings = branches.take()}}};
}

CheckReport ill() {
  Findings system;
  Findings branches;
  system.ok("system.velo", {}, "velo 2.0.0");
  branches.add(Level::info, "branch.remark", "demo/a", "demo/a: was renamed", "nothing to do");
  branches.add(Level::warning, "branch.way_in", "demo/b", "demo/b: does not let Velo in", "wait");
  branches.add(Level::error, "branch.server_down", "demo/c", "demo/c: should run and does not",
               "velo branch start demo/c",
               {.kind = Repair::Kind::start, .subject = "0123456789abcdef"});
  return report_of(system, branches);
}

CheckReport well() {
  Findings system;
  Findings branches;
  system.ok("system.velo", {}, "velo 2.0.0");
  branches.ok("branch", "demo/a", "demo/a: runs on port 1");
  return report_of(system, branches);
}

TEST(RenderDoctor, EachLevelHasItsSignAndTheHintsStandBelow) {
  EXPECT_EQ(render_check(ill(), /*quiet=*/false, test::plain),
            "System\n"
            "  ✓ velo 2.0.0\n"
            "\n"
            "Branches\n"
            "  ℹ demo/a: was renamed\n"
            "    → nothing to do\n"
            "  ⚠ demo/b: does not let Velo in\n"
            "    → wait\n"
            "  ✗ demo/c: should run and does not\n"
            "    → velo branch start demo/c\n"
            "\n"
            "1 error, 1 warning; velo doctor --fix repairs what is safe to repair\n");
}

TEST(RenderDoctor, QuietShowsTroubleOnly) {
  EXPECT_EQ(render_check(well(), /*quiet=*/true, test::plain),
            "All is well: 2 things are as they should be\n");
  const std::string text = render_check(ill(), /*quiet=*/true, test::plain);
  EXPECT_THAT(text, Not(HasSubstr("System")));
  EXPECT_THAT(text, HasSubstr("✗ demo/c"));
}

TEST(RenderDoctor, RepairsSayWhatWasDoneAndWhatWasNot) {
  engine::RepairReport report{.repaired = {}, .after = well()};
  EXPECT_THAT(render_repairs(report, false, test::plain),
              HasSubstr("nothing: there was nothing that is safe to repair"));
  report.repaired.push_back({.text = "started demo/a", .error = std::nullopt});
  report.repaired.push_back(
      {.text = "started demo/b",
       .error = Error{.code = Errc::in_use, .message = "its port is taken", .hint = "ss -ltnp"}});
  EXPECT_THAT(render_repairs(report, false, test::plain),
              HasSubstr("Repaired\n"
                        "  ✓ started demo/a\n"
                        "  ✗ not started demo/b: its port is taken\n"
                        "    → ss -ltnp\n"));
}

TEST(DoctorJson, HasStableKeys) {
  const json document = json::parse(cli::json::doctor({.repaired = {}, .after = ill()}));
  EXPECT_EQ(document["healthy"], false);
  EXPECT_EQ(document["version"], "2.0.0");
  EXPECT_EQ(document["summary"],
            json::parse(R"({"ok": 1, "info": 1, "warnings": 1, "errors": 1})"));
  EXPECT_EQ(document["sections"][2]["section"], "Branches");
  EXPECT_EQ(document["sections"][2]["findings"][2], json::parse(R"({
      "level": "error", "code": "branch.server_down", "subject": "demo/c",
      "text": "demo/c: should run and does not", "hint": "velo branch start demo/c",
      "fixable": true})"));
  EXPECT_TRUE(document["sections"][0]["findings"][0]["subject"].is_null());
  EXPECT_EQ(json::parse(cli::json::doctor({.repaired = {}, .after = well()}))["healthy"], true);
}

TEST(DoctorJson, HoldsNoSecretsWhereverTheyCameFrom) {
  Findings system;
  Findings branches;
  system.add(Level::error, "x", "tcp://ann:hunter2@host", "at tcp://ann:hunter2@host",
             "DOCKER_HOST=tcp://ann:hunter2@host");
  branches.failed(Level::error, "y", "demo/a",
                  {.code = Errc::server,
                   .message = "FATAL: password=hunter2 is wrong",
                   .hint = "psql postgresql://x:hunter2@h/y"});
  engine::RepairReport report{.repaired = {}, .after = report_of(system, branches)};
  report.repaired.push_back(
      {.text = "tried postgresql://x:hunter2@h",
       .error = Error{.code = Errc::server, .message = "password=hunter2", .hint = ""}});
  EXPECT_THAT(cli::json::doctor(report), Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace velo::cli
