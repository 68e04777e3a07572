#include <gtest/gtest.h>
#include <sys/stat.h>

#include <tuple>

#include "base/files.h"
#include "engine/config.h"
#include "engine/moments.h"
#include "engine/passwords.h"
#include "engine/projects.h"
#include "engine_support.h"

namespace velo::engine {
namespace {

using test::OpenedHome;

mode_t mode_of(const fs::path& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777U;
}

TEST(HomeTest, ItsSecretsAreItsOwners) {
  OpenedHome opened;
  const Engine engine = opened.open();
  EXPECT_EQ(mode_of(opened.path()), running_as_root() ? 0711U : 0700U);
  EXPECT_EQ(mode_of(opened.path() / "private"), 0700U);
  EXPECT_EQ(mode_of(opened.path() / "private/key"), 0600U);
  EXPECT_EQ(mode_of(opened.path() / "private/state.db"), 0600U);
}

TEST(HomeTest, OneThatOthersCanReadIsRefused) {
  OpenedHome opened;
  opened.open();
  fs::permissions(opened.path(), fs::perms{0755});
  const auto again = Home::open(opened.path());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::permission);
  EXPECT_NE(again.error().hint.find("chmod"), std::string::npos) << again.error().hint;
}

TEST(HomeTest, SecretsThatOthersCanReadAreRefused) {
  OpenedHome opened;
  opened.open();
  for (const auto& [name, wrong, right] :
       {std::tuple("private", 0755, 0700), std::tuple("private/key", 0644, 0600)}) {
    const fs::path secret = opened.path() / name;
    fs::permissions(secret, fs::perms(wrong));
    const auto again = Home::open(opened.path());
    ASSERT_FALSE(again) << secret;
    EXPECT_EQ(again.error().code, Errc::permission);
    EXPECT_NE(again.error().hint.find(fmt::format("chmod {:o} {}", right, secret.string())),
              std::string::npos)
        << again.error().hint;
    fs::permissions(secret, fs::perms(right));
    EXPECT_TRUE(Home::open(opened.path()));
  }
}

TEST(HomeTest, WhereNoneCanBeTheErrorIsOfOneKind) {
  const OpenedHome opened;
  const fs::path file = opened.path().parent_path() / "file";
  ASSERT_TRUE(write_file(file, "", 0600));
  const fs::path link = opened.path().parent_path() / "link";
  fs::create_symlink("nowhere", link);
  for (const fs::path& bad : {fs::path("relative"), file, file / "below", link}) {
    const auto home = Home::open(bad);
    ASSERT_FALSE(home) << bad;
    EXPECT_EQ(exit_code_of(home.error().code), 1) << bad;
    EXPECT_FALSE(home.error().hint.empty()) << bad;
  }
}

TEST(HomeTest, WhoeverReadsMakesNone) {
  OpenedHome opened;
  auto nothing = Engine::read({.home = opened.path(), .command = "velo test", .path_variable = {}},
                              opened.observer, opened.cancel);
  ASSERT_TRUE(nothing) << nothing.error().message;
  EXPECT_TRUE(list_projects(*nothing)->empty());
  EXPECT_EQ(get_config(*nothing, "grace")->value, "24h");
  EXPECT_FALSE(path_exists(opened.path()));
  opened.open();
  EXPECT_TRUE(Engine::read({.home = opened.path(), .command = "velo test", .path_variable = {}},
                           opened.observer, opened.cancel));
}

TEST(HomeTest, SocketsMoveWhereTheirPathFits) {
  const OpenedHome opened;
  const fs::path deep = opened.path().parent_path() / std::string(90, 'x');
  const auto home = Home::open(deep);
  ASSERT_TRUE(home);
  const std::string socket =
      (home->run_directory("0123456789abcdef") / ".s.PGSQL.65535.lock").string();
  EXPECT_LE(socket.size(), 107U) << socket;
}

TEST(Passwords, DifferForEveryBranchAndCounterAndAreTheSameEachTime) {
  OpenedHome opened;
  const Engine engine = opened.open();
  catalog::Branch a;
  a.id = "a";
  catalog::Branch b;
  b.id = "b";
  catalog::Branch rotated = a;
  rotated.password_counter = 1;
  const std::string first = password_of(engine.home(), a).value();
  EXPECT_EQ(first.size(), 32U);
  EXPECT_EQ(password_of(engine.home(), a).value(), first);
  EXPECT_NE(password_of(engine.home(), b).value(), first);
  EXPECT_NE(password_of(engine.home(), rotated).value(), first);
}

TEST(Config, DefaultsAreToldApartFromWhatIsSet) {
  OpenedHome opened;
  Engine engine = opened.open();
  EXPECT_EQ(get_config(engine, "grace")->value, "24h");
  EXPECT_FALSE(get_config(engine, "grace")->is_set);
  ASSERT_TRUE(set_config(engine, "grace", "0"));
  EXPECT_EQ(get_config(engine, "grace")->value, "0");
  EXPECT_TRUE(get_config(engine, "grace")->is_set);
  ASSERT_TRUE(unset_config(engine, "grace"));
  EXPECT_EQ(get_config(engine, "grace")->value, "24h");
}

TEST(Config, NoRetentionIsNoLimit) {
  OpenedHome opened;
  Engine engine = opened.open();
  EXPECT_EQ(retention_period(engine).value(), std::chrono::days(7));
  EXPECT_EQ(set_config(engine, "retention", "36h")->value, "36h");
  EXPECT_EQ(retention_period(engine).value(), std::chrono::hours(36));
  for (const char* none : {"0", "0d", "off"}) {
    EXPECT_EQ(set_config(engine, "retention", none)->value, "off");
    EXPECT_EQ(retention_period(engine).value(), std::nullopt);
  }
  EXPECT_EQ(set_config(engine, "retention", "never").error().code, Errc::usage);
}

TEST(Config, ValuesThatCannotBeMeantAreRefused) {
  OpenedHome opened;
  Engine engine = opened.open();
  EXPECT_EQ(set_config(engine, "grace", "soon").error().code, Errc::usage);
  EXPECT_EQ(set_config(engine, "guard", "99").error().code, Errc::usage);
  EXPECT_EQ(set_config(engine, "guard", "-1").error().code, Errc::usage);
  EXPECT_EQ(set_config(engine, "guard", "7%")->value, "7");
  EXPECT_EQ(set_config(engine, "pool", "relative").error().code, Errc::usage);
  const auto unknown = set_config(engine, "grase", "1h");
  EXPECT_EQ(unknown.error().code, Errc::not_found);
  EXPECT_NE(unknown.error().hint.find("grace"), std::string::npos);
}

}  // namespace
}  // namespace velo::engine
