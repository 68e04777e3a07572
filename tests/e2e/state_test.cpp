// `velo state` and what doctor --fix does where the catalog is lost: whatever becomes of state.db,
// servers go on, and projects, branches, ports, passwords, snapshots and archives are there again.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/files.h"
#include "doctor_fixture.h"

namespace velo::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

/// Those that came by themselves since.
void remove_backups_after(const Velo& velo, const std::string& file) {
  for (const std::string& other : velo.json("state backups").texts("/backups", "file")) {
    if (fs::path(other).filename() > fs::path(file).filename()) fs::remove(other);
  }
}

/// demo/main with x = 1, demo/dev below it with x = 2, demo/off below that, never started, and a
/// snapshot of demo/main; the catalog in a backup, or in none.
class State : public PlacesTest {
 protected:
  void SetUp() override {
    PlacesTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    velo->create_project("demo");
    velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
    velo->ok("branch create demo/dev --pg-conf work_mem=7MB");
    velo->sql("demo/dev").execute("UPDATE t SET x = 2");
    velo->ok("branch create demo/off --parent demo/dev --no-start");
    velo->ok("snapshot create demo/main --label before");
    velo->sql("demo/main").execute("UPDATE t SET x = 3");
  }

  fs::path database() const { return velo->home() / "private/state.db"; }
  fs::path backups() const { return velo->home() / "private/backups"; }

  void lose() const {
    for (const char* more : {"", "-wal", "-shm", ".tally"}) fs::remove(database().string() + more);
  }
  void lose_backups_too() const {
    lose();
    fs::remove_all(backups());
  }

  /// What people and their programs know of a branch.
  std::vector<std::string> known_of(const std::string& branch) const {
    const Json of = velo->json("branch get " + branch);
    return {velo->url(branch), of.text("/branch/state"),
            of.is_null("/branch/parent") ? "" : of.text("/branch/parent"),
            of.text("/branch/pg_version")};
  }
  std::vector<std::vector<std::string>> known() const {
    std::vector<std::vector<std::string>> all;
    for (const char* branch : {"demo/main", "demo/dev", "demo/off"}) {
      all.push_back(known_of(branch));
    }
    return all;
  }
  std::vector<std::string> snapshots() const {
    auto ids = velo->json("snapshot list").texts("/snapshots", "id");
    std::ranges::sort(ids);
    return ids;
  }

  void expect_all_usable() const {
    EXPECT_EQ(velo->value("demo/main", "SELECT x FROM t"), "3");
    EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "2");
    EXPECT_EQ(velo->value("demo/dev", "SHOW work_mem"), "7MB");
    velo->ok("branch start demo/off");
    EXPECT_EQ(velo->value("demo/off", "SELECT x FROM t"), "2");
    velo->ok("branch create demo/then --snapshot demo/main@before");
    EXPECT_EQ(velo->value("demo/then", "SELECT x FROM t"), "1");
    velo->ok("branch reset demo/dev --force");
    EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "3");
    velo->ok("branch create demo/past --parent demo/main --pitr now");
    EXPECT_EQ(velo->value("demo/past", "SELECT x FROM t"), "3");
    velo->ok("project delete demo --force --now");
    EXPECT_THAT(velo->place().volume_names(), IsEmpty());
  }
};

TEST_P(State, AllOfItComesBackFromTheVolumesMarks) {
  const auto before = known();
  const auto snapshots_before = snapshots();
  const int pid = velo->pid("demo/main");
  lose_backups_too();
  EXPECT_THAT(velo->fails(1, "status").err, HasSubstr("velo state restore"));
  const Examination found = doctor(*velo);
  EXPECT_EQ(found.line("state.catalog").level, "error");
  EXPECT_TRUE(found.line("state.catalog").fixable);
  EXPECT_FALSE(fs::exists(database()));

  const Json dry = velo->json("state rebuild --dry-run");
  EXPECT_TRUE(dry.truth("/dry_run"));
  EXPECT_THAT(dry.texts("/adopted", "name"), Contains("demo/dev"));
  EXPECT_FALSE(fs::exists(database()));

  const Examination fixed = doctor(*velo, {"--fix"});
  EXPECT_THAT(fixed.not_repaired, IsEmpty()) << fixed.ran.all();
  EXPECT_THAT(fixed.troubles(), IsEmpty()) << fixed.ran.all();
  EXPECT_EQ(known(), before);
  EXPECT_EQ(snapshots(), snapshots_before);
  EXPECT_EQ(velo->pid("demo/main"), pid) << "a server was touched";
  expect_all_usable();
}

TEST_P(State, ABackupIsRestoredAndWhatCameLaterIsAdopted) {
  const std::string backup = velo->json("state backup").text("/file");
  velo->ok("branch create demo/later");
  velo->sql("demo/later").execute("UPDATE t SET x = 4");
  velo->ok("branch reset demo/dev --force");
  velo->sql("demo/dev").execute("UPDATE t SET x = 5");
  velo->ok("snapshot create demo/later --label new");
  const auto before = known();
  const auto snapshots_before = snapshots();
  const std::string later = velo->url("demo/later");
  remove_backups_after(*velo, backup);
  overwrite(database(), std::string(8192, 'x'));
  overwrite(database().string() + "-wal", "");  // else all of it would be in there
  EXPECT_THAT(velo->fails(1, "branch create demo/more").err, HasSubstr("velo state restore"));

  const Json done = velo->json("state restore");
  EXPECT_EQ(text_of(fs::path(done.text("/replaced_in")) / "state.db"), std::string(8192, 'x'));
  EXPECT_THAT(done.texts("/missing"), IsEmpty());
  EXPECT_EQ(velo->url("demo/later"), later);
  EXPECT_EQ(velo->value("demo/later", "SELECT x FROM t"), "4");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "5");
  EXPECT_EQ(known(), before);
  const auto now_there = snapshots();
  for (const std::string& id : snapshots_before) EXPECT_THAT(now_there, Contains(id));
  EXPECT_THAT(doctor(*velo).troubles(), IsEmpty());
  velo->ok("project delete demo --force --now");
  EXPECT_THAT(velo->place().volume_names(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Places, State,
    testing::Values(Where{.driver = "btrfs", .major = 0}, Where{.driver = "reflink", .major = 17},
                    Where{.driver = "copy", .major = 14}, Where{.driver = "zfs", .major = 0},
                    Where{.driver = "btrfs", .major = 17, .runtime = "docker"}),
    param_name);

class StateCommands : public DoctorTest {
 protected:
  fs::path database() const { return velo->home() / "private/state.db"; }
  std::string newest_backup() const { return velo->json("state backups").text("/backups/0/file"); }
  void damage() const {
    overwrite(database(), std::string(8192, 'x'));
    overwrite(database().string() + "-wal", "");
  }
};

TEST_F(StateCommands, BackupsAreMadeByThemselves) {
  const Json made = velo->json("state backups");
  ASSERT_GE(made.size("/backups"), 1U);
  EXPECT_TRUE(made.is_null("/backups/0/damage"));
  EXPECT_EQ(mode_of(newest_backup()), 0600U);
  EXPECT_EQ(mode_of(velo->home() / "private/backups"), 0700U);
}

TEST_F(StateCommands, EveryDamageIsToldAndRestored) {
  const fs::path good = newest_backup();
  velo->ok("state backup");
  const std::string whole = text_of(database());
  const auto expect_back = [&](const std::string& what) {
    SCOPED_TRACE(what);
    for (const char* line : {"status", "branch create demo/more", "branch list"}) {
      const Ran ran = velo->fails(1, line);
      EXPECT_THAT(ran.err, HasSubstr("velo state restore"));
    }
    EXPECT_EQ(doctor(*velo).line("state.catalog").level, "error");
    velo->ok("state restore");
    expect_well();
    expect_the_rest_untouched();
  };
  overwrite(database(), "");
  expect_back("zero length");
  fs::resize_file(database(), 6000);
  fs::resize_file(database().string() + "-wal", 0);
  expect_back("truncated");
  overwrite(database(), std::string(8192, 'x'));
  expect_back("overwritten");
  fs::remove(database());
  expect_back("deleted");
  velo->ok("config set guard 3");
  fs::resize_file(database().string() + "-wal", fs::file_size(database().string() + "-wal") - 4200);
  expect_back("log cut off");
}

TEST_F(StateCommands, ADamagedBackupIsPassedOver) {
  const std::string good = newest_backup();
  velo->ok("config set guard 3");
  velo->ok("state backup");
  const std::string bad = newest_backup();
  ASSERT_NE(good, bad);
  overwrite(bad, std::string(8192, 'y'));
  damage();
  const Json done = velo->json("state restore");
  EXPECT_EQ(done.text("/source"), "the backup " + good);
  EXPECT_THAT(done.texts("/notes"), Contains(HasSubstr(bad)));
  EXPECT_THAT(velo->fails(1, "state restore --from " + bad).err, HasSubstr("cannot be restored"));
  expect_well();
}

TEST_F(StateCommands, ADryRunChangesNothing) {
  damage();
  const std::string before = text_of(database());
  const Json would = velo->json("state restore --dry-run");
  EXPECT_TRUE(would.is_null("/replaced_in"));
  EXPECT_EQ(text_of(database()), before);
  for (const auto& entry : fs::directory_iterator(velo->home() / "private")) {
    EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("candidate")));
  }
  velo->ok("state restore");
  expect_well();
}

TEST_F(StateCommands, AnEarlierOperationThatHasEndedIsNotUndone) {
  // A backup of the moment in which a branch was being made.
  velo->use_binary("velo-faults");
  const fs::path gate = velo->home() / "gate";
  overwrite(gate, "");
  velo->set("VELO_FAULT_GATE=" + gate.string());
  velo->set("VELO_FAULT=branch.create/commit=wait");
  auto creating = velo->start("branch create demo/new");
  ASSERT_TRUE(wait_until(
      [&] { return velo->run("operations --json").out.find("\"running\"") != std::string::npos; }));
  ASSERT_TRUE(wait_until([&] { return fs::exists(velo->volumes() / "demo-new"); }));
  ASSERT_TRUE(wait_until([&] { return !servers_below(velo->volumes() / "demo-new").empty(); }));
  const std::string during = velo->json("state backup").text("/file");
  fs::remove(gate);
  ASSERT_EQ(creating.get().exit_status, 0);
  velo->use_binary("velo");
  const std::string url = velo->url("demo/new");
  remove_backups_after(*velo, during);
  damage();
  velo->ok("state restore --from " + during);
  velo->ok("branch create demo/next");  // mends what was interrupted
  EXPECT_EQ(velo->url("demo/new"), url);
  EXPECT_EQ(velo->value("demo/new", "SELECT x FROM t"), "1");
  expect_well();
}

TEST_F(StateCommands, WhatWasBroughtBackIsNotDeletedAgain) {
  velo->ok("branch delete demo/dev");
  velo->ok("state backup");
  const std::string then = newest_backup();
  velo->ok("branch undelete demo/dev");
  remove_backups_after(*velo, then);
  damage();
  const Json done = velo->json("state restore");
  EXPECT_THAT(done.texts("/adopted", "name"), Contains("demo/dev"));
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
  expect_well();
}

TEST_F(StateCommands, HalfMadeVolumesAreNamedAndLeft) {
  velo->use_binary("velo-faults");
  EXPECT_EQ(velo->run(words("branch create demo/half"), {"VELO_FAULT=branch.create/prepare=kill"})
                .exit_status,
            137);
  velo->use_binary("velo");
  for (const char* more : {"", "-wal", "-shm", ".tally"}) fs::remove(database().string() + more);
  fs::remove_all(velo->home() / "private/backups");
  const Json done = velo->json("state rebuild");
  EXPECT_THAT(done.texts("/left", "volume"), testing::ElementsAre("demo-half"));
  EXPECT_TRUE(fs::exists(velo->volumes() / "demo-half"));
  EXPECT_EQ(velo->run("branch get demo/half").exit_status, 3);
  EXPECT_EQ(velo->pid("demo/main"), main_pid);
  fs::remove_all(velo->volumes() / "demo-half");
}

TEST_F(StateCommands, TheWayToTheVolumesIsFoundByMarksAlone) {
  const std::string url = velo->url("demo/dev");
  for (const char* more : {"", "-wal", "-shm", ".tally"}) fs::remove(database().string() + more);
  fs::remove_all(velo->home() / "private/backups");
  fs::remove(velo->home() / "private/places.json");
  EXPECT_THAT(velo->fails(3, "state rebuild").err, HasSubstr("--pool"));
  velo->ok("state rebuild --pool " + velo->pool().string());
  EXPECT_EQ(velo->url("demo/dev"), url);
  expect_well();
}

TEST_F(StateCommands, WithoutTheKeyPasswordsAreSetAnew) {
  const std::string old = velo->url("demo/dev");
  velo->ok("branch stop demo/main");
  fs::remove(velo->home() / "private/key");
  for (const char* more : {"", "-wal", "-shm", ".tally"}) fs::remove(database().string() + more);
  fs::remove_all(velo->home() / "private/backups");
  const Json done = velo->json("state rebuild");
  EXPECT_THAT(done.texts("/notes"), Contains(HasSubstr("demo/dev has a new password")));
  EXPECT_THAT(done.texts("/notes"), Contains(HasSubstr("demo/main has its old password")));
  EXPECT_NE(velo->url("demo/dev"), old);
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
  EXPECT_FALSE(Sql(old).connected());
  velo->ok("branch start demo/main");
  velo->ok("state rebuild");
  EXPECT_EQ(velo->value("demo/main", "SELECT x FROM t"), "1");
}

TEST_F(StateCommands, ExportAndImportAreARoundTrip) {
  velo->ok("snapshot create demo/main --label kept");
  velo->ok("snapshot schedule demo/main --every 1h");
  velo->ok("config set guard 4");
  const fs::path file = velo->home() / "state.json";
  velo->ok("state export --file " + file.string());
  EXPECT_EQ(mode_of(file), 0600U);
  const std::string exported = text_of(file);
  const std::string url = velo->url("demo/main");
  EXPECT_THAT(exported, Not(HasSubstr(url.substr(url.find(':', 13) + 1, 32)))) << "a password";
  EXPECT_EQ(Json::parse(velo->ok("state export --json").out).number("/velo_state"), 1);

  damage();
  const Json dry = velo->json("state import --dry-run " + file.string());
  EXPECT_THAT(dry.texts("/notes"), IsEmpty());
  velo->ok("state import " + file.string());
  EXPECT_EQ(velo->url("demo/main"), url);
  EXPECT_EQ(velo->json("config get guard").text("/config/value"), "4");
  EXPECT_EQ(velo->json("snapshot get demo/main@kept").text("/snapshot/label"), "kept");
  const auto without_time = [](std::string text) {
    const auto at = text.find("\"exported_at\"");
    return text.erase(at, text.find('\n', at) - at);
  };
  EXPECT_EQ(without_time(velo->ok("state export").out), without_time(exported));
  expect_well();

  Velo other;
  other.create_project("mine");
  EXPECT_THAT(other.fails(2, "state import " + file.string()).err, HasSubstr("another home"));
}

TEST_F(StateCommands, ANewerSchemaIsRefusedAndSaysWhichIsNeeded) {
  const std::string document = velo->ok("state export").out;
  {
    SQLite::Database state(database().string(), SQLite::OPEN_READWRITE);
    state.exec("PRAGMA user_version = 99");
  }
  for (const char* line : {"status", "branch create demo/more"}) {
    const Ran ran = velo->fails(1, line);
    EXPECT_THAT(ran.err, HasSubstr("has schema version 99, and this velo"));
    EXPECT_THAT(ran.err, HasSubstr("use the newer velo"));
  }
  EXPECT_EQ(doctor(*velo).line("state.schema").level, "error");
  {
    SQLite::Database state(database().string(), SQLite::OPEN_READWRITE);
    state.exec(
        fmt::format("PRAGMA user_version = {}", Json::parse(document).number("/schema_version")));
  }
  expect_well();
}

TEST_F(StateCommands, AKilledRestoreIsDoneOrUndoneByTheNextCommand) {
  const std::string url = velo->url("demo/dev");
  velo->ok("state backup");
  velo->use_binary("velo-faults");
  const fs::path trace = velo->home() / "trace";
  damage();
  ASSERT_EQ(velo->run(words("state restore"), {"VELO_FAULT_TRACE=" + trace.string()}).exit_status,
            0);
  std::vector<std::string> points;
  std::istringstream lines(text_of(trace));
  for (std::string line; std::getline(lines, line);) points.push_back(line);
  ASSERT_GE(points.size(), 7U);
  for (const std::string& point : points) {
    for (const char* action : {"kill", "error"}) {
      SCOPED_TRACE(point + "=" + action);
      damage();
      const Ran ran = velo->run(words("state restore"), {"VELO_FAULT=" + point + "=" + action});
      EXPECT_EQ(ran.exit_status, action == std::string("kill") ? 137 : 1) << ran.all();
      // Decided: any next command carries it out. Not decided: the damage is still told.
      const Ran next = velo->run("branch list");
      if (next.exit_status != 0) {
        EXPECT_THAT(next.err, HasSubstr("velo state restore"));
        velo->ok("state restore");
      }
      EXPECT_EQ(velo->url("demo/dev"), url);
    }
  }
  velo->use_binary("velo");
  expect_well();
  expect_the_rest_untouched();
}

}  // namespace
}  // namespace velo::test
