// Servers and libraries that change under a parent between two starts.
#include "parents.h"

namespace velo::test {
namespace {

/// On an unpacked build, which the test can exchange.
class Drift : public ParentTest {
 protected:
  fs::path build() const { return velo->home() / "postgres" / std::to_string(GetParam().major); }
  void use(const fs::path& other) const {
    fs::remove(build());
    fs::create_directory_symlink(other, build());
  }
};
INSTANTIATE_TEST_SUITE_P(Places, Drift, every_driver(17), param_name);

TEST_P(Drift, TheNextMinorVersionTakesOverAndThatIsSaid) {
  const fs::path newer = fs::read_symlink(build());
  const fs::path older = newer.parent_path() / "older" / newer.filename();
  ASSERT_TRUE(fs::exists(older / "bin/postgres")) << older;
  use(older);
  velo->create_project("demo");
  velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  velo->ok("branch create demo/dev");
  const std::string before = velo->json("branch get demo/main").text("/branch/pg_version");
  velo->ok("branch stop demo/main");

  use(newer);
  const Ran started = velo->ok("branch start demo/main");
  const std::string after = velo->json("branch get demo/main").text("/branch/pg_version");
  EXPECT_NE(after, before);
  EXPECT_EQ(velo->value("demo/main", "SHOW server_version"), after);
  EXPECT_NE(started.err.find("opened by PostgreSQL " + before + " before, and is by " + after),
            std::string::npos)
      << started.all();
  const Ran again = velo->ok("branch restart demo/main");
  EXPECT_EQ(again.err.find("before"), std::string::npos) << again.all();

  // The other branch's server still is the older one, and a clone of it is opened by the newer.
  velo->ok("branch create demo/child --parent demo/dev");
  EXPECT_EQ(velo->value("demo/child", "SELECT x FROM t"), "1");
  EXPECT_EQ(velo->json("branch get demo/child").text("/branch/pg_version"), after);
  velo->ok("branch reset demo/dev --force");
  EXPECT_EQ(velo->value("demo/dev", "SHOW server_version"), after);
}

TEST_P(Drift, ABuildThatIsGoneIsNamedAndNothingIsLost) {
  const fs::path there = fs::read_symlink(build());
  velo->create_project("demo");
  velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  velo->ok("branch create demo/dev");
  velo->ok("branch stop demo/dev");
  fs::remove(build());
  for (const char* command : {"branch start demo/dev", "branch create demo/new"}) {
    const Ran failed = velo->fails(3, command);
    EXPECT_NE(failed.err.find(build().string()), std::string::npos) << failed.all();
    EXPECT_NE(failed.err.find("→"), std::string::npos) << failed.all();
  }
  velo->ok("branch stop demo/main");
  EXPECT_EQ(velo->volume_names(), (std::vector<std::string>{"demo-dev", "demo-main"}));
  use(there);
  for (const char* branch : {"demo/main", "demo/dev"}) {
    velo->ok("branch start " + std::string(branch));
    EXPECT_EQ(velo->value(branch, "SELECT x FROM t"), "1");
  }
}

class Collations : public ParentTest {};
INSTANTIATE_TEST_SUITE_P(Places, Collations, every_driver(), param_name);

TEST_P(Collations, ThatChangedAreToldOnceWithWhatMendsThem) {
  velo->create_project("demo");
  Sql main = velo->sql("demo/main");
  main.execute("CREATE DATABASE \"My app\" TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de'");
  velo->ok("branch create demo/dev");
  const auto warnings = [](const Ran& ran) {
    return ran.err.find("ALTER DATABASE \"My app\" REFRESH COLLATION VERSION") != std::string::npos;
  };
  // As if the library had been another one when it was made.
  main.execute("UPDATE pg_database SET datcollversion = '0.1' WHERE datname = 'My app'");
  // (While it runs on the files that are installed, its branches have what its own start was told.)
  velo->ok("branch stop demo/main");
  const Ran created = velo->ok("branch create demo/first");
  EXPECT_TRUE(warnings(created)) << created.all();
  EXPECT_NE(created.err.find("REINDEX DATABASE \"My app\""), std::string::npos) << created.all();
  const Ran first = velo->ok("branch start demo/main");
  EXPECT_TRUE(warnings(first)) << first.all();
  EXPECT_FALSE(warnings(velo->ok("branch restart demo/main"))) << "once is enough";
  EXPECT_FALSE(warnings(velo->ok("branch create demo/second"))) << "its parent's was told";

  velo->sql("demo/main").execute("ALTER DATABASE \"My app\" REFRESH COLLATION VERSION");
  EXPECT_FALSE(warnings(velo->ok("branch restart demo/main")));
  EXPECT_FALSE(warnings(velo->ok("branch restart demo/dev")));
}

TEST_P(Collations, OfAProviderAreToldToo) {
  velo->create_project("demo");
  velo->sql("demo/main")
      .execute("UPDATE pg_collation SET collversion = '0.1' WHERE collprovider = 'i'");
  const Ran started = velo->ok("branch restart demo/main");
  EXPECT_NE(started.err.find("ICU from 0.1 to"), std::string::npos) << started.all();
  EXPECT_EQ(velo->ok("branch restart demo/main").err.find("ICU"), std::string::npos);
}

}  // namespace
}  // namespace velo::test
