// What runtime/runtime.h promises of a server's archive, on every runtime and in each form that
// archiving has there.
#include <sys/mount.h>

#include "archive/store.h"
#include "base/text.h"
#include "postgres/connection.h"
#include "runtime_fixture.h"
#include "support/wait.h"

namespace velo::runtime {
namespace {

struct Form {
  std::string runtime;
  bool by_shell = false;  ///< although the image has basic_archive, or Velo's program is at hand
};

std::string name_of(const Form& form) {
  return form.runtime + (form.by_shell ? "_shell" : "");
}

constexpr std::uintmax_t segment_size = 16U << 20U;

class ArchiveContract : public RuntimeFixture, public testing::WithParamInterface<Form> {
 protected:
  void SetUp() override {
    set_up(GetParam().runtime);
    if (!runtime_ || IsSkipped() || HasFatalFailure()) return;
    if (GetParam().runtime == "docker") {
      EXPECT_TRUE(spec_.build.basic_archive) << "the tests' image has it";
    }
    if (GetParam().by_shell) spec_.build.basic_archive = false;
    if (by_program()) {
      spec_.program = dir_.path() / R"(Velo's "program" %f)";
      fs::copy_file(fs::path(VELO_BINARY_DIR) / "velo", spec_.program);
    }
    // What is special to a shell, to PostgreSQL and to JSON.
    spec_.archive = dir_.path() / R"(an archive's "$HOME" %p %%f `id` \)";
    ASSERT_TRUE(create_directory(spec_.archive, 0700));
    give(spec_.archive);
  }
  void TearDown() override {
    RuntimeFixture::TearDown();
    if (mounted_) {
      EXPECT_EQ(::umount(spec_.archive.c_str()), 0);
    }
  }

  std::string value(const std::string& sql) {
    const postgres::Connection::Target target{.socket_directory = spec_.run_directory,
                                              .port = runtime_->socket_port(spec_.port),
                                              .role = "postgres",
                                              .server_major = spec_.build.major};
    auto connection = postgres::Connection::open(target, 10s, cancel_);
    if (!connection) {
      ADD_FAILURE() << connection.error().message;
      return "";
    }
    const auto rows = connection->query(sql, 30s);
    EXPECT_TRUE(rows) << rows.error().message;
    return rows && !rows->empty() ? rows->front().front().value_or("") : "";
  }
  /// Writes some WAL and ends its segment: the segment's name.
  std::string finish_segment() {
    value("SELECT pg_logical_emit_message(true, 'test', 'x')");
    return value("SELECT pg_walfile_name(pg_switch_wal())");
  }
  /// With 9 MB in it that can be compressed by half: hexadecimal digits.
  std::string finish_full_segment() {
    value(
        "SELECT pg_logical_emit_message(true, 'test', string_agg(md5(i::text), '')) "
        "FROM generate_series(1, 280000) i");
    return finish_segment();
  }
  std::string current_segment() { return value("SELECT pg_walfile_name(pg_current_wal_lsn())"); }

  bool by_program() const { return GetParam().runtime == "native" && !GetParam().by_shell; }
  /// The form's own suffix.
  fs::path archived(const std::string& segment) const {
    return spec_.archive / (by_program() ? segment + ".zst" : segment);
  }
  /// What is archived of it, whichever form it has; empty when nothing is.
  std::string content(const std::string& segment) const {
    const fs::path copy = dir_.path() / "copy";
    const auto got = archive::Store(spec_.archive).get(segment, copy);
    if (!got) return got.error().code == Errc::not_found ? "" : got.error().message;
    return read_file(copy).value();
  }
  fs::path own(const std::string& segment) const { return spec_.pgdata / "pg_wal" / segment; }
  bool is_archived(const std::string& segment) const {
    return path_exists(spec_.pgdata / "pg_wal/archive_status" / (segment + ".done")) &&
           content(segment).size() == segment_size;
  }
  bool archiving_failed() { return value("SELECT failed_count > 0 FROM pg_stat_archiver") == "t"; }
  /// Without the form's suffix.
  std::vector<std::string> names() const {
    std::vector<std::string> names = list_directory(spec_.archive).value();
    for (std::string& name : names) {
      if (by_program() && name.ends_with(".zst")) name.resize(name.size() - 4);
    }
    return names;
  }
  void put(const std::string& name, const std::string& content) const {
    const ActAs owner(spec_.build.owner);
    ASSERT_TRUE(write_file(spec_.archive / name, content, 0600));
  }
  void mount_small(const char* size) {
    ASSERT_EQ(::mount("tmpfs", spec_.archive.c_str(), "tmpfs", 0, size), 0);
    mounted_ = true;
    give(spec_.archive);
  }

  bool mounted_ = false;
};

TEST_P(ArchiveContract, EachFinishedSegmentIsInItAndNothingElse) {
  ASSERT_TRUE(start());
  std::vector<std::string> segments{finish_segment(), finish_segment()};
  for (const std::string& segment : segments) {
    EXPECT_TRUE(test::wait_until([&] { return is_archived(segment); })) << segment;
    EXPECT_TRUE(content(segment) == read_file(own(segment)).value());
  }
  EXPECT_EQ(names(), segments);
  value("SELECT pg_logical_emit_message(true, 'test', 'the last')");
  segments.push_back(current_segment());
  ASSERT_TRUE(runtime_->stop(spec_.pgdata, StopMode::fast));
  EXPECT_EQ(names(), segments) << "the last one goes there when the server stops";
  EXPECT_EQ(content(segments.back()).size(), segment_size);
}

TEST_P(ArchiveContract, AnotherFileOfThatNameIsLeftAloneAndTheSegmentIsKept) {
  ASSERT_TRUE(start());
  const std::string segment = current_segment();
  put(segment, "another's");
  ASSERT_EQ(finish_segment(), segment);
  EXPECT_TRUE(test::wait_until([&] { return archiving_failed(); }));
  EXPECT_EQ(read_file(spec_.archive / segment).value(), "another's");
  EXPECT_EQ(names(), std::vector{segment});
  EXPECT_TRUE(path_exists(own(segment)));
  ASSERT_TRUE(remove_file(spec_.archive / segment));
  const std::string next = finish_segment();  // wakes the archiver
  EXPECT_TRUE(test::wait_until([&] { return is_archived(segment) && is_archived(next); }));
}

TEST_P(ArchiveContract, TheSameFileIsAccepted) {
  ASSERT_TRUE(start());
  // It cannot be written for a while; meanwhile somebody puts the right file there.
  ASSERT_EQ(::chmod(spec_.archive.c_str(), 0), 0);
  const std::string segment = finish_segment();
  EXPECT_TRUE(test::wait_until([&] { return archiving_failed(); }));
  ASSERT_EQ(::chmod(spec_.archive.c_str(), 0700), 0);
  EXPECT_FALSE(path_exists(archived(segment)));
  put(segment, read_file(own(segment)).value());
  const std::string next = finish_segment();
  EXPECT_TRUE(test::wait_until([&] { return is_archived(segment) && is_archived(next); }));
}

TEST_P(ArchiveContract, WhatAKilledAttemptLeftIsNoObstacleAndGoes) {
  ASSERT_TRUE(start());
  const std::string segment = current_segment();
  ASSERT_TRUE(runtime_->stop(spec_.pgdata, StopMode::immediate));
  put("." + segment + ".7", "half");
  put("archtemp." + segment + ".7.123", "half");
  ASSERT_TRUE(start());
  EXPECT_EQ(names(), std::vector<std::string>{});
  put("." + segment + ".8", "half");
  const std::string finished = finish_segment();
  EXPECT_TRUE(test::wait_until([&] { return is_archived(finished); }));
}

TEST_P(ArchiveContract, AFullDiskLosesNothing) {
  if (!running_as_root()) GTEST_SKIP() << "mounting a small file system needs root";
  // Room for two and a half of them.
  mount_small(by_program() ? "size=12m,mode=0700" : "size=40m,mode=0700");
  ASSERT_TRUE(start());
  const auto finish = [this] { return by_program() ? finish_full_segment() : finish_segment(); };
  const std::string first = finish();
  const std::string second = finish();
  const std::string third = finish();
  EXPECT_TRUE(test::wait_until([&] { return archiving_failed(); }));
  EXPECT_TRUE(is_archived(first) && is_archived(second));
  EXPECT_FALSE(path_exists(archived(third))) << "half a segment under its name";
  EXPECT_TRUE(path_exists(own(third)));
  ASSERT_TRUE(remove_file(archived(first)));
  ASSERT_TRUE(remove_file(archived(second)));
  finish_segment();
  EXPECT_TRUE(test::wait_until([&] { return is_archived(third); }));
}

TEST_P(ArchiveContract, OneThatIsGoneIsToldBeforeAnythingStarts) {
  ASSERT_TRUE(remove_tree(spec_.archive));
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Errc::not_found);
  EXPECT_NE(started.error().message.find("archive"), std::string::npos);
  EXPECT_FALSE(seen().runs);
}

std::vector<Form> forms() {
  std::vector<Form> all;
  for (const RuntimeInfo& info : runtimes()) {
    all.push_back({.runtime = std::string(info.name)});
    all.push_back({.runtime = std::string(info.name), .by_shell = true});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Every, ArchiveContract, testing::ValuesIn(forms()),
                         [](const auto& one) { return name_of(one.param); });

}  // namespace
}  // namespace velo::runtime
