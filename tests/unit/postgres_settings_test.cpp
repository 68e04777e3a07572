#include "postgres/settings.h"

#include "postgres/conf_line.h"
#include "unit/postgres_scratch.h"

namespace velo::postgres {
namespace {

using test::mode_of;
using test::put;
using test::Scratch;
using test::text_of;

TEST(PostgresSettings, QuotesWhatItCanReadAgain) {
  EXPECT_EQ(quote_value("it's"), "'it''s'");
  EXPECT_EQ(quote_value("a\\b"), "'a\\\\b'");
  for (const std::string value : {"", "plain", "it's", "''", "\\", "\\'", "a\nb\r", "# x", "ü"}) {
    const auto line = parse_conf_line("n = " + quote_value(value));
    ASSERT_TRUE(line.has_value()) << value;
    EXPECT_EQ(line->value, value);
  }
}

TEST(PostgresSettings, TakesASettingFromTheCommandLine) {
  EXPECT_EQ(parse_setting("work_mem=64MB").value(),
            (std::pair<std::string, std::string>("work_mem", "64MB")));
  EXPECT_EQ(parse_setting(" TimeZone = Europe/Berlin ").value(),
            (std::pair<std::string, std::string>("timezone", "Europe/Berlin")));
  EXPECT_EQ(parse_setting("pg_stat_statements.track=all").value().first,
            "pg_stat_statements.track");
  EXPECT_EQ(parse_setting("search_path=a=b").value().second, "a=b");
  EXPECT_EQ(parse_setting("search_path=").value().second, "");
}

TEST(PostgresSettings, RefusesWhatIsNoSetting) {
  for (const char* text :
       {"", "=", "=1", "work_mem", "work mem=1", "a.b.c=1", "1a=1", "a-b=1", "a'b=1", "a\nb=1"}) {
    const auto setting = parse_setting(text);
    ASSERT_FALSE(setting.has_value()) << text;
    EXPECT_EQ(setting.error().code, Errc::usage);
    EXPECT_FALSE(setting.error().hint.empty());
  }
}

TEST(PostgresSettings, RefusesWhatVeloOwnsAndSaysWhatToDoInstead) {
  for (const char* text : {"port=1",
                           "PORT=1",
                           "listen_addresses=*",
                           "unix_socket_directories=/x",
                           "unix_socket_permissions=0777",
                           "data_directory=/x",
                           "config_file=/x",
                           "hba_file=/x",
                           "ident_file=/x",
                           "external_pid_file=/x",
                           "include=x",
                           "include_dir=x",
                           "ssl=off",
                           "ssl_cert_file=/x",
                           "archive_mode=on",
                           "archive_command=x",
                           "archive_library=x",
                           "wal_level=minimal",
                           "wal_level=MINIMAL",
                           "restore_command=x",
                           "recovery_target_time=x",
                           "primary_conninfo=x",
                           "primary_slot_name=x",
                           "log_directory=/x"}) {
    const auto setting = parse_setting(text);
    ASSERT_FALSE(setting.has_value()) << text;
    EXPECT_EQ(setting.error().code, Errc::usage);
    EXPECT_FALSE(setting.error().hint.empty());
  }
}

TEST(PostgresSettings, LeavesUsersWhatOnlyLooksOwned) {
  for (const char* text : {"wal_level=logical", "portal=1", "synchronous_commit=off",
                           "myext.port=1", "shared_preload_libraries=pg_stat_statements"}) {
    EXPECT_TRUE(parse_setting(text).has_value()) << text;
  }
}

TEST(PostgresSettings, ReadsAConfigurationFile) {
  const Settings settings = parse_conf(
      "# comment\nwork_mem = '1MB'\ninclude 'other.conf'\nWORK_MEM = '2MB'\nbroken line here\n"
      "search_path = '\"$user\", public'");
  EXPECT_EQ(settings, (Settings{{"work_mem", "2MB"}, {"search_path", "\"$user\", public"}}));
}

TEST(PostgresSettings, WritesVeloConfAndItsIncludeOnce) {
  const Scratch pgdata;
  put(pgdata / "postgresql.conf", "work_mem = 1MB");
  const Settings settings = {{"a.b", "it's"}, {"work_mem", "64MB"}};
  ASSERT_OK(write_velo_conf(pgdata.path(), settings));
  const std::string once = text_of(pgdata / "postgresql.conf");
  EXPECT_TRUE(once.starts_with("work_mem = 1MB\n"));
  EXPECT_TRUE(once.ends_with("include_if_exists = 'velo.conf'\n"));
  EXPECT_EQ(parse_conf(text_of(pgdata / "velo.conf")), settings);
  EXPECT_EQ(mode_of(pgdata / "velo.conf"), 0600U);
  EXPECT_EQ(mode_of(pgdata / "postgresql.conf"), 0600U);

  ASSERT_OK(write_velo_conf(pgdata.path(), {}));
  EXPECT_EQ(text_of(pgdata / "postgresql.conf"), once);
  EXPECT_TRUE(parse_conf(text_of(pgdata / "velo.conf")).empty());
}

TEST(PostgresSettings, KeepsTheIncludeBehindWhatAUserAppends) {
  const Scratch pgdata;
  put(pgdata / "postgresql.conf", "");
  ASSERT_OK(write_velo_conf(pgdata.path(), {}));
  const std::string before = text_of(pgdata / "postgresql.conf");
  put(pgdata / "postgresql.conf", before + "archive_command = 'rm -rf %p'\n# the end\n");
  ASSERT_OK(write_velo_conf(pgdata.path(), {}));
  const std::string after = text_of(pgdata / "postgresql.conf");
  EXPECT_EQ(after.find("velo.conf"), after.rfind("velo.conf"));
  EXPECT_LT(after.find("archive_command"), after.find("velo.conf"));
}

TEST(PostgresSettings, TakesOverAnIncludeThatAUserWroteOtherwise) {
  const Scratch pgdata;
  const std::string text = "work_mem = 1MB\ninclude velo.conf\n";
  put(pgdata / "postgresql.conf", text);
  ASSERT_OK(write_velo_conf(pgdata.path(), {}));
  EXPECT_EQ(text_of(pgdata / "postgresql.conf"), text);
}

TEST(PostgresSettings, WritesBesideALinkNotThroughIt) {
  const Scratch pgdata;
  put(pgdata / "elsewhere", "precious = 1\n");
  fs::create_directory(pgdata / "data");
  fs::create_symlink(pgdata / "elsewhere", pgdata / "data/velo.conf");
  fs::create_symlink(pgdata / "elsewhere", pgdata / "data/postgresql.conf");
  ASSERT_OK(write_velo_conf(pgdata / "data", {{"work_mem", "1MB"}}));
  EXPECT_EQ(text_of(pgdata / "elsewhere"), "precious = 1\n");
  EXPECT_TRUE(text_of(pgdata / "data/postgresql.conf").starts_with("precious = 1\n"));
}

TEST(PostgresSettings, RemovesNamesFromAutoConfOnly) {
  const Scratch pgdata;
  const fs::path path = pgdata / "postgresql.auto.conf";
  put(path, "# Do not edit this file manually!\nwork_mem = '1MB'\nPrimary_ConnInfo = 'x'\n");
  ASSERT_OK(remove_from_auto_conf(pgdata.path(), {"PRIMARY_CONNINFO", "absent"}));
  EXPECT_EQ(text_of(path), "# Do not edit this file manually!\nwork_mem = '1MB'\n");
  EXPECT_EQ(mode_of(path), 0600U);
}

TEST(PostgresSettings, NeedsNoAutoConf) {
  const Scratch pgdata;
  ASSERT_OK(remove_from_auto_conf(pgdata.path(), {"work_mem"}));
  EXPECT_FALSE(path_exists(pgdata / "postgresql.auto.conf"));
}

}  // namespace
}  // namespace velo::postgres
