// Clones of real clusters: what the parent's server had committed is in them, and nothing of the
// parent's is touched.
#include <sys/stat.h>

#include <atomic>
#include <future>
#include <optional>
#include <thread>

#include "contract/postgres_server.h"
#include "postgres/backup.h"
#include "postgres/clone.h"

namespace velo::postgres {
namespace {

using namespace std::chrono_literals;
using test::TestServer;

using SkipRule = Skip (*)(std::string_view);

/// A plain recursive copy of a data directory that may change meanwhile.
void copy_cluster(const fs::path& from, const fs::path& to, SkipRule skip) {
  fs::create_directory(to, from);
  for (auto entry = fs::recursive_directory_iterator(from);
       entry != fs::recursive_directory_iterator(); ++entry) {
    const fs::path relative = entry->path().lexically_relative(from);
    const Skip rule = skip(relative.string());
    const bool directory = entry->is_directory() && !entry->is_symlink();
    if (rule != Skip::nothing && directory) entry.disable_recursion_pending();
    if (rule == Skip::all || (rule == Skip::contents && !directory)) continue;
    std::error_code vanished;
    if (directory) {
      fs::create_directory(to / relative, entry->path());
    } else if (entry->is_symlink()) {
      fs::copy_symlink(entry->path(), to / relative);
    } else {
      fs::copy_file(entry->path(), to / relative, vanished);
    }
  }
}

Result<void> copy_segment(const fs::path& from, const fs::path& to) {
  std::error_code problem;
  fs::copy_file(from, to, problem);
  if (problem) return fail_errno(problem.value(), "copy " + from.string());
  return {};
}

/// Commits rows numbered from 1, one a transaction, until it is destroyed.
class Writer {
 public:
  explicit Writer(const TestServer& server) {
    auto connection = server.connect();
    if (!connection) throw std::runtime_error(connection.error().message);
    thread_ = std::jthread([this, c = std::move(*connection)](const std::stop_token& stop) mutable {
      while (!stop.stop_requested()) {
        const std::string next = std::to_string(committed_ + 1);
        if (!c.query("INSERT INTO public.rows VALUES (" + next + ")", 60s)) return;
        ++committed_;
      }
    });
  }
  long committed() const { return committed_; }
  bool commits_more() const {
    const long before = committed();
    return test::wait_until([&] { return committed() > before + 50; });
  }

 private:
  std::atomic<long> committed_{0};
  std::jthread thread_;
};

class PostgresClones : public test::EachMajorTest {
 protected:
  void make_parent() {
    server->make();
    server->value("CREATE TABLE public.rows (id bigint)");
    clone.emplace(server->build(), user, scratch / "clone");
  }
  /// A clone by the backup API, with everything that happens meanwhile.
  void clone_by_backup(const std::function<void()>& meanwhile) {
    auto connection = server->connect();
    ASSERT_OK(connection);
    auto backup = Backup::start(std::move(*connection), GetParam(), "velo test", 60s);
    ASSERT_OK(backup);
    const ActAs owner(user);
    copy_cluster(server->pgdata(), clone->pgdata(), skip_in_backup);
    meanwhile();
    ASSERT_OK(backup->finish(server->pgdata(), clone->pgdata(), copy_segment, 60s));
  }
  void prepare(const TestServer& made, const TestServer& from, const Settings& settings = {}) {
    const ActAs owner(user);
    ASSERT_OK(prepare_clone({.source_root = from.root(),
                             .root = made.root(),
                             .pgdata = made.pgdata(),
                             .settings = settings}));
  }
  std::string value(const std::string& sql) const { return server->value(sql); }

  std::optional<TestServer> clone;
};
INSTANTIATE_TEST_SUITE_P(All, PostgresClones, test::all_majors(), test::name_of_major);

TEST_P(PostgresClones, ABackupOfABusyServerHoldsAllThatWasCommitted) {
  make_parent();
  value("ALTER SYSTEM SET max_wal_size = '32MB'");
  value("ALTER SYSTEM SET min_wal_size = '32MB'");
  value("ALTER SYSTEM SET wal_keep_size = 0");
  server->reload();
  long committed = 0;
  {
    const Writer writer(*server);
    ASSERT_TRUE(writer.commits_more());
    committed = writer.committed();
    clone_by_backup([&] {
      for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(writer.commits_more());
        value("SELECT pg_switch_wal()");
        value("CHECKPOINT");
      }
    });
  }
  prepare(*clone, *server);
  clone->start();
  // Before the rows are read: with checksums the first reader of a page writes all of it to the
  // WAL.
  struct stat segment{};
  const std::string current = clone->value("SELECT pg_walfile_name(pg_current_wal_insert_lsn())");
  ASSERT_EQ(::stat((clone->pgdata() / "pg_wal" / current).c_str(), &segment), 0);
  EXPECT_EQ(segment.st_size, 16 << 20);
  EXPECT_LT(segment.st_blocks * 512, 1 << 20) << "it was filled with zeros";
  EXPECT_GE(std::stol(clone->value("SELECT max(id) FROM public.rows")), committed);
  EXPECT_EQ(clone->value("SELECT count(*) = max(id) FROM public.rows"), "t");
  EXPECT_EQ(clone->value("SELECT count(*) FROM pg_replication_slots"), "0");
  EXPECT_TRUE(test::wait_until([&] {
    return value("SELECT count(*) FROM pg_replication_slots") == "0";
  })) << "the backup left its slot behind";
}

TEST_P(PostgresClones, ACopyOfACloneThatNeverStartedIsWhole) {
  make_parent();
  value("INSERT INTO public.rows SELECT generate_series(1, 1000)");
  clone_by_backup([&] { value("CHECKPOINT"); });
  prepare(*clone, *server);

  TestServer grandchild(server->build(), user, scratch / "grandchild");
  {
    const ActAs owner(user);
    copy_cluster(clone->pgdata(), grandchild.pgdata(), skip_in_cold_copy);
  }
  prepare(grandchild, *clone);
  grandchild.start();
  EXPECT_EQ(grandchild.value("SELECT count(*) FROM public.rows"), "1000");
}

TEST_P(PostgresClones, ACopyOfAStoppedServerIsWholeAndItsOwn) {
  make_parent();
  {
    const ActAs owner(user);
    fs::create_directory(server->root() / "fast");
  }
  value(fmt::format("CREATE TABLESPACE fast LOCATION '{}'", (server->root() / "fast").string()));
  value("CREATE TABLE public.far TABLESPACE fast AS SELECT generate_series(1, 1000) AS id");
  value("SELECT pg_create_physical_replication_slot('replica', true)");
  value("SELECT pg_create_physical_replication_slot('other')");
  value("ALTER SYSTEM SET work_mem = '3MB'");
  value("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
  value("ALTER SYSTEM SET archive_command = 'exit 1'");
  value(fmt::format("ALTER SYSTEM SET log_directory = '{}'", (scratch / "logs").string()));
  server->stop();
  {
    const ActAs owner(user);
    copy_cluster(server->pgdata(), clone->pgdata(), skip_in_cold_copy);
    fs::copy(server->root() / "fast", clone->root() / "fast", fs::copy_options::recursive);
  }
  prepare(*clone, *server, {{"work_mem", "7MB"}});
  clone->start();
  EXPECT_EQ(clone->value("SHOW work_mem"), "7MB");
  EXPECT_EQ(clone->value("SHOW synchronous_standby_names"), "");
  EXPECT_EQ(clone->value("SHOW archive_command"), "(disabled)");
  EXPECT_EQ(clone->value("SHOW log_directory"), "log");
  EXPECT_EQ(clone->value("SELECT count(*) FROM pg_replication_slots"), "0");
  clone->value("DELETE FROM public.far");
  EXPECT_EQ(clone->value("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = "
                         "'fast'"),
            clone->root() / "fast");

  server->start({"synchronous_standby_names="});
  EXPECT_EQ(value("SELECT count(*) FROM public.far"), "1000");
}

TEST_P(PostgresClones, EverySettingOfVeloConfIsKnownToTheServer) {
  make_parent();
  server->stop();
  {
    const ActAs owner(user);
    copy_cluster(server->pgdata(), clone->pgdata(), skip_in_cold_copy);
  }
  prepare(*clone, *server);
  clone->start();
  EXPECT_EQ(clone->value("SELECT string_agg(name || ': ' || error, '; ') FROM pg_file_settings "
                         "WHERE sourcefile LIKE '%velo.conf' AND error IS NOT NULL"),
            "");
  EXPECT_NE(
      clone->value("SELECT count(*) FROM pg_file_settings WHERE sourcefile LIKE '%velo.conf'"),
      "0");
}

TEST_P(PostgresClones, FindsUnloggedTables) {
  make_parent();
  const auto found = [&] {
    const ActAs owner(user);
    return relation_files(server->pgdata()).value().unlogged;
  };
  EXPECT_FALSE(found());
  value("CREATE UNLOGGED TABLE public.u (id int)");
  EXPECT_TRUE(found());
}

TEST_P(PostgresClones, AnUnfinishedBackupLeavesNothingOnTheServer) {
  make_parent();
  for (int i = 0; i < 2; ++i) {
    auto connection = server->connect();
    ASSERT_OK(connection);
    ASSERT_OK(Backup::start(std::move(*connection), GetParam(), "velo test", 60s));
  }
  EXPECT_TRUE(
      test::wait_until([&] { return value("SELECT count(*) FROM pg_replication_slots") == "0"; }));
}

TEST_P(PostgresClones, BackupsOfOneServerRunSideBySide) {
  make_parent();
  std::vector<Backup> backups;
  for (int i = 0; i < 3; ++i) {
    auto connection = server->connect();
    ASSERT_OK(connection);
    auto backup = Backup::start(std::move(*connection), GetParam(), "velo test", 60s);
    ASSERT_OK(backup);
    backups.push_back(std::move(*backup));
  }
  EXPECT_EQ(value("SELECT count(*) FROM pg_replication_slots"), "3");
}

TEST_P(PostgresClones, ABackupWaitsForTheSlotOfAnother) {
  make_parent();
  server->stop();
  server->start({"max_replication_slots=1"});
  std::optional<Backup> first;
  {
    auto backup = Backup::start(server->connect().value(), GetParam(), "velo test", 60s);
    ASSERT_OK(backup);
    first = std::move(*backup);
  }
  auto second = std::async(std::launch::async, [&] {
    return Backup::start(server->connect().value(), GetParam(), "velo test", 60s);
  });
  const auto waits = [&] {
    return value(
               "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(0.01)%' AND pid "
               "<> pg_backend_pid()") != "0";
  };
  EXPECT_TRUE(test::wait_until(waits)) << "it does not wait";
  first.reset();
  EXPECT_TRUE(second.get());
}

TEST_P(PostgresClones, SaysWhatABackupNeeds) {
  make_parent();
  const auto error_with = [&](const std::vector<std::string>& settings) {
    server->stop();
    server->start(settings);
    const auto backup = Backup::start(server->connect().value(), GetParam(), "velo test", 60s);
    return backup ? Error{} : backup.error();
  };
  const Error minimal = error_with({"wal_level=minimal", "max_wal_senders=0"});
  EXPECT_NE(minimal.message.find("wal_level is minimal"), std::string::npos) << minimal.message;
  EXPECT_FALSE(minimal.hint.empty());
  const Error no_slot = error_with({"max_replication_slots=0"});
  EXPECT_EQ(no_slot.code, Errc::server);
  EXPECT_NE(no_slot.hint.find("max_replication_slots (now 0)"), std::string::npos) << no_slot.hint;
}

}  // namespace
}  // namespace velo::postgres
