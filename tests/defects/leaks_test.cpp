// Defects 16 to 21: leaks, and smaller things.
#include <algorithm>
#include <fstream>
#include <set>

#include "defects.h"
#include "support/sockets.h"

namespace velo::test {
namespace {

TEST_P(Defect, Number16CreatesAndResetsLeaveNoSnapshots) {
  velo->ok("config set grace 0");
  velo->create_project("demo");
  const auto before = velo->volume_names();
  const std::vector<std::string> snapshots = velo->json("snapshot list").texts("/snapshots", "id");
  velo->ok("branch create demo/dev");
  for (int i = 0; i < 3; ++i) velo->ok("branch reset demo/dev --force");
  EXPECT_EQ(velo->volume_names().size(), before.size() + 1);
  EXPECT_EQ(velo->json("snapshot list").texts("/snapshots", "id"), snapshots);
  velo->ok("branch delete demo/dev");
  EXPECT_EQ(velo->volume_names(), before);
}

TEST_P(Defect, Number17SnapshotsGoWithTheirProject) {
  make_project();
  const std::string old =
      velo->json("snapshot create demo/main --label early").text("/snapshot/id");
  velo->ok("project delete demo --force");
  make_project();
  velo->sql("demo/main").execute("UPDATE t SET i = 7");
  for (const std::string& snapshot : velo->json("snapshot list").texts("/snapshots", "id")) {
    EXPECT_NE(snapshot, old);
  }
  velo->fails(3, "branch create demo/early --snapshot early");
  velo->ok("branch create demo/then --pitr now");
  EXPECT_EQ(rows("demo/then"), "7");
}

TEST_P(Defect, Number18TheShortIdThatAListShowsIsTaken) {
  make_project();
  const std::string whole = velo->json("snapshot create demo/main").text("/snapshot/id");
  const Json list = velo->json("snapshot list demo/main");
  const std::vector<std::string> ids = list.texts("/snapshots", "id");
  const auto mine = std::ranges::find(ids, whole) - ids.begin();
  const std::string id = list.text("/snapshots/" + std::to_string(mine) + "/short_id");
  EXPECT_NE(velo->ok("snapshot list demo/main").out.find(id), std::string::npos);
  velo->ok("branch create demo/then --snapshot " + id);
  EXPECT_EQ(rows("demo/then"), "1");
  velo->ok("snapshot delete " + id);
  velo->fails(3, "snapshot get " + id);
}

TEST_P(Defect, Number19ARecoveryKeepsWhatAlterSystemSet) {
  make_project();
  velo->sql("demo/main").execute("ALTER SYSTEM SET work_mem = '7MB'");
  velo->ok("snapshot create demo/main");
  add("demo/main", 2);
  velo->ok("branch create demo/then --pitr " + to_rfc3339(moment_between()));
  velo->ok("branch restart demo/then");
  EXPECT_EQ(rows("demo/then"), "1,2");
  EXPECT_EQ(velo->value("demo/then", "SHOW work_mem"), "7MB");
  EXPECT_EQ(velo->value("demo/then", "SHOW recovery_target_time"), "");
}

TEST_P(Defect, Number20NobodyElseComesInAndNothingIsStoredInTheClear) {
  make_project();
  velo->ok("branch create demo/dev");
  std::vector<std::string> passwords;
  for (const char* branch : {"demo/main", "demo/dev"}) {
    EXPECT_EQ(listening_addresses(velo->port(branch)), (std::set<std::string>{"0100007F"}));
    passwords.push_back(
        velo->json("branch password " + std::string(branch)).text("/connection/password"));
  }
  EXPECT_NE(passwords[0], passwords[1]);
  std::string url = velo->url("demo/dev");
  url.replace(url.find(passwords[1]), passwords[1].size(), passwords[0]);
  EXPECT_FALSE(Sql(url).connected()) << "the parent's password works";

  const fs::path state = velo->home() / "private/state.db";
  EXPECT_EQ(fs::status(state).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(fs::status(state.parent_path()).permissions(), fs::perms::owner_all);
  std::string told;
  for (const char* file : {"state.db", "state.db-wal"}) {
    std::ifstream stream(state.parent_path() / file, std::ios::binary);
    told.append(std::istreambuf_iterator<char>(stream), {});
  }
  if (in_containers()) told += run_docker({"inspect", container_of("demo/dev")});
  for (const std::string& password : passwords) {
    EXPECT_EQ(told.find(password), std::string::npos);
  }
}

TEST_P(Defect, Number21AliasesExist) {
  velo->ok("proj ls");
  for (const std::string& word : std::vector<std::string>{"create", "delete"}) {
    velo->ok("project " + word + " --help");
  }
  std::vector<std::string> create = velo->project_words("demo");
  create[0] = "proj";
  velo->ok(create);
  for (const char* line :
       {"br create demo/dev", "br ls", "br ls demo", "branch ls", "br get demo/dev",
        "br pass demo/dev", "branch pass demo/dev", "br reset demo/dev --force", "br stop demo/dev",
        "br start demo/dev", "br restart demo/dev", "br url demo/dev", "ls", "br rm demo/dev",
        "br undelete demo/dev", "branch rm demo/dev --force", "project ls", "proj get demo",
        "proj rm demo --force"}) {
    velo->ok(line);
  }
}

TEST_P(Defect, Number21StorageErrorsSayWhatHappened) {
  velo->create_project("demo");
  // The volumes' directory moved away, as a person's slip of the hand would leave it; on ZFS, where
  // they hold it in place, a quota that leaves no room.
  const bool on_zfs = velo->place().is_dataset();
  const std::string base = velo->pool().string() + "/velo/databases";
  if (on_zfs) {
    run_tool({"/usr/sbin/zpool", "sync"});  // "used" comes late
    const std::string used = run_zfs({"get", "-H", "-p", "-o", "value", "used", base});
    run_zfs({"set", "quota=" + std::to_string(std::stoll(used) + (16 << 20)), base});
    velo->ok("config set guard 50%");
  } else {
    fs::rename(velo->volumes(), velo->pool() / "elsewhere");
  }
  const Ran ran = velo->run("branch create demo/dev");
  if (on_zfs) {
    run_zfs({"set", "quota=none", base});
    velo->ok("config unset guard");
  } else {
    fs::rename(velo->pool() / "elsewhere", velo->volumes());
  }
  EXPECT_EQ(ran.exit_status, 1) << ran.all();
  EXPECT_NE(ran.err.find(velo->pool().string()), std::string::npos) << ran.all();
  velo->ok("branch create demo/dev");
}

}  // namespace
}  // namespace velo::test
