// Parents of every shape: many tables, many databases, huge and holey files, long names.
#include <sys/stat.h>

#include "base/files.h"
#include "parents.h"

namespace velo::test {
namespace {

class Shape : public ParentTest {
 protected:
  /// Bytes on disk of all that lies below.
  static std::uintmax_t allocated(const fs::path& directory) {
    std::uintmax_t bytes = 0;
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
      struct stat status{};
      if (::lstat(entry.path().c_str(), &status) == 0) {
        bytes += static_cast<std::uintmax_t>(status.st_blocks) * 512;
      }
    }
    return bytes;
  }
};
INSTANTIATE_TEST_SUITE_P(Places, Shape, every_driver(), param_name);

TEST_P(Shape, FiveThousandTablesAndLargeObjects) {
  velo->create_project("demo", "--pg-conf max_locks_per_transaction=512");
  Sql main = velo->sql("demo/main");
  main.execute(
      "DO $$ BEGIN FOR i IN 1..5000 LOOP"
      " EXECUTE format('CREATE TABLE t%s AS SELECT %s AS x', i, i); END LOOP; END $$");
  main.execute(
      "SELECT lo_from_bytea(0, convert_to(repeat(md5(i::text), 2000), 'UTF8'))"
      " FROM generate_series(1, 200) AS i");
  const std::string objects =
      "SELECT md5(string_agg(lo_get(oid)::text, '' ORDER BY oid))"
      " FROM pg_largeobject_metadata";
  velo->ok("branch create demo/dev");
  Sql dev = velo->sql("demo/dev");
  EXPECT_EQ(dev.value("SELECT count(*) FROM pg_class WHERE relname ~ '^t[0-9]+$'"), "5000");
  for (const char* table : {"1", "2500", "5000"}) {
    EXPECT_EQ(dev.value("SELECT x FROM t" + std::string(table)), table);
  }
  EXPECT_EQ(dev.value(objects), main.value(objects));
  dev.execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata");
  EXPECT_EQ(main.value("SELECT count(*) FROM pg_largeobject_metadata"), "200");
}

TEST_P(Shape, ATableOfTwentySparseGigabytesInTwentySegments) {
  constexpr std::uintmax_t segment = 1ULL << 30U;
  velo->create_project("demo", "--pg-conf autovacuum=off");
  Sql main = velo->sql("demo/main");
  main.execute("CREATE TABLE big AS SELECT 42 AS x");
  const fs::path first =
      velo->data_directory("demo/main") / main.value("SELECT pg_relation_filepath('big')");
  velo->ok("branch stop demo/main");
  for (int i = 0; i < 20; ++i) {
    const fs::path file = i == 0 ? first : fs::path(first.string() + "." + std::to_string(i));
    if (i > 0) {
      const ActAs owner(server_user());
      ASSERT_TRUE(write_file(file, "", 0600));
    }
    fs::resize_file(file, segment);  // pages of zeros, which PostgreSQL takes for empty ones
  }
  velo->ok("branch start demo/main");
  const std::string size = std::to_string(20 * segment);
  for (const char* branch : {"demo/warm", "demo/cold"}) {
    if (std::string(branch) == "demo/cold") velo->ok("branch stop demo/main");
    velo->ok("branch create " + std::string(branch));
    Sql sql = velo->sql(branch);
    EXPECT_EQ(sql.value("SELECT pg_relation_size('big')"), size);
    EXPECT_EQ(sql.value("SELECT x FROM big WHERE ctid = '(0,1)'"), "42");
    sql.execute("UPDATE big SET x = 43 WHERE ctid = '(0,1)'");
    EXPECT_LT(allocated(volume_of(branch)), segment) << "holes must stay holes";
  }
  velo->ok("branch start demo/main");
  EXPECT_EQ(velo->value("demo/main", "SELECT x FROM big WHERE ctid = '(0,1)'"), "42");
}

TEST_P(Shape, TwoHundredDatabases) {
  velo->create_project("demo");
  Sql main = velo->sql("demo/main");
  // To make them is not what is tested: sixty thousand files, each flushed to disk.
  main.execute("ALTER SYSTEM SET fsync = off");
  main.execute("SELECT pg_reload_conf()");
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(main.try_execute("CREATE DATABASE d" + std::to_string(i) + " STRATEGY FILE_COPY"))
        << main.error();
  }
  sql_in("demo/main", "d77").execute("CREATE TABLE t AS SELECT 77 AS x");
  main.execute("CHECKPOINT");
  main.execute("ALTER SYSTEM RESET fsync");
  main.execute("SELECT pg_reload_conf()");
  ASSERT_TRUE(wait_until([&] { return main.value("SHOW fsync") == "on"; }));
  velo->ok("branch create demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT count(*) FROM pg_database"), "203");
  EXPECT_EQ(velo->value("demo/dev", "SHOW recovery_init_sync_method"), "syncfs")
      << "60,000 files one by one take a minute and more";
  EXPECT_EQ(sql_in("demo/dev", "d77").value("SELECT x FROM t"), "77");
  sql_in("demo/dev", "d199").execute("CREATE TABLE t AS SELECT 199 AS x");
  if (GetParam().driver == "copy") return;  // another full copy shows nothing new
  velo->ok("branch reset demo/dev --force");
  EXPECT_FALSE(sql_in("demo/dev", "d199").try_execute("SELECT x FROM t"));
}

/// A VELO_HOME with a blank and a percent sign in a long path, and the longest names there can be.
TEST_P(Shape, TheLongestNamesBelowALongHomeWithABlankAndAPercentSign) {
  const fs::path home =
      velo->home().parent_path() / ("100% of a rather long home " + std::string(60, 'h'));
  fs::create_directory(home);
  fs::permissions(home, running_as_root() ? fs::perms(0711) : fs::perms(0700));
  velo->set("VELO_HOME=" + home.string());
  const std::string project(63, 'p');
  const std::string branch = project + "/" + std::string(63, 'b');
  velo->create_project(project);
  velo->sql(project + "/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  velo->ok("branch create " + branch);
  EXPECT_EQ(velo->value(branch, "SELECT x FROM t"), "1");
  velo->ok("branch reset " + branch + " --force");
  velo->ok("branch restart " + branch);
  velo->ok("branch create " + project + "/child --parent " + branch);
  EXPECT_EQ(velo->value(project + "/child", "SELECT x FROM t"), "1");
  EXPECT_NE(velo->ok("logs " + branch).out.find("ready to accept connections"), std::string::npos);
  velo->ok("branch delete " + branch + " --force");
  velo->ok("project delete " + project + " --force");
}

}  // namespace
}  // namespace velo::test
