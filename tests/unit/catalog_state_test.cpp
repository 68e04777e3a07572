// The catalog as a file: damage that SQLite alone would not notice, backups, another one in its
// place, and the document.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/files.h"
#include "catalog/backup.h"
#include "catalog/catalog.h"
#include "catalog/document.h"
#include "catalog/health.h"
#include "catalog/replace.h"
#include "catalog/seal.h"
#include "support/environment.h"

namespace velo::catalog {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

const std::string project_id = "00000000000000aa";
const std::string branch_id = "00000000000000bb";

class CatalogState : public testing::Test {
 protected:
  void SetUp() override {
    auto catalog = Catalog::open(path);
    ASSERT_TRUE(catalog) << catalog.error().message;
    home_id = catalog->home_id();
    set("grace", "1h");
    set("guard", "7");
  }

  void set(const std::string& key, const std::string& value) const {
    auto catalog = Catalog::open(path);
    ASSERT_TRUE(catalog) << catalog.error().message;
    ASSERT_TRUE(catalog->change([&] { return catalog->set_setting(key, value); }));
  }
  std::string get(const std::string& key) const {
    auto catalog = Catalog::open(path);
    EXPECT_TRUE(catalog) << catalog.error().message;
    return catalog ? catalog->setting(key).value().value_or("") : "";
  }
  void add_a_branch() const {
    auto catalog = Catalog::open(path);
    ASSERT_TRUE(catalog->change([&]() -> Result<void> {
      Project project{.id = project_id,
                      .name = "demo",
                      .driver = "copy",
                      .pool = "/pool",
                      .storage_reason = "because",
                      .runtime = "native",
                      .runtime_reason = "",
                      .pg_major = 17,
                      .os_user = "me",
                      .database = "postgres",
                      .main_branch_id = branch_id,
                      .created_at = now(),
                      .deleted_at = {}};
      TRY(catalog->insert(project));
      Branch branch;
      branch.id = branch_id;
      branch.project_id = project_id;
      branch.name = "main";
      branch.incarnation_id = "00000000000000cc";
      branch.superuser = "postgres";
      branch.settings = {{"work_mem", "8MB"}};
      return catalog->insert(branch);
    }));
  }
  void settle() const {
    SQLite::Database database(path.string(), SQLite::OPEN_READWRITE);
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  /// The same byte as was there.
  static void write_into(const fs::path& file) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    const int first = stream.get();
    stream.seekp(0);
    stream.put(static_cast<char>(first)).flush();
    ASSERT_TRUE(stream) << file;
  }
  Error refused() const {
    auto opened = Catalog::open(path);
    EXPECT_FALSE(opened);
    return opened ? Error{} : opened.error();
  }
  void expect_refused(const std::string& word) const {
    const Error error = refused();
    EXPECT_EQ(error.code, Errc::state) << error.message;
    EXPECT_THAT(error.message, HasSubstr(word));
    EXPECT_THAT(error.hint, HasSubstr("velo state restore"));
    const auto health = examine(path);
    EXPECT_TRUE(!health || !health->damage.empty()) << "doctor would not see it";
  }

  test::TempDirectory directory;
  fs::path path = directory.path() / "state.db";
  fs::path backups = directory.path() / "backups";
  std::string home_id;
};

TEST_F(CatalogState, AnEmptyFileIsNoNewCatalog) {
  settle();
  fs::resize_file(path, 0);
  expect_refused("empty");
  EXPECT_EQ(fs::file_size(path), 0U);
}

TEST_F(CatalogState, AnEmptyFileDoesNotCostItsLog) {
  fs::resize_file(path, 0);
  const auto log = fs::file_size(path.string() + "-wal");
  expect_refused("empty");
  EXPECT_EQ(fs::file_size(path.string() + "-wal"), log);
}

TEST_F(CatalogState, AMissingOneIsNoNewCatalogWhereThereWasOne) {
  fs::remove(path);
  EXPECT_THAT(refused().message, HasSubstr("gone"));
  EXPECT_FALSE(fs::exists(path));
  fs::remove(tally_of(path));
  const auto opened = Catalog::open(path, WhenMissing::refuse);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().hint, HasSubstr("velo state restore"));
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(CatalogState, ATruncatedOneIsRefused) {
  settle();
  for (const std::uintmax_t size : {fs::file_size(path) - 4096, std::uintmax_t{8192 + 100},
                                    std::uintmax_t{4096}, std::uintmax_t{100}}) {
    const std::string whole = read_file(path).value();
    fs::resize_file(path, size);
    EXPECT_EQ(refused().code, Errc::state) << size;
    EXPECT_THAT(refused().hint, HasSubstr("velo state restore")) << size;
    ASSERT_TRUE(write_file(path, whole, 0600));
  }
  EXPECT_EQ(get("guard"), "7");
}

TEST_F(CatalogState, FlippedBitsInPagesAreRefused) {
  add_a_branch();
  settle();
  const std::string whole = read_file(path).value();
  // The header of each b-tree page: its kind, its cells.
  for (std::size_t page = 1; page < whole.size() / 4096; ++page) {
    std::string flipped = whole;
    flipped[page * 4096] = static_cast<char>(flipped[page * 4096] ^ 0x40);
    ASSERT_TRUE(write_file(path, flipped, 0600));
    EXPECT_EQ(refused().code, Errc::state) << page;
  }
  ASSERT_TRUE(write_file(path, whole, 0600));
  EXPECT_EQ(get("guard"), "7");
}

TEST_F(CatalogState, ALogThatWasCutOffOrLostIsNoticed) {
  settle();
  set("grace", "2h");
  set("grace", "3h");
  const fs::path log = path.string() + "-wal";
  const std::string whole = read_file(log).value();
  fs::resize_file(log, whole.size() - 5000);
  expect_refused("lacks its last 1 changes");
  std::string flipped = whole;
  flipped[100] = static_cast<char>(flipped[100] ^ 1);
  ASSERT_TRUE(write_file(log, flipped, 0600));
  expect_refused("lacks its last 2 changes");
  ASSERT_TRUE(write_file(log, whole, 0600));
  EXPECT_EQ(get("grace"), "3h");
}

TEST_F(CatalogState, WhatWasCheckedAndOnlyVeloWroteIntoIsNotCheckedAgain) {
  ASSERT_TRUE(Seal::open(path).holds(60s));
  set("guard", "8");
  EXPECT_TRUE(Seal::open(path).holds(60s)) << "after a change of its own";
  auto catalog = Catalog::open(path);
  ASSERT_TRUE(catalog->set_setting("guard", "9")) << "outside of a transaction";
  EXPECT_TRUE(Seal::open(path).holds(60s));
  EXPECT_FALSE(Seal::open(path).holds(0s)) << "for ever";
}

TEST_F(CatalogState, WhatSomebodyElseWroteIntoIsCheckedAgain) {
  for (const char* more : {"", "-wal"}) {
    const fs::path file = path.string() + more;
    ASSERT_TRUE(Seal::open(path).holds(60s)) << more;
    write_into(file);
    EXPECT_FALSE(Seal::open(path).is_intact()) << more;
    // A change to what may be damaged does not make it whole.
    {
      auto catalog = Catalog::open(path);
      write_into(file);
      ASSERT_TRUE(catalog->change([&] { return catalog->set_setting("guard", "9"); }));
    }
    EXPECT_FALSE(Seal::open(path).is_intact()) << more;
    EXPECT_EQ(get("guard"), "9");
  }
}

TEST_F(CatalogState, AnOlderCopyIsNoticed) {
  settle();
  const std::string older = read_file(path).value();
  set("grace", "2h");
  settle();
  ASSERT_TRUE(write_file(path, older, 0600));
  expect_refused("an older copy");
}

TEST_F(CatalogState, ATallyThatIsBehindOrDamagedIsNoHarm) {
  ASSERT_TRUE(write_file(tally_of(path), "00000000000000000001", 0600));
  EXPECT_EQ(get("guard"), "7");
  ASSERT_TRUE(write_file(tally_of(path), "rubbish", 0600));
  EXPECT_EQ(get("guard"), "7");
}

TEST_F(CatalogState, BackupsAreWholeAndNotTooMany) {
  ASSERT_TRUE(back_up(path, backups, 60s));
  ASSERT_EQ(backups_of(path, backups).size(), 1U);
  ASSERT_TRUE(back_up(path, backups, 0s)) << "nothing was changed since";
  EXPECT_EQ(backups_of(path, backups).size(), 1U);
  set("grace", "2h");
  ASSERT_TRUE(back_up(path, backups, 60s)) << "the last one is young";
  EXPECT_EQ(backups_of(path, backups).size(), 1U);
  ASSERT_TRUE(back_up(path, backups, 0s));
  const auto all = backups_of(path, backups);
  ASSERT_EQ(all.size(), 2U);
  const auto newest = Catalog::open(all.front().path);
  ASSERT_TRUE(newest);
  EXPECT_EQ(examine(all.front().path)->damage, std::vector<std::string>{});
  EXPECT_GT(all.front().made_at, all.back().made_at);
}

TEST_F(CatalogState, ADamagedOneIsNotBackedUp) {
  ASSERT_TRUE(back_up(path, backups, 0s));
  set("grace", "2h");
  settle();
  std::string broken = read_file(path).value();
  broken.replace(2 * 4096, 4096, std::string(4096, '\x55'));
  ASSERT_TRUE(write_file(path, broken, 0600));
  EXPECT_FALSE(back_up(path, backups, 0s));
  EXPECT_EQ(backups_of(path, backups).size(), 1U);
  EXPECT_FALSE(fs::exists(backups / "draft"));
}

TEST(CatalogBackups, TenAndTheLastOfEachDayStay) {
  std::vector<BackupFile> all;
  const Timestamp newest = parse_rfc3339("2025-10-09T12:00:00Z").value();
  for (int hour = 0; hour < 24 * 20; ++hour) {
    all.push_back({fmt::format("{}", hour), newest - std::chrono::hours(hour)});
  }
  const auto useless = superfluous(all);
  EXPECT_EQ(all.size() - useless.size(), 10U + 6U);
  for (const BackupFile& one : useless) EXPECT_LT(one.made_at, newest - 9h);
}

TEST_F(CatalogState, AnotherOneTakesItsPlaceAndTheOldOneStaysBeside) {
  ASSERT_TRUE(back_up(path, backups, 0s));
  set("grace", "2h");
  ASSERT_TRUE(copy_whole(backups_of(path, backups).front().path, candidate_of(path)));
  ASSERT_TRUE(replace(path, directory.path() / "replaced/now"));
  EXPECT_EQ(get("grace"), "1h");
  EXPECT_FALSE(is_replacement_due(path));
  const auto old = Catalog::open(directory.path() / "replaced/now/state.db");
  ASSERT_TRUE(old) << old.error().message;
  EXPECT_EQ(const_cast<Catalog&>(*old).setting("grace").value().value_or(""), "2h");
}

TEST_F(CatalogState, TheDocumentMakesTheSameCatalog) {
  add_a_branch();
  const std::string document = export_document(path, {{"note", "mine"}}).value();
  const DocumentHead head = read_head(document).value();
  EXPECT_EQ(head.home_id, home_id);
  EXPECT_EQ(head.more.at("note"), "mine");
  const fs::path copy = directory.path() / "copy.db";
  const auto imported = import_document(document, copy);
  ASSERT_TRUE(imported) << imported.error().message;
  auto catalog = Catalog::open(copy);
  ASSERT_TRUE(catalog) << catalog.error().message;
  EXPECT_EQ(catalog->home_id(), home_id);
  EXPECT_EQ(catalog->setting("guard").value().value_or(""), "7");
  EXPECT_EQ(catalog->branch(branch_id)->settings.at("work_mem"), "8MB");
}

TEST_F(CatalogState, AnOlderDocumentIsMigrated) {
  add_a_branch();
  const std::string document =
      "{\"velo_state\": 1, \"schema_version\": 1, \"home_id\": \"00000000000000dd\", "
      "\"setting\": [{\"key\": \"grace\", \"value\": \"5h\"}]}";
  const fs::path copy = directory.path() / "copy.db";
  ASSERT_TRUE(import_document(document, copy));
  auto catalog = Catalog::open(copy);
  ASSERT_TRUE(catalog) << catalog.error().message;
  EXPECT_EQ(catalog->setting("grace").value().value_or(""), "5h");
}

TEST_F(CatalogState, WhatIsNoDocumentIsRefused) {
  add_a_branch();
  const std::string good = export_document(path, {}).value();
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  const auto refusal = [&](const std::string& text) {
    const fs::path copy = directory.path() / "copy.db";
    const auto imported = import_document(text, copy);
    fs::remove(copy);
    EXPECT_FALSE(imported) << text;
    return imported ? Error{} : imported.error();
  };
  EXPECT_EQ(refusal("").code, Errc::usage);
  EXPECT_EQ(refusal("[]").code, Errc::usage);
  EXPECT_EQ(refusal("{}").code, Errc::usage);
  EXPECT_EQ(refusal(with("\"velo_state\": 1", "\"velo_state\": \"1\"")).code, Errc::usage);
  EXPECT_EQ(refusal(with("\"velo_state\": 1", "\"velo_state\": 2")).code, Errc::state);
  EXPECT_EQ(refusal(with("\"schema_version\": ", "\"schema_version\": 9")).code, Errc::state);
  EXPECT_EQ(refusal(with(branch_id, "../../../../etc")).code, Errc::usage);
  EXPECT_EQ(refusal(with("\"demo\"", "\"../demo\"")).code, Errc::usage);
  EXPECT_EQ(refusal(with("\"pg_major\"", "\"pg_major) VALUES (1); --\"")).code, Errc::usage);
  EXPECT_EQ(refusal(with("\"pg_major\"", "\"no_such_column\"")).code, Errc::usage);
  EXPECT_EQ(refusal(with("\"pg_major\": 17", "\"pg_major\": \"many\"")).code, Errc::usage);
  EXPECT_EQ(refusal(with("\"pg_major\": 17", "\"pg_major\": [17]")).code, Errc::usage);
  EXPECT_EQ(
      refusal(with("\"project_id\": \"" + project_id, "\"project_id\": \"00000000000000ee")).code,
      Errc::usage);
}

}  // namespace
}  // namespace velo::catalog
