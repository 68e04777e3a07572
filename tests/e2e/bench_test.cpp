// The bench still runs: a quick round of what needs btrfs alone. Figures are none of this test's.
#include <cstdlib>
#include <memory>

#include "base/files.h"
#include "base/process.h"
#include "support/velo.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;

class Bench : public testing::Test {
 protected:
  void SetUp() override {
    const auto place = btrfs_place();
    VELO_NEEDS_PLACE(place, "VELO_TEST_BTRFS");
    pool = std::make_unique<TempDirectory>(*place);
  }
  void TearDown() override {
    if (pool) end_servers_below(pool->path());
  }

  /// What one quick round of these sections writes.
  Json measure(const std::string& sections) const {
    const fs::path out = directory.path() / "results.json";
    const Cancellation never;
    const auto ran =
        velo::run({.argv = {Velo::binary("velo_bench").string(), "--quick", "--rounds", "1",
                            "--sections", sections, "--velo", Velo::binary("velo").string(),
                            "--homes", directory.path().string(), "--btrfs", pool->path().string(),
                            "--out", out.string()},
                   .environment = clean_environment(),
                   .user = {},
                   .input = {}},
                  4min, never);
    if (!ran) {
      ADD_FAILURE() << ran.error().message;
      return Json::parse("{}");
    }
    EXPECT_EQ(ran->exit_status, 0) << ran->out << ran->err;
    return Json::parse(read_file(out).value_or(""));
  }
  void expect_curve(const std::string& name) const {
    const std::string svg = read_file(directory.path() / (name + ".svg")).value_or("");
    EXPECT_TRUE(svg.starts_with("<svg ") && svg.ends_with("</svg>\n")) << name;
    EXPECT_NE(svg.find("class=\"line\" d=\"M"), std::string::npos) << name;
  }

  TempDirectory directory{homes()};
  std::unique_ptr<TempDirectory> pool;
};

TEST_F(Bench, AQuickRunMeasuresAndWritesItsDocument) {
  const Json document = measure("btrfs,life,status,archive,sizes");
  EXPECT_GT(document.size("/groups"), 5U);
  EXPECT_EQ(document.text("/groups/0/series/1/name"), "velo branch create");
  EXPECT_EQ(document.text("/machine/archiving of WAL"), "on");
}

TEST_F(Bench, ManyBranchesAreMeasuredAndTheirCurvesDrawn) {
  EXPECT_GT(measure("many,stopped").size("/groups"), 1U);
  for (const char* curve :
       {"many-btrfs-create", "many-btrfs-delete", "many-btrfs-memory", "stopped-create"}) {
    expect_curve(curve);
  }
}

TEST_F(Bench, ABusyParentIsMeasured) {
  EXPECT_GT(measure("busy").size("/groups"), 0U);
}

TEST_F(Bench, MoreBranchesThanTheMachineBearsAreRefusedWithTheLimit) {
  const Cancellation never;
  const auto ran =
      velo::run({.argv = {Velo::binary("velo_bench").string(), "--sections", "many", "--scale", "1",
                          "--many", "1000000000", "--velo", Velo::binary("velo").string(),
                          "--homes", directory.path().string(), "--btrfs", pool->path().string()},
                 .environment = clean_environment(),
                 .user = {},
                 .input = {}},
                2min, never);
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_EQ(ran->exit_status, 1);
  EXPECT_NE(ran->err.find("does not bear 1000000000 more servers"), std::string::npos) << ran->err;
  EXPECT_NE(ran->err.find("--many "), std::string::npos);
}

}  // namespace
}  // namespace velo::test
