// The README's tour, command by command.
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "support/velo.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;

/// What stands behind "$ " in the console blocks after the tour's marker.
std::vector<std::string> tour_commands() {
  const std::string readme = read_file(fs::path(VELO_SOURCE_DIR) / "README.md").value_or("");
  const std::size_t from = readme.find("<!-- tour");
  std::vector<std::string> commands;
  if (from == std::string::npos) return commands;
  bool in_block = false;
  for (const std::string_view line : lines_of(std::string_view(readme).substr(from))) {
    if (line.starts_with("```")) in_block = line == "```console";
    if (in_block && line.starts_with("$ ")) commands.emplace_back(line.substr(2));
  }
  return commands;
}

TEST(Readme, EveryCommandOfTheTourWorksInItsOrder) {
  if (!path_exists(fs::path(VELO_SOURCE_DIR) / "README.md")) {
    GTEST_SKIP() << "this user cannot enter the repository's directory";
  }
  const Velo velo;
  velo.ok({"config", "set", "pool", velo.pool().string()});
  const std::vector<std::string> commands = tour_commands();
  ASSERT_GE(commands.size(), 10U);
  // A shell takes the last of two variables of one name, so there must be one PATH.
  std::vector<std::string> environment = velo.environment();
  std::erase_if(environment, [](const std::string& entry) { return entry.starts_with("PATH="); });
  environment.push_back(fmt::format("PATH={}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
                                    Velo::binary("velo").parent_path().string()));
  // Some of them write a file where the reader stands.
  const TempDirectory where(homes());
  const Cancellation never;
  for (const std::string& command : commands) {
    const auto ran = run({.argv = {"/bin/sh", "-c", command},
                          .environment = environment,
                          .user = {},
                          .directory = where.path(),
                          .input = {}},
                         120s, never);
    ASSERT_TRUE(ran) << command << ": " << ran.error().message;
    EXPECT_EQ(ran->exit_status, 0) << command << "\n" << ran->out << ran->err;
  }
}

}  // namespace
}  // namespace velo::test
