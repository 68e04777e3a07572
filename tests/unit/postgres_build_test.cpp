#include "postgres/build.h"

#include <algorithm>

#include "unit/postgres_scratch.h"

namespace velo::postgres {
namespace {

using test::put;
using test::Scratch;

void make_build(const fs::path& bin, const std::string& version) {
  put(bin / "postgres", fmt::format("#!/bin/sh\necho 'postgres (PostgreSQL) {}'\n", version), 0755);
  put(bin / "initdb", "#!/bin/sh\n", 0755);
}

std::vector<Build> builds_in(const std::vector<Build>& builds, const Scratch& scratch) {
  std::vector<Build> inside;
  std::ranges::copy_if(builds, std::back_inserter(inside), [&](const Build& build) {
    return build.bin.string().starts_with(scratch.path().string());
  });
  return inside;
}

TEST(PostgresBuild, ReadsTheVersionThatAServerTells) {
  EXPECT_EQ(parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n").value(),
            "15.18");
  EXPECT_EQ(parse_version("postgres (PostgreSQL) 18beta1\n").value(), "18beta1");
  EXPECT_FALSE(parse_version("psql 15.18").has_value());
  EXPECT_FALSE(parse_version("postgres (PostgreSQL) unknown").has_value());
}

TEST(PostgresBuild, FindsHomesBuildsNewestFirst) {
  const Scratch home;
  make_build(home / "postgres/old/bin", "9.6.24");
  make_build(home / "postgres/16/bin", "16.14");
  make_build(home / "postgres/17/bin", "17.10");
  const auto builds = find_builds(home.path(), "", {});
  ASSERT_OK(builds);
  const auto found = builds_in(*builds, home);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].major, 17);
  EXPECT_EQ(found[0].version, "17.10");
  EXPECT_EQ(found[0].bin, home / "postgres/17/bin");
  EXPECT_EQ(found[1].major, 16);
  EXPECT_EQ(found[2].major, 9);
}

TEST(PostgresBuild, NamesADirectoryOnceHoweverItIsReached) {
  const Scratch home;
  make_build(home / "postgres/16/bin", "16.14");
  fs::create_directory_symlink(home / "postgres/16", home / "postgres/sixteen");
  fs::create_directory(home / "links");
  for (const char* program : {"postgres", "initdb"}) {
    fs::create_symlink(home / "postgres/16/bin" / program, home / "links" / program);
  }
  const auto builds = find_builds(
      home.path(),
      fmt::format("{}:{}", (home / "postgres/16/bin").string(), (home / "links").string()), {});
  EXPECT_EQ(builds_in(builds.value(), home).size(), 1U);
}

TEST(PostgresBuild, LooksInThePathForServersOnly) {
  const Scratch scratch;
  make_build(scratch / "server", "14.23");
  put(scratch / "client/psql", "#!/bin/sh\n", 0755);
  const auto builds = find_builds(
      scratch / "no-home",
      fmt::format("relative:{}:{}", (scratch / "client").string(), (scratch / "server").string()),
      {});
  const auto found = builds_in(builds.value(), scratch);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].version, "14.23");
}

TEST(PostgresBuild, LeavesOutWhatDoesNotRun) {
  const Scratch home;
  put(home / "postgres/a/bin/postgres", "#!/bin/sh\nexit 127\n", 0755);
  put(home / "postgres/a/bin/initdb", "#!/bin/sh\n", 0755);
  put(home / "postgres/b/bin/postgres", "#!/bin/sh\necho hello\n", 0755);
  put(home / "postgres/b/bin/initdb", "#!/bin/sh\n", 0755);
  put(home / "postgres/c/bin/postgres", "#!/bin/sh\necho 'postgres (PostgreSQL) 16.1'\n", 0755);
  EXPECT_TRUE(builds_in(find_builds(home.path(), "", {}).value(), home).empty());
}

TEST(PostgresBuild, StopsWhenCancelled) {
  const Scratch home;
  make_build(home / "postgres/16/bin", "16.14");
  Cancellation cancel;
  cancel.request();
  EXPECT_EQ(find_builds(home.path(), "", cancel).error().code, Errc::interrupted);
}

const std::vector<Build> installed = {{.major = 19, .version = "19beta1", .bin = "/19"},
                                      {.major = 17, .version = "17.10", .bin = "/17"},
                                      {.major = 15, .version = "15.18", .bin = "/a"},
                                      {.major = 15, .version = "15.2", .bin = "/b"}};

TEST(PostgresBuild, ChoosesTheNewestThatVeloKnows) {
  EXPECT_EQ(choose_build(installed, 0).value().major, 17);
}

TEST(PostgresBuild, ChoosesTheFirstOfAMajor) {
  EXPECT_EQ(choose_build(installed, 15).value().bin, "/a");
}

TEST(PostgresBuild, SaysWhatIsInstalledInsteadAndHowToInstallIt) {
  const auto none = choose_build({{.major = 15, .version = "15.18", .bin = "/a"}}, 16);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, Errc::not_found);
  EXPECT_EQ(none.error().message, "PostgreSQL 16 is not installed; found: 15 (15.18)");
  EXPECT_NE(none.error().hint.find("apt install postgresql-16"), std::string::npos);
  EXPECT_NE(none.error().hint.find("VELO_HOME/postgres/16"), std::string::npos);
}

TEST(PostgresBuild, SaysThatNothingIsInstalled) {
  const auto none = choose_build({}, 0);
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, Errc::not_found);
  EXPECT_EQ(none.error().hint, "install one: apt install postgresql");
}

TEST(PostgresBuild, RefusesMajorsThatVeloDoesNotKnow) {
  EXPECT_EQ(choose_build(installed, 19).error().code, Errc::usage);
  EXPECT_EQ(choose_build(installed, 12).error().code, Errc::usage);
}

}  // namespace
}  // namespace velo::postgres
