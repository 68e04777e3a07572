// The bench still runs: a quick round of what needs btrfs alone. Figures are none of this test's.
#include <cstdlib>

#include "base/files.h"
#include "base/process.h"
#include "support/velo.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;

TEST(Bench, AQuickRunMeasuresAndWritesItsDocument) {
  const auto place = btrfs_place();
  VELO_NEEDS_PLACE(place, "VELO_TEST_BTRFS");
  const TempDirectory directory(homes());
  const TempDirectory pool(*place);
  const fs::path out = directory.path() / "results.json";
  const Cancellation never;
  const auto ran = velo::run(
      {.argv = {Velo::binary("velo_bench").string(), "--quick", "--rounds", "1", "--sections",
                "btrfs,life,status,archive", "--velo", Velo::binary("velo").string(), "--homes",
                directory.path().string(), "--btrfs", pool.path().string(), "--out", out.string()},
       .environment = clean_environment(),
       .user = {},
       .input = {}},
      4min, never);
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_EQ(ran->exit_status, 0) << ran->out << ran->err;
  const Json document = Json::parse(read_file(out).value_or(""));
  EXPECT_GT(document.size("/groups"), 6U);
  EXPECT_EQ(document.text("/groups/0/series/1/name"), "velo branch create");
  EXPECT_EQ(document.text("/machine/archiving of WAL"), "on");
  end_servers_below(pool.path());
}

}  // namespace
}  // namespace velo::test
