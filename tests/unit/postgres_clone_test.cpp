#include "postgres/clone.h"

#include "postgres/hba.h"
#include "unit/postgres_scratch.h"

namespace velo::postgres {
namespace {

using test::put;
using test::Scratch;
using test::text_of;

TEST(PostgresSkip, LeavesOutOfABackupWhatTheManualSays) {
  for (const char* directory : {"pg_wal", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial",
                                "pg_snapshots", "pg_stat_tmp", "pg_subtrans"}) {
    EXPECT_EQ(skip_in_backup(directory), Skip::contents) << directory;
    EXPECT_EQ(skip_in_backup(std::string(directory) + "/x"), Skip::all) << directory;
  }
  for (const char* file :
       {"postmaster.pid", "postmaster.opts", "backup_label", "backup_label.old", "tablespace_map",
        "base/pgsql_tmp", "base/pgsql_tmp/pgsql_tmp1.2", "base/5/pg_internal.init",
        "global/pg_internal.init.123", "pg_tblspc/16385/PG_15_202209061/pgsql_tmp"}) {
    EXPECT_EQ(skip_in_backup(file), Skip::all) << file;
  }
}

TEST(PostgresSkip, KeepsEverythingElse) {
  for (const char* path :
       {"base", "base/5/16385", "global/pg_control", "pg_xact/0000", "pg_wal_of_mine", "PG_VERSION",
        "postgresql.conf", "pg_stat/x", "pg_logical", "base/5/postmaster.pid"}) {
    EXPECT_EQ(skip_in_backup(path), Skip::nothing) << path;
  }
}

TEST(PostgresSkip, AColdCopyKeepsTheWalAndTheBackupLabel) {
  EXPECT_EQ(skip_in_cold_copy("pg_wal"), Skip::nothing);
  EXPECT_EQ(skip_in_cold_copy("pg_wal/000000010000000000000001"), Skip::nothing);
  EXPECT_EQ(skip_in_cold_copy("backup_label"), Skip::nothing);
  EXPECT_EQ(skip_in_cold_copy("pg_replslot"), Skip::contents);
  EXPECT_EQ(skip_in_cold_copy("postmaster.pid"), Skip::all);
}

/// A parent's volume and its clone, as a driver leaves them: the same files.
class PostgresClone : public testing::Test {
 protected:
  void SetUp() override { make_cluster_files(15); }

  void make_cluster_files(int major) {
    put(pgdata / "PG_VERSION", fmt::format("{}\n", major));
    put(pgdata / "postgresql.conf", "work_mem = 1MB\n");
    put(pgdata / "pg_hba.conf", "local all all trust\n");
    for (const char* name : {"pg_replslot", "pg_tblspc", "pg_wal", "base"}) {
      fs::create_directories(pgdata / name);
    }
  }
  Result<void> prepare(const Settings& settings = {}) const {
    return prepare_clone({.source_root = parent,
                          .root = clone,
                          .pgdata = pgdata,
                          .settings = settings,
                          .defaults = {}});
  }
  Settings velo_settings() const { return parse_conf(text_of(pgdata / "velo.conf")); }
  Settings auto_settings() const { return parse_conf(text_of(pgdata / "postgresql.auto.conf")); }
  void link_tablespace(const std::string& oid, const fs::path& target) const {
    fs::create_directories(target);
    fs::create_symlink(target, pgdata / "pg_tblspc" / oid);
  }
  fs::path tablespace_target(const std::string& oid) const {
    return fs::read_symlink(pgdata / "pg_tblspc" / oid);
  }

  Scratch pool;
  fs::path parent = pool / "shop-main";
  fs::path clone = pool / "shop-dev";
  fs::path pgdata = clone / "data";
};

TEST_F(PostgresClone, RemovesWhatBelongsToTheParentsServer) {
  for (const char* name : {"postmaster.pid", "postmaster.opts", "standby.signal", "recovery.signal",
                           "backup_label.old", "tablespace_map", "tablespace_map.old",
                           "pg_replslot/a/state", "pg_replslot/b/state"}) {
    put(pgdata / name, "x");
  }
  ASSERT_OK(prepare());
  for (const char* name : {"postmaster.pid", "postmaster.opts", "standby.signal", "recovery.signal",
                           "backup_label.old", "tablespace_map", "tablespace_map.old"}) {
    EXPECT_FALSE(path_exists(pgdata / name)) << name;
  }
  EXPECT_TRUE(fs::is_empty(pgdata / "pg_replslot"));
}

TEST_F(PostgresClone, ClosesTheGate) {
  ASSERT_OK(prepare());
  EXPECT_EQ(gate_of(pgdata), Gate::closed);
  EXPECT_EQ(text_of(pgdata / "pg_hba.conf.open"), "local all all trust\n");
}

TEST_F(PostgresClone, KeepsTheLabelOfItsOwnBackup) {
  put(pgdata / "backup_label", "START WAL LOCATION: 0/2000028\nBACKUP METHOD: streamed\n");
  ASSERT_OK(prepare());
  EXPECT_TRUE(path_exists(pgdata / "backup_label"));
}

TEST_F(PostgresClone, DropsTheLabelOfABackupThatRunsOnTheParent) {
  put(pgdata / "backup_label", "START WAL LOCATION: 0/2000028\nBACKUP METHOD: pg_start_backup\n");
  ASSERT_OK(prepare());
  EXPECT_FALSE(path_exists(pgdata / "backup_label"));
}

TEST_F(PostgresClone, BlanksWhatWouldActOnTheOutsideWorld) {
  put(pgdata / "postgresql.auto.conf",
      "synchronous_standby_names = '*'\nwork_mem = '8MB'\nprimary_conninfo = 'host=up'\n"
      "archive_command = 'cp %p /a'\ncron.launch_active_jobs = 'on'\n"
      "recovery_target_time = '2025-01-01'\n");
  ASSERT_OK(prepare());
  EXPECT_EQ(auto_settings(), (Settings{{"work_mem", "8MB"}}));
  const Settings velo = velo_settings();
  for (const char* name :
       {"synchronous_standby_names", "primary_conninfo", "primary_slot_name", "restore_command",
        "archive_command", "archive_cleanup_command", "recovery_end_command", "archive_library"}) {
    ASSERT_TRUE(velo.contains(name)) << name;
    EXPECT_EQ(velo.at(name), "") << name;
  }
  EXPECT_FALSE(velo.contains("archive_mode")) << "nobody has set it";
  EXPECT_EQ(velo.at("cron.launch_active_jobs"), "off");
  EXPECT_EQ(velo.at("cron.use_background_workers"), "off");
  EXPECT_EQ(velo.at("cron.host"), "/dev/null");
  EXPECT_FALSE(velo.contains("recovery_target_time"));
  EXPECT_FALSE(velo.contains("huge_pages"));
}

TEST_F(PostgresClone, TakesADefaultOnlyWhereNobodySaysAnything) {
  const auto prepared_with = [&](const Settings& settings) {
    return prepare_clone({.source_root = parent,
                          .root = clone,
                          .pgdata = pgdata,
                          .settings = settings,
                          .defaults = wal_settings_where_writes_take_new_blocks()});
  };
  ASSERT_OK(prepared_with({}));
  EXPECT_EQ(velo_settings().at("wal_init_zero"), "off");
  EXPECT_EQ(velo_settings().at("wal_recycle"), "off");

  fs::remove(pgdata / "velo.conf");
  put(pgdata / "postgresql.conf", "wal_recycle = on\n");
  ASSERT_OK(prepared_with({{"wal_init_zero", "on"}}));
  EXPECT_EQ(velo_settings().at("wal_init_zero"), "on");
  EXPECT_FALSE(velo_settings().contains("wal_recycle"));
}

TEST_F(PostgresClone, LeavesOutDefaultsThatAnIncludedFileMayContradict) {
  put(pgdata / "postgresql.conf", "include_dir = 'conf.d'\n");
  ASSERT_OK(prepare_clone({.source_root = parent,
                           .root = clone,
                           .pgdata = pgdata,
                           .settings = {},
                           .defaults = wal_settings_where_writes_take_new_blocks()}));
  EXPECT_FALSE(velo_settings().contains("wal_init_zero"));
}

TEST_F(PostgresClone, DoesNotArchiveAsItsParentDid) {
  put(pgdata / "postgresql.auto.conf", "archive_mode = always\n");
  ASSERT_OK(prepare());
  EXPECT_TRUE(auto_settings().empty());
  EXPECT_FALSE(velo_settings().contains("archive_mode")) << "no file has it any more";
  for (const char* text : {"archive_mode = on\n", "include 'more.conf'\n"}) {
    put(pgdata / "velo.conf", "");
    put(pgdata / "postgresql.conf", text);
    ASSERT_OK(prepare());
    EXPECT_EQ(velo_settings().at("archive_mode"), "off") << text;
  }
  put(pgdata / "postgresql.conf", "");
  ASSERT_OK(prepare());
  EXPECT_FALSE(velo_settings().contains("archive_mode")) << "that a parent's velo.conf had it";
}

TEST_F(PostgresClone, TriesHugePagesWhereItsParentInsistedOnThem) {
  for (const char* value : {"on", "'ON'", "true", "1"}) {
    put(pgdata / "postgresql.auto.conf", fmt::format("huge_pages = {}\n", value));
    ASSERT_OK(prepare());
    EXPECT_EQ(velo_settings().at("huge_pages"), "try") << value;
    EXPECT_TRUE(auto_settings().empty()) << value;
  }
  put(pgdata / "velo.conf", "");
  put(pgdata / "postgresql.auto.conf", "huge_pages = off\n");
  ASSERT_OK(prepare());
  EXPECT_FALSE(velo_settings().contains("huge_pages"));
  EXPECT_EQ(auto_settings().at("huge_pages"), "off");
}

TEST_F(PostgresClone, GivesAServerOnlySettingsThatItKnows) {
  make_cluster_files(14);
  ASSERT_OK(prepare());
  EXPECT_FALSE(velo_settings().contains("archive_library"));
  EXPECT_FALSE(velo_settings().contains("synchronized_standby_slots"));
  make_cluster_files(17);
  ASSERT_OK(prepare());
  EXPECT_TRUE(velo_settings().contains("archive_library"));
  EXPECT_TRUE(velo_settings().contains("synchronized_standby_slots"));
}

TEST_F(PostgresClone, InheritsVeloConfAndPutsItsOwnSettingsOnTop) {
  put(pgdata / "velo.conf", "work_mem = '4MB'\nmaintenance_work_mem = '8MB'\n");
  put(pgdata / "postgresql.auto.conf", "work_mem = '5MB'\n");
  ASSERT_OK(prepare({{"work_mem", "64MB"}, {"cron.launch_active_jobs", "on"}}));
  EXPECT_EQ(velo_settings().at("work_mem"), "64MB");
  EXPECT_EQ(velo_settings().at("maintenance_work_mem"), "8MB");
  EXPECT_EQ(velo_settings().at("cron.launch_active_jobs"), "on");
  EXPECT_TRUE(auto_settings().empty());
}

TEST_F(PostgresClone, WinsOverSettingsBehindTheInclude) {
  put(pgdata / "postgresql.conf",
      "include_if_exists = 'velo.conf'\nsynchronous_standby_names = '*'\n");
  ASSERT_OK(prepare());
  const std::string text = text_of(pgdata / "postgresql.conf");
  EXPECT_LT(text.find("synchronous_standby_names"), text.find("velo.conf'"));
}

TEST_F(PostgresClone, RepointsPathsIntoTheParentsVolume) {
  put(pgdata / "postgresql.conf",
      fmt::format("include_if_exists = '{0}/data/extra.conf'\nkrb_server_keyfile = '{0}/key' # k\n"
                  "dynamic_library_path = '/usr/lib/x'\n",
                  parent.string()));
  put(pgdata / "postgresql.auto.conf", fmt::format("log_directory = '{}/logs'\n", parent.string()));
  ASSERT_OK(prepare());
  const std::string text = text_of(pgdata / "postgresql.conf");
  EXPECT_EQ(text.find(parent.string()), std::string::npos);
  EXPECT_EQ(parse_conf(text).at("krb_server_keyfile"), clone / "key");
  EXPECT_NE(text.find(fmt::format("include_if_exists = '{}/data/extra.conf'", clone.string())),
            std::string::npos);
  EXPECT_EQ(parse_conf(text).at("dynamic_library_path"), "/usr/lib/x");
  EXPECT_EQ(auto_settings().at("log_directory"), clone / "logs");
}

TEST_F(PostgresClone, GivesUpFilesThatBothServersWouldWrite) {
  make_cluster_files(14);
  put(pgdata / "postgresql.conf",
      "external_pid_file = '/run/x.pid'\nstats_temp_directory = '/run/stats'\n");
  put(pgdata / "postgresql.auto.conf",
      "log_directory = '/var/log/postgresql'\nexternal_pid_file = '/run/y.pid'\n");
  ASSERT_OK(prepare());
  EXPECT_EQ(velo_settings().at("log_directory"), "log");
  EXPECT_EQ(velo_settings().at("stats_temp_directory"), "pg_stat_tmp");
  EXPECT_TRUE(auto_settings().empty());
  EXPECT_FALSE(parse_conf(text_of(pgdata / "postgresql.conf")).contains("external_pid_file"));
}

TEST_F(PostgresClone, KeepsARelativeLogDirectory) {
  put(pgdata / "postgresql.auto.conf", "log_directory = 'pg_log'\n");
  ASSERT_OK(prepare());
  EXPECT_EQ(auto_settings().at("log_directory"), "pg_log");
  EXPECT_FALSE(velo_settings().contains("log_directory"));
}

TEST_F(PostgresClone, KeepsLogsAtHomeWhenOtherFilesAreIncluded) {
  put(pgdata / "postgresql.conf", "include_dir = 'conf.d'\n");
  ASSERT_OK(prepare());
  EXPECT_EQ(velo_settings().at("log_directory"), "log");
}

TEST_F(PostgresClone, RepointsTablespacesInsideTheVolume) {
  link_tablespace("16385", parent / "tablespaces/fast");
  ASSERT_OK(prepare());
  EXPECT_EQ(tablespace_target("16385"), clone / "tablespaces/fast");
  EXPECT_FALSE(path_exists(pgdata / ".velo-link"));
}

TEST_F(PostgresClone, RepointsTablespacesOfAVolumeThatIsGone) {
  link_tablespace("16385", parent / "fast");
  fs::remove_all(parent);
  ASSERT_OK(prepare());
  EXPECT_EQ(tablespace_target("16385"), clone / "fast");
}

TEST_F(PostgresClone, LeavesInPlaceTablespacesAlone) {
  fs::create_directories(pgdata / "pg_tblspc/16385");
  ASSERT_OK(prepare());
  EXPECT_TRUE(fs::is_directory(fs::symlink_status(pgdata / "pg_tblspc/16385")));
}

TEST_F(PostgresClone, RefusesTablespacesElsewhereBeforeItChangesAnything) {
  link_tablespace("16385", parent / "inside");
  link_tablespace("16386", pool / "elsewhere");
  put(pgdata / "postmaster.pid", "1\n");
  const auto prepared = prepare();
  ASSERT_FALSE(prepared.has_value());
  EXPECT_EQ(prepared.error().code, Errc::unsupported);
  EXPECT_NE(prepared.error().message.find((pool / "elsewhere").string()), std::string::npos);
  EXPECT_EQ(tablespace_target("16385"), parent / "inside");
  EXPECT_TRUE(path_exists(pgdata / "postmaster.pid"));
}

TEST_F(PostgresClone, RefusesALinkThatOnlySeemsToLieInside) {
  fs::create_directories(pool / "elsewhere");
  fs::create_directories(parent);
  fs::create_directory_symlink(pool / "elsewhere", parent / "door");
  link_tablespace("16385", parent / "door");
  EXPECT_EQ(prepare().error().code, Errc::unsupported);
}

TEST_F(PostgresClone, RefusesAWalDirectoryThatIsALink) {
  fs::remove(pgdata / "pg_wal");
  fs::create_directory_symlink(pool / "wal", pgdata / "pg_wal");
  EXPECT_EQ(prepare().error().code, Errc::unsupported);
}

TEST_F(PostgresClone, CanBeRepeated) {
  link_tablespace("16385", parent / "fast");
  put(pgdata / "postgresql.auto.conf", "archive_command = 'x'\nlog_directory = '/var/log'\n");
  ASSERT_OK(prepare({{"work_mem", "2MB"}}));
  const auto snapshot = [&] {
    std::string all = tablespace_target("16385");
    for (const char* name : {"postgresql.conf", "postgresql.auto.conf", "velo.conf", "pg_hba.conf",
                             "pg_hba.conf.open"}) {
      all += text_of(pgdata / name);
    }
    return all;
  };
  const std::string first = snapshot();
  ASSERT_OK(prepare({{"work_mem", "2MB"}}));
  EXPECT_EQ(snapshot(), first);
}

TEST_F(PostgresClone, TellsTablespacesInsideAndOutside) {
  link_tablespace("1", clone / "in");
  link_tablespace("2", pool / "out");
  const auto found = tablespaces_of(pgdata, clone);
  ASSERT_OK(found);
  ASSERT_EQ(found->inside.size(), 1U);
  EXPECT_EQ(found->inside[0].oid, "1");
  ASSERT_EQ(found->outside.size(), 1U);
  EXPECT_EQ(found->outside[0].target, pool / "out");
}

TEST_F(PostgresClone, FindsUnloggedTablesInDatabasesAndTablespaces) {
  put(pgdata / "base/5/16385", "");
  put(pgdata / "base/5/my_init", "");
  EXPECT_FALSE(relation_files(pgdata).value().unlogged);
  EXPECT_EQ(relation_files(pgdata).value().count, 2U);
  link_tablespace("16390", parent / "fast");
  put(parent / "fast/PG_15_202209061/5/16391_init", "");
  EXPECT_TRUE(relation_files(pgdata).value().unlogged);
  fs::remove(pgdata / "pg_tblspc/16390");
  put(pgdata / "base/5/16386_init", "");
  EXPECT_TRUE(relation_files(pgdata).value().unlogged);
}

}  // namespace
}  // namespace velo::postgres
