// Real servers that archive by `velo wal push` and recover by `velo wal fetch`.
#include <fstream>

#include "archive/lineage.h"
#include "archive/progress.h"
#include "archive/store.h"
#include "contract/postgres_server.h"
#include "runtime/archive_command.h"
#include "runtime/restore_command.h"

namespace velo::test {
namespace {

using archive::Source;
using archive::SourceKind;
using archive::Store;

class ArchiveRecovery : public EachMajorTest {
 protected:
  void SetUp() override {
    EachMajorTest::SetUp();
    if (!server || IsSkipped() || HasFatalFailure()) return;
    // Where the servers' user can run it.
    fs::copy_file(fs::path(VELO_BINARY_DIR) / "velo", program);
    make_directory("archive");
    ASSERT_NO_FATAL_FAILURE(server->make());
    server->value("CREATE TABLE public.rows (x bigint, filler text)");
    server->stop();
    copy_cluster(server->pgdata(), scratch / "base");
  }

  void make_directory(const fs::path& name) const {
    const ActAs owner(user);
    ASSERT_OK(create_directory(scratch / name, 0700));
  }
  void copy_cluster(const fs::path& from, const fs::path& to) const {
    const ActAs owner(user);
    fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    fs::permissions(to, fs::perms::owner_all);
    ASSERT_OK(remove_file(to / "postmaster.pid"));
  }
  std::vector<std::string> archiving(const char* to = "archive") const {
    return {"archive_mode=on",
            "archive_command=" + runtime::archive_command(scratch / to, program)};
  }

  /// Commits `count` transactions of one row, and then a lot in one.
  static void load(const TestServer& on, int count = 40) {
    auto connection = on.connect();
    ASSERT_OK(connection);
    for (int i = 0; i < count; ++i) {
      ASSERT_OK(connection->query("INSERT INTO public.rows VALUES (1, repeat('small', 20))", 60s));
    }
    ASSERT_OK(connection->query(
        "INSERT INTO public.rows SELECT i, md5(i::text) FROM generate_series(1, 100000) i", 60s));
    ASSERT_OK(connection->query("SELECT pg_switch_wal()", 60s));
  }
  static std::string sum(const TestServer& on) {
    return on.value("SELECT count(*) || ' ' || sum(x) FROM public.rows");
  }

  Source archive(const char* name = "archive", std::optional<postgres::Lsn> limit = {}) const {
    return {.kind = SourceKind::archive, .directory = scratch / name, .limit = limit};
  }
  /// A server on a copy of the base that is going to recover.
  std::unique_ptr<TestServer> recovering(const char* name, std::vector<Source> sources) {
    auto copy = std::make_unique<TestServer>(server->build(), user, scratch / name);
    copy_cluster(scratch / "base", copy->pgdata());
    const ActAs owner(user);
    put(copy->pgdata() / "recovery.signal", "");
    put(lineage_of(name), to_text(archive::Lineage{.sources = std::move(sources)}).value());
    return copy;
  }
  fs::path lineage_of(const char* name) const { return scratch / name / "recovery/lineage"; }
  std::vector<std::string> by_fetch(const char* name) const {
    return {"restore_command=" + runtime::restore_command(program, lineage_of(name)),
            "hot_standby=off", "archive_mode=off"};
  }
  static bool has_promoted(const TestServer& on) {
    return path_exists(on.pgdata() / "pg_wal/00000002.history");
  }

  fs::path program = scratch / "velo";
};

TEST_P(ArchiveRecovery, EveryRowIsThere) {
  ASSERT_NO_FATAL_FAILURE(server->start(archiving()));
  for (int i = 0; i < 4; ++i) ASSERT_NO_FATAL_FAILURE(load(*server));
  const std::string expected = sum(*server);
  server->stop();
  const auto archived = Store(scratch / "archive").list().value();
  EXPECT_GE(archived.size(), 5U);
  const auto copy = recovering("copy", {archive()});
  ASSERT_NO_FATAL_FAILURE(copy->start(by_fetch("copy")));
  EXPECT_EQ(sum(*copy), expected);
  EXPECT_TRUE(has_promoted(*copy));
  const auto progress = archive::read_progress(lineage_of("copy")).value();
  EXPECT_GE(progress.segments, archived.size());
  EXPECT_EQ(progress.bytes, progress.segments * postgres::default_segment_size);
}

TEST_P(ArchiveRecovery, ADamagedSegmentEndsItInsteadOfPromoting) {
  ASSERT_NO_FATAL_FAILURE(server->start(archiving()));
  for (int i = 0; i < 4; ++i) ASSERT_NO_FATAL_FAILURE(load(*server));
  server->stop();
  const auto archived = Store(scratch / "archive").list().value();
  const std::string victim = archived.at(archived.size() / 2).name;
  const fs::path file = scratch / "archive" / (victim + ".zst");
  {
    const std::string content = text_of(file);
    // In place: it stays the servers' user's.
    std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
    stream.seekp(static_cast<std::streamoff>(content.size() / 2));
    stream.put(static_cast<char>(content[content.size() / 2] ^ 0x20));
  }
  const auto copy = recovering("copy", {archive()});
  ASSERT_NO_FATAL_FAILURE(copy->launch(by_fetch("copy")));
  ASSERT_TRUE(copy->ends()) << copy->log_text();
  const std::string log = copy->log_text();
  EXPECT_NE(log.find(file.string() + " is damaged"), std::string::npos) << log;
  EXPECT_NE(log.find("could not restore file \"" + victim + "\""), std::string::npos) << log;
  EXPECT_FALSE(has_promoted(*copy)) << log;
}

TEST_P(ArchiveRecovery, ARunningServersLastSegmentIsReadWhereItIs) {
  ASSERT_NO_FATAL_FAILURE(server->start(archiving()));
  ASSERT_NO_FATAL_FAILURE(load(*server));
  server->value("INSERT INTO public.rows VALUES (7, 'not archived')");
  const std::string expected = sum(*server);
  const auto copy = recovering("copy", {archive(), Source{.kind = SourceKind::pg_wal,
                                                          .directory = server->pgdata() / "pg_wal",
                                                          .limit = {}}});
  ASSERT_NO_FATAL_FAILURE(copy->start(by_fetch("copy")));
  EXPECT_EQ(sum(*copy), expected);
}

TEST_P(ArchiveRecovery, BehindTheForkNothingOfTheParentsIsReplayed) {
  ASSERT_NO_FATAL_FAILURE(server->start(archiving()));
  ASSERT_NO_FATAL_FAILURE(load(*server, 5));
  server->value("INSERT INTO public.rows VALUES (1000, 'before')");
  const postgres::Lsn fork =
      postgres::parse_lsn(server->value("SELECT pg_current_wal_insert_lsn()")).value();
  server->stop(SIGQUIT);
  ASSERT_NE(fork % postgres::default_segment_size, 0U);
  TestServer branch(server->build(), user, scratch / "branch");
  copy_cluster(server->pgdata(), branch.pgdata());
  make_directory("branch-archive");

  // Both go on in the segment of the fork, on one timeline, and fill it and the next.
  ASSERT_NO_FATAL_FAILURE(server->start(archiving()));
  server->value("INSERT INTO public.rows VALUES (2000, 'of the parent')");
  ASSERT_NO_FATAL_FAILURE(load(*server, 5));
  server->stop();
  ASSERT_NO_FATAL_FAILURE(branch.start(archiving("branch-archive")));
  branch.value("INSERT INTO public.rows VALUES (3000, 'of the branch')");
  ASSERT_NO_FATAL_FAILURE(load(branch, 3));
  const std::string expected = sum(branch);
  branch.stop();

  const auto copy = recovering("copy", {archive("branch-archive"), archive("archive", fork)});
  ASSERT_NO_FATAL_FAILURE(copy->start(by_fetch("copy")));
  EXPECT_EQ(sum(*copy), expected);
  EXPECT_EQ(copy->value("SELECT string_agg(filler, ', ' ORDER BY x) FROM public.rows "
                        "WHERE filler ~ '^(before|of the)'"),
            "before, of the branch");
  // Without the limit and the branch's own archive PostgreSQL replays the parent's, and is content.
  const auto wrong = recovering("wrong", {archive()});
  ASSERT_NO_FATAL_FAILURE(wrong->start(by_fetch("wrong")));
  EXPECT_EQ(wrong->value("SELECT string_agg(filler, ', ' ORDER BY x) FROM public.rows "
                         "WHERE filler ~ '^(before|of the)'"),
            "before, of the parent");
}

TEST_P(ArchiveRecovery, WhatAPromotionLeavesBesideSegmentsIsArchived) {
  ASSERT_NO_FATAL_FAILURE(server->start(archiving()));
  ASSERT_NO_FATAL_FAILURE(load(*server, 5));
  server->value("INSERT INTO public.rows VALUES (7, 'in a segment that is not full')");
  const postgres::Lsn end =
      postgres::parse_lsn(server->value("SELECT pg_current_wal_insert_lsn()")).value();
  server->stop(SIGQUIT);
  // Its own pg_wal is all that it has: it promotes within the segment of the end.
  TestServer promoted(server->build(), user, scratch / "promoted");
  copy_cluster(server->pgdata(), promoted.pgdata());
  make_directory("promoted-archive");
  {
    const ActAs owner(user);
    put(promoted.pgdata() / "recovery.signal", "");
    put(lineage_of("promoted"), to_text(archive::Lineage{.sources = {archive()}}).value());
  }
  auto settings = by_fetch("promoted");
  settings.pop_back();  // archive_mode=off
  for (std::string& setting : archiving("promoted-archive")) settings.push_back(std::move(setting));
  ASSERT_NO_FATAL_FAILURE(promoted.start(settings));
  promoted.stop();

  const std::string left =
      postgres::segment_name(1, end, postgres::default_segment_size) + ".partial";
  std::vector<std::string> names;
  const auto archived = Store(scratch / "promoted-archive").list().value();
  for (const archive::Entry& entry : archived) names.push_back(entry.name);
  EXPECT_EQ(std::ranges::count(names, left), 1) << left;
  EXPECT_EQ(std::ranges::count(names, "00000002.history"), 1);
}

INSTANTIATE_TEST_SUITE_P(Majors, ArchiveRecovery, all_majors(), name_of_major);

}  // namespace
}  // namespace velo::test
