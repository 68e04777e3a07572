// What a person is told when something cannot be done: why, and what to type instead, before
// anything was made.
#include <fstream>

#include "base/files.h"
#include "support/velo.h"

namespace velo::test {
namespace {

class Messages : public E2eTest {
 protected:
  void SetUp() override {
    E2eTest::SetUp();
    if (!velo) return;
    velo->create_project("demo");
    velo->ok("branch create demo/dev --no-start");
  }

  std::vector<std::string> branch_locks() const {
    auto names = list_directory(velo->home() / "private/locks").value();
    std::erase_if(names, [](const std::string& name) { return !name.starts_with("branch-"); });
    return names;
  }
};

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_F(Messages, HintsSayWhatWasMeant) {
  struct Case {
    int exit_status;
    std::string line;
    std::string hint;
  };
  velo->ok("config set archive off");
  velo->create_project("quiet");
  const std::vector<std::string> volumes = velo->volume_names();
  for (const Case& one : {
           Case{4, "branch create demo/main", "example demo/dev"},
           Case{2, "branch create demo/x --parent dev", "--parent demo/dev"},
           Case{2, "branch get dev", "did you mean demo/dev?"},
           Case{2, "project get demo/main", "velo branch get demo/main"},
           Case{2, "psql demo/main -c", "behind --: velo psql … -- -c"},
           Case{3, "branch create quiet/x --pitr now", "velo config set archive on"},
           Case{2, "branch create demo/x --bind 203.0.113.9", "no address 203.0.113.9"},
           Case{2, "project create x --bind 203.0.113.9", "no address 203.0.113.9"},
           Case{2, "project create x --pg-version 12", "from 13 to"},
           Case{2, "project create x --pg-version 99", "from 13 to"},
           Case{2, "project create x --pg-version old", "from 13 to"},
           Case{1, "project create x --pool /etc/passwd", "--pool /srv/velo"},
           Case{1, "project create x --pool /proc", "--pool /srv/velo"},
       }) {
    const Ran ran = velo->fails(one.exit_status, one.line);
    EXPECT_TRUE(holds(ran.err, one.hint)) << ran.all();
    EXPECT_FALSE(holds(ran.err, "Creating")) << ran.all();
    EXPECT_FALSE(holds(ran.err, "velo branch reset")) << ran.all();
  }
  EXPECT_EQ(velo->volume_names(), volumes);
  EXPECT_TRUE(holds(velo->ok("wal info quiet/main").out, "velo config set archive on"));
}

TEST_F(Messages, APortThatTakesRootsRightIsRefusedBeforeAnythingIsCopied) {
  const int first =
      std::stoi(read_file("/proc/sys/net/ipv4/ip_unprivileged_port_start").value_or("1024"));
  if (first <= 80) GTEST_SKIP() << "everybody may listen on port 80 here";
  const std::string lowest = std::to_string(first);
  for (const char* line : {"branch create demo/x --port 80", "project create x --port 80"}) {
    const Ran ran = velo->fails(1, line);
    EXPECT_TRUE(holds(ran.err, "from " + lowest + " on")) << ran.all();
    EXPECT_FALSE(holds(ran.err, "Creating")) << ran.all();
  }
}

TEST_F(Messages, AnImageAsksForContainers) {
  for (const char* how : {"", " --runtime auto"}) {
    const Ran ran = velo->fails(1, std::string("project create x --image postgres:17") + how);
    EXPECT_TRUE(holds(ran.err, "the Docker daemon at unix:///nonexistent/docker.sock"))
        << ran.all();
  }
  velo->ok("config set runtime native");
  EXPECT_TRUE(
      holds(velo->fails(1, "project create x --image postgres:17").err, "the Docker daemon"));
  EXPECT_TRUE(holds(velo->fails(2, "project create x --image postgres:17 --runtime native").err,
                    "--runtime docker"));
}

TEST_F(Messages, AServerThatDoesNotStartNamesItsReasonAndItsLog) {
  std::ofstream(velo->data_directory("demo/dev") / "postgresql.conf", std::ios::app)
      << "no_such_setting = 1\n";
  const Ran ran = velo->fails(1, "branch start demo/dev");
  EXPECT_TRUE(holds(ran.err, "error: the server ended while starting: configuration file"))
      << ran.all();
  EXPECT_TRUE(holds(ran.err, "no_such_setting")) << ran.all();
  EXPECT_TRUE(holds(ran.err, "→ velo logs demo/dev")) << ran.all();
  EXPECT_TRUE(holds(velo->ok("logs demo/dev").out, "no_such_setting"));
}

TEST_F(Messages, ACreateThatIsUndoneLeavesNoLockAndPromisesNoLog) {
  const auto before = branch_locks();
  const Ran ran = velo->fails(1, "branch create demo/x --pg-conf no_such_setting=1");
  EXPECT_TRUE(holds(ran.err, "error: the server ended while starting: configuration file"))
      << ran.all();
  EXPECT_FALSE(holds(ran.err, "velo logs")) << ran.all();
  EXPECT_EQ(branch_locks(), before);
}

TEST_F(Messages, WhatWasDeletedIsNamedWithTheWayBack) {
  velo->ok("branch delete demo/dev");
  const Ran branch = velo->fails(3, "branch get demo/dev");
  EXPECT_TRUE(holds(branch.err, "was deleted, and is kept until 20")) << branch.all();
  EXPECT_TRUE(holds(branch.err, "velo branch undelete demo/dev")) << branch.all();
  const Ran again = velo->fails(3, "branch delete demo/dev");
  EXPECT_TRUE(holds(again.err, "the branch demo/dev is deleted already, and kept")) << again.all();
  EXPECT_TRUE(holds(again.err, "velo branch delete demo/dev --now frees")) << again.all();
  velo->ok("branch undelete demo/dev");
  velo->ok("branch get demo/dev");

  velo->ok("project delete demo --force");
  for (const char* line : {"project get demo", "branch get demo/main", "branch create demo/x"}) {
    const Ran project = velo->fails(3, line);
    EXPECT_TRUE(holds(project.err, "velo project undelete demo")) << project.all();
  }
  const Ran gone = velo->fails(3, "project delete demo");
  EXPECT_TRUE(holds(gone.err, "the project demo is deleted already, and kept")) << gone.all();
  velo->ok("project undelete demo");

  velo->ok("config set grace 0");
  velo->ok("branch delete demo/dev");
  EXPECT_FALSE(holds(velo->fails(3, "branch get demo/dev").err, "undelete"));
}

TEST_F(Messages, ArchivingIsToldAsItIs) {
  const auto archives = [&] {
    const bool branch = velo->json("branch get demo/main").truth("/branch/archives");
    EXPECT_EQ(velo->json("wal info demo/main").truth("/wal/0/archives"), branch);
    EXPECT_EQ(velo->json("status").truth("/projects/0/branches/0/archives"), branch);
    return branch;
  };
  EXPECT_TRUE(archives());
  velo->ok("config set archive off");
  EXPECT_FALSE(archives());
  EXPECT_TRUE(holds(velo->ok("wal info").out, "off: velo config set archive on"));
  velo->ok("config set archive on");
  velo->ok("branch create demo/quick --no-archive --no-start");
  EXPECT_FALSE(velo->json("branch get demo/quick").truth("/branch/archives"));
}

TEST_F(Messages, AGuardOfNothingIsWarnedOf) {
  EXPECT_TRUE(holds(velo->ok("config set guard 0").err, "servers on a full one stop"));
  EXPECT_EQ(velo->ok("config set guard 3").err, "");
}

/// Each look measures as many as some milliseconds allow, at least one.
TEST_F(Messages, AListOfBranchesComesToHaveTheirSizes) {
  const auto is_measured = [&](const std::string& line, const std::string& sizes) {
    return wait_until([&] { return !velo->json(line).is_null(sizes); });
  };
  EXPECT_TRUE(is_measured("branch list", "/branches/0/sizes"));
  velo->create_project("other");
  EXPECT_TRUE(is_measured("project get other", "/project/branches/0/sizes"));
}

class MessagesOfCopies : public E2eTest {
 protected:
  void SetUp() override { set_up({.driver = "copy", .major = 0}); }
};

TEST_F(MessagesOfCopies, FullOnesAreAnnounced) {
  EXPECT_TRUE(holds(velo->create_project("demo").err, "every branch of demo will be a full copy"));
}

}  // namespace
}  // namespace velo::test
