// Two users of one machine, and two homes of one user, on one pool: neither touches what is the
// other's.
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "base/process.h"
#include "support/doctor.h"
#include "support/velo.h"
#include "support/wait.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;

/// Somebody with a VELO_HOME of their own.
class Person {
 public:
  Person(const Velo& velo, OsUser user, const fs::path& home)
      : velo_(&velo), user_(std::move(user)), home_(home) {
    fs::create_directory(home_);
    if (user_.uid != 0) {
      EXPECT_EQ(::chown(home_.c_str(), user_.uid, user_.gid), 0);
    }
    fs::permissions(home_, user_.uid == 0 ? fs::perms(0711) : fs::perms(0700));
  }

  Ran run(const std::string& line, const std::vector<std::string>& faults = {}) const {
    std::vector<std::string> more = faults;
    more.insert(more.end(), {"HOME=" + home_.string(), "VELO_HOME=" + home_.string()});
    Command command{.argv = {Velo::binary(faults.empty() ? "velo" : "velo-faults").string()},
                    .environment = velo_->environment(more),
                    .user = user_.uid == ::geteuid() ? std::nullopt : std::optional(user_),
                    .input = {}};
    for (std::string& word : words(line)) command.argv.push_back(std::move(word));
    const Cancellation never;
    auto ran = velo::run(command, 3min, never);
    if (!ran) {
      ADD_FAILURE() << line << ": " << ran.error().message;
      return {};
    }
    return {.exit_status = ran->exit_status, .out = ran->out, .err = ran->err, .command = line};
  }
  std::string ok(const std::string& line) const {
    const Ran ran = run(line);
    EXPECT_EQ(ran.exit_status, 0) << user_.name << " in " << home_ << ": " << ran.all();
    return ran.out;
  }
  Json json(const std::string& line) const { return Json::parse(ok(line + " --json")); }
  std::string value(const std::string& branch, const std::string& statement) const {
    std::string url = ok("branch url " + branch);
    while (url.ends_with('\n')) url.pop_back();
    return Sql(url).value(statement);
  }
  std::string creating_project(const std::string& name) const {
    return "project create " + name + " --runtime native --storage " + velo_->where().driver +
           " --pool " + velo_->pool().string();
  }
  void create_project(const std::string& name) const { ok(creating_project(name)); }
  std::string doctor_says() const { return run("doctor --json").out; }

 private:
  const Velo* velo_;
  OsUser user_;
  fs::path home_;
};

class TwoHomes : public PlacesTest {
 protected:
  /// They make the same names at once, work, and the first then deletes all that it has.
  void live_side_by_side(const Person& first, const Person& second) {
    const auto work = [](const Person& person, const std::string& value) {
      person.create_project("demo");
      person.value("demo/main", "CREATE TABLE t AS SELECT " + value + " AS x");
      person.ok("branch create demo/dev");
      person.ok("branch create demo/off");
      person.ok("branch stop demo/off");
      person.ok("branch reset demo/dev --force");
    };
    auto other = std::async(std::launch::async, work, std::cref(second), "2");
    work(first, "1");
    other.get();
    EXPECT_EQ(first.value("demo/dev", "SELECT x FROM t"), "1");
    EXPECT_EQ(second.value("demo/dev", "SELECT x FROM t"), "2");
    for (const Person* person : {&first, &second}) {
      const std::string report = person->doctor_says();
      EXPECT_EQ(report.find("orphan."), std::string::npos) << report;
      EXPECT_EQ(report.find("branch.mark"), std::string::npos) << report;
    }
    std::set<std::int64_t> ports;
    for (const Person* person : {&first, &second}) {
      const Json list = person->json("branch list demo");
      for (std::size_t i = 0; i < list.size("/branches"); ++i) {
        ports.insert(list.number("/branches/" + std::to_string(i) + "/port"));
      }
    }
    EXPECT_EQ(ports.size(), 6U) << "a port was given twice";

    first.ok("config set grace 0");
    first.ok("project delete demo --force");
    EXPECT_EQ(second.value("demo/dev", "SELECT x FROM t"), "2");
    second.ok("branch start demo/off");
    EXPECT_EQ(second.value("demo/off", "SELECT x FROM t"), "2");
    EXPECT_EQ(second.json("status").size("/unfinished_operations"), 0U);
    second.ok("config set grace 0");
    second.ok("project delete demo --force");
    EXPECT_EQ(velo->place().volume_names(), std::vector<std::string>{});
  }
};

TEST_P(TwoHomes, OfOneUserOnOnePoolNeverTouchEachOthersThings) {
  const OsUser me = current_user().value();
  live_side_by_side(Person(*velo, me, velo->home() / "first"),
                    Person(*velo, me, velo->home() / "second"));
}

TEST_P(TwoHomes, OfTwoUsersOnOnePoolNeverTouchEachOthersThings) {
  if (::geteuid() != 0) GTEST_SKIP() << "becoming two users needs root";
  fs::permissions(velo->pool(), fs::perms(01777));
  // The pool's directory is root's and open, as setup makes it.
  fs::create_directory(velo->volumes());
  fs::permissions(velo->volumes(), fs::perms(01777));
  live_side_by_side(Person(*velo, find_user("nobody").value(), velo->home() / "first"),
                    Person(*velo, find_user("games").value(), velo->home() / "second"));
}

/// Homes begin to look for a port at different ones; these two are copies of one, and do not.
TEST_P(TwoHomes, APortThatOneHasChosenIsNotTheOthersBeforeAServerListensThere) {
  const OsUser me = current_user().value();
  const Person first(*velo, me, velo->home() / "first");
  first.ok("config set archive off");
  fs::copy(velo->home() / "first", velo->home() / "second", fs::copy_options::recursive);
  const Person second(*velo, me, velo->home() / "second");
  const fs::path gate = velo->home() / "gate";
  std::ofstream(gate) << "";
  auto waiting = std::async(std::launch::async, [&] {
    return first.run(first.creating_project("one"), {"VELO_FAULT=project.create/volume/done=wait",
                                                     "VELO_FAULT_GATE=" + gate.string()});
  });
  EXPECT_TRUE(wait_until([&] { return fs::exists(velo->volumes() / "one-main"); }));
  second.create_project("two");
  fs::remove(gate);
  const Ran created = waiting.get();
  EXPECT_EQ(created.exit_status, 0) << created.all();
  EXPECT_NE(first.json("branch get one/main").number("/branch/port"),
            second.json("branch get two/main").number("/branch/port"));
  EXPECT_EQ(first.value("one/main", "SELECT 1") + second.value("two/main", "SELECT 2"), "12");
}

/// A mark is what a home believes, not a name: what another home put in the place of one's own
/// volume is not deleted with it.
TEST_P(TwoHomes, AVolumeThatAnotherHomeMadeUnderTheNameOfOnesOwnStays) {
  const OsUser me = current_user().value();
  const Person first(*velo, me, velo->home() / "first");
  const Person second(*velo, me, velo->home() / "second");
  for (const Person* person : {&first, &second}) {
    person->ok("config set grace 0");
    person->ok("config set archive off");  // the base of main's moments would be one volume more
    person->create_project("demo");
  }
  // Each has a volume for demo/main: demo-main and demo-main.2. Somebody exchanges them.
  first.ok("branch stop demo/main");
  second.ok("branch stop demo/main");
  fs::rename(velo->volumes() / "demo-main", velo->volumes() / "away");
  fs::rename(velo->volumes() / "demo-main.2", velo->volumes() / "demo-main");
  first.run("project delete demo --force");
  EXPECT_TRUE(fs::exists(velo->volumes() / "demo-main")) << "that was the other home's";
  fs::rename(velo->volumes() / "demo-main", velo->volumes() / "demo-main.2");
  second.ok("branch start demo/main");
  EXPECT_EQ(second.value("demo/main", "SELECT 1"), "1");
  second.ok("project delete demo --force");
}

/// Nobody made the home before them.
class NewHome : public E2eTest {};

TEST_F(NewHome, ItsFirstCommandsMayAllComeAtOnce) {
  std::vector<std::future<Ran>> running;
  for (int i = 0; i < 12; ++i) {
    running.push_back(velo->start(i % 3 == 0 ? "status" : "config set grace " + std::to_string(i)));
  }
  for (auto& one : running) {
    const Ran ran = one.get();
    EXPECT_EQ(ran.exit_status, 0) << ran.all();
  }
  EXPECT_EQ(doctor(*velo).troubles(), std::vector<std::string>{});
  velo->create_project("demo");
}

INSTANTIATE_TEST_SUITE_P(Places, TwoHomes,
                         testing::Values(Where{.driver = "btrfs"}, Where{.driver = "reflink"},
                                         Where{.driver = "copy"}),
                         param_name);

}  // namespace
}  // namespace velo::test
