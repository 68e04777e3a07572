// `velo wal push` and `velo wal fetch` as PostgreSQL runs them: programs with exit codes.
#include <sys/stat.h>

#include "archive/lineage.h"
#include "archive/prefetch.h"
#include "archive/progress.h"
#include "archive/store.h"
#include "base/process.h"
#include "base/text.h"
#include "support/wait.h"
#include "support/wal_segment.h"
#include "unit/postgres_scratch.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;
using archive::Store;

std::string segment(unsigned number) {
  return postgres::segment_name(1, number * small_segment, small_segment);
}

class WalCommands : public testing::Test {
 protected:
  WalCommands() { fs::create_directory(archive()); }
  /// Whoever still makes segments ready would put them into a directory that is being removed.
  void TearDown() override {
    EXPECT_TRUE(wait_until([&] { return !anybody_works(); }));
  }

  fs::path archive() const { return scratch / "an archive"; }
  fs::path pgdata() const { return scratch / "pgdata"; }
  fs::path own(unsigned number) const { return pgdata() / "pg_wal" / segment(number); }
  fs::path target() const { return pgdata() / "pg_wal/RECOVERYXLOG"; }
  fs::path lineage_file() const { return scratch / "recovery/lineage"; }
  std::vector<std::string> archived() const { return list_directory(archive()).value(); }

  /// In PGDATA, as the server does it.
  Outcome run(std::vector<std::string> words, const std::string& fault = "") const {
    fs::create_directories(pgdata() / "pg_wal");
    words.insert(words.begin(),
                 fmt::format("{}/{}", VELO_BINARY_DIR, fault.empty() ? "velo" : "velo-faults"));
    const Cancellation never;
    return velo::run({.argv = std::move(words),
                      .environment = {"VELO_FAULT=" + fault},
                      .user = {},
                      .directory = pgdata(),
                      .input = {}},
                     60s, never)
        .value();
  }
  Outcome push(unsigned number, const std::string& fault = "") const {
    return run({"wal", "push", "--archive", archive().string(), "pg_wal/" + segment(number),
                segment(number)},
               fault);
  }
  Outcome fetch(const std::string& name) const {
    return run({"wal", "fetch", "--lineage", lineage_file().string(), name, "pg_wal/RECOVERYXLOG"});
  }
  Outcome fetch(unsigned number) const { return fetch(segment(number)); }

  void write_lineage(std::optional<postgres::Lsn> limit = {}) const {
    const archive::Lineage lineage{
        .segment_size = small_segment,
        .sources = {
            {.kind = archive::SourceKind::archive, .directory = archive(), .limit = limit}}};
    put(lineage_file(), archive::to_text(lineage).value());
  }
  /// The archive holds segments 1 to `count`.
  void fill(unsigned count) const {
    for (unsigned number = 1; number <= count; ++number) {
      put(scratch / "made", make_segment(segment(number), number));
      ASSERT_OK(Store(archive()).put(scratch / "made", segment(number)));
    }
    write_lineage();
  }
  void expect_served(const Outcome& ran, unsigned number) const {
    EXPECT_EQ(ran.exit_status, 0) << ran.err;
    EXPECT_EQ(ran.out + ran.err, "");
    EXPECT_TRUE(text_of(target()) == make_segment(segment(number), number)) << number;
  }
  void expect_aborts(const Outcome& ran, std::string_view why) const {
    EXPECT_GE(ran.exit_status, 126);
    EXPECT_NE(ran.err.find(why), std::string::npos) << ran.err;
    EXPECT_FALSE(path_exists(target()));
  }
  fs::path ready(unsigned number) const {
    const auto files = list_directory(scratch / "recovery/prefetch");
    if (!files) return {};
    for (const std::string& file : *files) {
      if (file.starts_with(segment(number))) return scratch / "recovery/prefetch" / file;
    }
    return {};
  }
  bool anybody_works() const {
    const auto processes = list_directory("/proc").value();
    for (const std::string& pid : processes) {
      const auto words = read_file(fs::path("/proc") / pid / "cmdline");
      if (words && words->find(lineage_file().string()) != std::string::npos) return true;
    }
    return false;
  }
  bool becomes_ready(unsigned number) const {
    return wait_until([&] { return !ready(number).empty(); });
  }

  Scratch scratch;
};

TEST_F(WalCommands, PushSaysNothingWhenItIsDone) {
  put(own(1), make_segment(segment(1)));
  for (int i = 0; i < 2; ++i) {
    const Outcome ran = push(1);
    EXPECT_EQ(ran.exit_status, 0);
    EXPECT_EQ(ran.out + ran.err, "");
    EXPECT_EQ(archived(), std::vector{segment(1) + ".zst"});
  }
  ASSERT_OK(Store(archive()).get(segment(1), target()));
  EXPECT_TRUE(text_of(target()) == make_segment(segment(1)));
}

TEST_F(WalCommands, PushNamesBothWhenAnotherIsThere) {
  put(own(1), make_segment(segment(1), 2));
  EXPECT_EQ(push(1).exit_status, 0);
  put(own(1), make_segment(segment(1), 3));
  const Outcome ran = push(1);
  EXPECT_EQ(ran.exit_status, 1);
  EXPECT_NE(ran.err.find((archive() / (segment(1) + ".zst")).string()), std::string::npos)
      << ran.err;
  EXPECT_NE(ran.err.find("pg_wal/" + segment(1)), std::string::npos) << ran.err;
}

TEST_F(WalCommands, PushFailsWithoutItsDirectoryItsFileOrItsWords) {
  EXPECT_EQ(push(1).exit_status, 1);
  put(own(1), make_segment(segment(1)));
  const fs::path directory = archive();
  fs::remove(directory);
  const Outcome ran = push(1);
  EXPECT_EQ(ran.exit_status, 1);
  EXPECT_NE(ran.err.find("is gone"), std::string::npos) << ran.err;
  EXPECT_FALSE(path_exists(directory)) << "whoever removed it meant that";
  fs::create_directory(directory);
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"wal", "push"},
        {"wal", "push", directory.string(), own(1).string(), segment(1)},
        {"wal", "push", "--archive", directory.string(), own(1).string(), segment(1), "more"},
        {"wal", "push", "--archive", directory.string(), own(1).string(), "../" + segment(1)}}) {
    EXPECT_EQ(run(words).exit_status, 1);
  }
  EXPECT_EQ(archived(), std::vector<std::string>{});
}

TEST_F(WalCommands, PushThatDiesOrFailsAnywhereLeavesItWholeOrNotAtAll) {
  put(own(1), make_segment(segment(1)));
  for (const std::string action : {"kill", "error"}) {
    for (const std::string point : {"begun", "compressed", "synced", "named"}) {
      const std::string fault = fmt::format("wal.push/{}={}", point, action);
      SCOPED_TRACE(fault);
      const Outcome hurt = push(1, fault);
      EXPECT_EQ(hurt.exit_status, action == "kill" ? 128 + SIGKILL : 1);
      const bool is_there = Store(archive()).locate(segment(1)).value().has_value();
      EXPECT_EQ(is_there, point == "named");
      EXPECT_EQ(push(1).exit_status, 0);
      EXPECT_EQ(archived(), std::vector{segment(1) + ".zst"});
      ASSERT_OK(Store(archive()).get(segment(1), target()));
      EXPECT_TRUE(text_of(target()) == make_segment(segment(1)));
      ASSERT_OK(Store(archive()).remove(segment(1)));
    }
  }
}

TEST_F(WalCommands, FetchServesWhatThereIs) {
  fill(3);
  put(scratch / "made", "1\t0/1\tno reason\n");
  ASSERT_OK(Store(archive()).put(scratch / "made", "00000002.history"));
  expect_served(fetch(3), 3);
  EXPECT_EQ(fetch("00000002.history").exit_status, 0);
  EXPECT_EQ(text_of(target()), "1\t0/1\tno reason\n");
}

TEST_F(WalCommands, FetchSaysNotInTheArchiveOnlyOfThat) {
  fill(2);
  for (const std::string& name : {segment(3), std::string("00000002.history")}) {
    const Outcome ran = fetch(name);
    EXPECT_EQ(ran.exit_status, 1);
    EXPECT_EQ(ran.out + ran.err, "");
    EXPECT_FALSE(path_exists(target()));
  }
  write_lineage(3 * small_segment - 1);
  EXPECT_EQ(fetch(2).exit_status, 1) << "behind the fork";
  write_lineage(3 * small_segment);
  EXPECT_EQ(fetch(2).exit_status, 0);
}

TEST_F(WalCommands, FetchAbortsOnDamageAndNamesIt) {
  fill(2);
  const fs::path file = archive() / (segment(2) + ".zst");
  std::string damaged = text_of(file);
  damaged[damaged.size() / 2] ^= 0x10;
  put(file, damaged);
  expect_aborts(fetch(2), file.string());
  put(file, damaged.substr(0, 100));
  expect_aborts(fetch(2), file.string());
  fs::remove(file);
  put(archive() / segment(2), make_segment(segment(1)));
  expect_aborts(fetch(2), (archive() / segment(2)).string());
}

TEST_F(WalCommands, FetchAbortsWhenItCannotKnow) {
  fill(1);
  const fs::path away = scratch / "away";
  fs::rename(archive(), away);
  expect_aborts(fetch(1), "is gone");
  fs::rename(away, archive());
  fs::rename(lineage_file(), away);
  expect_aborts(fetch(1), lineage_file().string());
  put(lineage_file(), "velo lineage 1\nsegment_size 1048576\narchive - " + archive().string());
  expect_aborts(fetch(1), "no lineage");
  fs::rename(away, lineage_file());
  expect_aborts(fetch("RECOVERYHISTORY"), "not the name of a WAL file");
  expect_aborts(run({"wal", "fetch", "--lineage", lineage_file().string(), segment(1),
                     "nowhere/RECOVERYXLOG"}),
                "nowhere");
  expect_aborts(run({"wal", "fetch"}), "usage");
  // A file in the place of the archive.
  fs::rename(archive(), away);
  put(archive(), "");
  expect_aborts(fetch(1), archive().string());
  fs::remove(archive());
  fs::rename(away, archive());
#ifndef __SANITIZE_ADDRESS__  // whose runtime needs descriptors of its own to look at an object
  const Cancellation never;
  const Outcome ran =
      velo::run({.argv = {"/bin/sh", "-c",
                          fmt::format("ulimit -n 4; exec '{}/velo' wal fetch --lineage '{}' {} {}",
                                      VELO_BINARY_DIR, lineage_file().string(), segment(1),
                                      target().string())},
                 .environment = {},
                 .user = {},
                 .directory = pgdata(),
                 .input = {}},
                60s, never)
          .value();
  expect_aborts(ran, "Too many open files");
#endif
  expect_served(fetch(1), 1);
}

TEST_F(WalCommands, FetchHasTheNextOnesReady) {
  fill(8);
  expect_served(fetch(1), 1);
  for (const unsigned number : {2U, 3U, 4U, 5U}) EXPECT_TRUE(becomes_ready(number)) << number;
  EXPECT_TRUE(ready(6).empty());
  struct stat made{};
  struct stat served{};
  ASSERT_EQ(::stat(ready(2).c_str(), &made), 0);
  expect_served(fetch(2), 2);
  ASSERT_EQ(::stat(target().c_str(), &served), 0);
  EXPECT_EQ(made.st_ino, served.st_ino) << "it was moved, not made again";
  EXPECT_TRUE(becomes_ready(6));
}

TEST_F(WalCommands, FetchForgetsWhatItHadReadyWhenTheArchiveChanged) {
  fill(3);
  expect_served(fetch(1), 1);
  ASSERT_TRUE(becomes_ready(2) && becomes_ready(3));
  ASSERT_OK(Store(archive()).remove(segment(2)));
  EXPECT_EQ(fetch(2).exit_status, 1);
  put(archive() / (segment(3) + ".zst"), "damaged");
  fs::remove(target());
  expect_aborts(fetch(3), segment(3));
}

TEST_F(WalCommands, FetchCountsWhatItServed) {
  fill(3);
  for (const unsigned number : {1U, 2U, 3U}) expect_served(fetch(number), number);
  EXPECT_EQ(fetch(4).exit_status, 1);
  const auto progress = archive::read_progress(lineage_file()).value();
  EXPECT_EQ(progress.segment, segment(3));
  EXPECT_EQ(progress.segments, 3U);
  EXPECT_EQ(progress.bytes, 3 * small_segment);
}

TEST_F(WalCommands, AWholeRecoveryIsServedInOrderHoweverFastItAsks) {
  constexpr unsigned count = 24;
  fill(count);
  for (unsigned number = 1; number <= count; ++number) expect_served(fetch(number), number);
  EXPECT_EQ(fetch(count + 1).exit_status, 1);
}

/// What stands in fences of this kind, one after the other.
std::vector<std::string> fenced(const std::string& page, const std::string& kind) {
  const std::string begin = "```" + kind + "\n";
  std::vector<std::string> blocks;
  for (std::size_t at = page.find(begin); at != page.npos; at = page.find(begin, at)) {
    at += begin.size();
    const std::size_t end = page.find("```\n", at);
    blocks.push_back(page.substr(at, end - at));
    at = end + 4;
  }
  return blocks;
}

TEST_F(WalCommands, ThePageAboutThemIsRight) {
  const std::string page = text_of(fs::path(VELO_SOURCE_DIR) / "docs/wal.md");
  // The machine of the page, in a directory of the test's.
  const std::string archived_at = "/var/lib/velo/wal-archive/3f2c";
  const auto here = [&](std::string text) {
    for (const std::string root : {"/var/lib/velo/", "/pool/velo/"}) {
      for (std::size_t at = text.find(root); at != text.npos;
           at = text.find(root, at + scratch.path().string().size() + root.size())) {
        text.insert(at, scratch.path().string());
      }
    }
    return text;
  };
  const auto lineages = fenced(page, "text");
  ASSERT_EQ(lineages.size(), 1U);
  const std::string lineage = here(lineages.front());
  const archive::Lineage parsed = archive::parse_lineage(lineage).value();
  for (const auto& source : parsed.sources) fs::create_directories(source.directory);
  put(scratch.path().string() + "/pool/velo/demo-dev/fs/recovery/lineage", lineage);
  const std::string name = "000000010000000000000002";
  const std::string content = make_segment(name, 1, postgres::default_segment_size);
  put(pgdata() / "pg_wal" / name, content);

  const auto examples = fenced(page, "console");
  ASSERT_EQ(examples.size(), 2U);
  for (const std::string& example : examples) {
    const std::string line = here(example);
    ASSERT_TRUE(line.starts_with("$ velo ")) << line;
    std::vector<std::string> words;
    const auto split_line = split(trim(std::string_view(line).substr(7)), ' ');
    for (const std::string_view word : split_line) words.emplace_back(word);
    const Outcome ran = run(words);
    EXPECT_EQ(ran.exit_status, 0) << ran.err;
  }
  EXPECT_TRUE(path_exists(scratch.path().string() + archived_at + "/" + name + ".zst"));
  EXPECT_TRUE(text_of(target()) == content);
}

}  // namespace
}  // namespace velo::test
