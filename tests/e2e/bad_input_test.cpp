// What bad input gets: one clear message, the right exit code, and nothing changed.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "support/velo.h"

namespace velo::test {
namespace {

class BadInput : public E2eTest {
 protected:
  void SetUp() override {
    E2eTest::SetUp();
    if (!velo) return;
    velo->create_project("demo");
    velo->ok("branch create demo/dev --no-start");
    before = everything();
  }

  /// What must stay as it is.
  std::string everything() {
    std::string all;
    const Json list = velo->json("branch list");
    for (std::size_t i = 0; i < list.size("/branches"); ++i) {
      const std::string branch = "/branches/" + std::to_string(i);
      all += list.text(branch + "/full_name") + " " + list.text(branch + "/state") + " " +
             std::to_string(list.number(branch + "/port")) + "\n";
    }
    for (const std::string& volume : velo->volume_names()) all += volume + "\n";
    for (const char* directory : {"run", "tls", "logs"}) {
      std::vector<std::string> names;
      for (const auto& entry : fs::directory_iterator(velo->home() / directory)) {
        names.push_back(entry.path());
      }
      std::ranges::sort(names);
      for (const std::string& name : names) all += name + "\n";
    }
    for (const Server& server : servers_below(velo->volumes())) all += std::to_string(server.pid);
    return all;
  }

  /// One clear message: an error line, and no more than a hint and details below it.
  Ran refused(int exit_status, const std::vector<std::string>& arguments) {
    Ran ran = velo->fails(exit_status, arguments);
    EXPECT_EQ(everything(), before) << ran.all();
    return ran;
  }
  Ran refused(int exit_status, const std::string& line) {
    return refused(exit_status, words(line));
  }

  std::string before;
};

const std::vector<std::string> bad_names = {
    "",    "a b", "a.b", "a@b", "..",  ".",  "it's", "\"q\"", "-x", "_x",
    "a\n", "ä",   "$x",  "a;b", "a*b", "~a", "a\\b", "a:b",   "%s", std::string(64, 'a')};

TEST_F(BadInput, ProjectNames) {
  for (const std::string& name : bad_names) {
    SCOPED_TRACE(name);
    refused(2, {"project", "create", name});
  }
  refused(2, {"project", "create", "a/b"});
  refused(2, "project create");
}

TEST_F(BadInput, BranchNames) {
  for (const std::string& name : bad_names) {
    SCOPED_TRACE(name);
    refused(2, {"branch", "create", "demo/" + name});
  }
  for (const char* name : {"demo", "demo/", "/dev", "/", "demo/a/b", "demo//a", "demo/dev/"}) {
    SCOPED_TRACE(name);
    refused(2, {"branch", "create", name});
    refused(2, {"branch", "start", name});
    refused(2, {"branch", "create", "demo/new", "--parent", name});
  }
}

TEST_F(BadInput, TheLongestNamesWork) {
  const std::string longest(63, 'n');
  velo->create_project(longest);
  velo->ok("branch create " + longest + "/" + longest);
  EXPECT_EQ(velo->value(longest + "/" + longest, "SELECT 1"), "1");
}

TEST_F(BadInput, Duplicates) {
  refused(4, velo->project_words("demo"));
  refused(4, "branch create demo/dev");
  refused(4, "branch create demo/main");
}

TEST_F(BadInput, WhatDoesNotExist) {
  for (const char* line :
       {"project get none", "project delete none --force", "branch get demo/none",
        "branch create none/dev", "branch create demo/new --parent demo/none",
        "branch start demo/none", "branch stop demo/none", "branch restart demo/none",
        "branch reset demo/none --force", "branch delete demo/none --force", "branch url demo/none",
        "branch password demo/none", "branch undelete demo/none", "psql demo/none",
        "logs demo/none", "branch list none", "project undelete none", "config get none"}) {
    SCOPED_TRACE(line);
    refused(3, line);
  }
}

TEST_F(BadInput, ANearNameIsSuggested) {
  EXPECT_NE(refused(3, "branch get demo/dve").err.find("demo/dev"), std::string::npos);
  EXPECT_NE(refused(3, "project get dmeo").err.find("demo"), std::string::npos);
}

TEST_F(BadInput, AParentInAnotherProject) {
  velo->create_project("other");
  before = everything();
  const Ran ran = refused(2, "branch create demo/new --parent other/main");
  EXPECT_NE(ran.err.find("another project"), std::string::npos) << ran.all();
}

TEST_F(BadInput, UnknownWordsAndOptions) {
  for (const char* line : {"brunch list", "branch crate demo/x", "branch create demo/x --frce",
                           "branch create demo/x demo/y", "project create p --pg-version abc",
                           "project create p --storage zip", "project create p --runtime vm",
                           "branch", "config set grace soon", "config set none 1"}) {
    SCOPED_TRACE(line);
    const Ran ran = velo->run(line);
    EXPECT_TRUE(ran.exit_status == 2 || ran.exit_status == 3) << ran.all();
    EXPECT_EQ(everything(), before) << ran.all();
  }
}

TEST_F(BadInput, AVersionThatIsNotInstalledNamesThePackage) {
  int missing = 18;
  while (fs::exists("/usr/lib/postgresql/" + std::to_string(missing))) --missing;
  const Ran ran = refused(3, "project create other --pg-version " + std::to_string(missing));
  EXPECT_NE(ran.err.find("postgresql-" + std::to_string(missing)), std::string::npos) << ran.all();
}

TEST_F(BadInput, APortThatIsTaken) {
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  const std::string port = std::to_string(ntohs(address.sin_port));
  EXPECT_NE(refused(4, "branch create demo/new --port " + port).err.find(port), std::string::npos);
  refused(4, "branch create demo/new --port " + std::to_string(velo->port("demo/dev")));
  for (const char* no_port : {"0", "-1", "65536", "http", "54 32"}) {
    refused(2, {"branch", "create", "demo/new", "--port", no_port});
  }
}

TEST_F(BadInput, SettingsThatCannotBeMeant) {
  for (const char* setting : {"nonsense", "=1", "port=5432", "listen_addresses=*", "ssl=off",
                              "data_directory=/tmp", "a b=c", "archive_command=x"}) {
    SCOPED_TRACE(setting);
    refused(2, {"branch", "create", "demo/new", "--pg-conf", setting});
  }
}

TEST_F(BadInput, AServerThatDoesNotStartShowsItsLogAndLeavesNothing) {
  const Ran branch = refused(1, "branch create demo/new --pg-conf no_such_setting=1");
  EXPECT_NE(branch.err.find("no_such_setting"), std::string::npos) << branch.all();
  std::vector<std::string> project = velo->project_words("other");
  project.insert(project.end(), {"--pg-conf", "no_such_setting=1"});
  EXPECT_NE(refused(1, project).err.find("no_such_setting"), std::string::npos);
  velo->ok("branch create demo/new");
}

TEST_F(BadInput, APoolThatCannotBe) {
  refused(3, "project create other --pool /nonexistent/place");
  refused(2, "project create other --pool relative/place");
  refused(1, "project create other --storage btrfs --pool /dev/shm");
}

TEST(BadHome, OpenToOthers) {
  const Velo velo;
  ::chmod(velo.home().c_str(), 0755);
  const Ran ran = velo.fails(1, "status");
  EXPECT_NE(ran.err.find("chmod"), std::string::npos) << ran.all();
  ::chmod(velo.home().c_str(), ::geteuid() == 0 ? 0711 : 0700);
  velo.ok("status");
}

TEST(BadHome, NotWritableNotADirectory) {
  const Velo velo;
  for (const std::string home : {"/proc/velo", "/etc/passwd", "/etc/passwd/velo", "relative"}) {
    const Ran ran = velo.run({"config", "set", "grace", "1h"}, {"VELO_HOME=" + home});
    EXPECT_EQ(ran.exit_status, 1) << ran.all();
    EXPECT_NE(ran.err.find(home), std::string::npos) << ran.all();
    EXPECT_EQ(ran.out, "") << ran.all();
  }
}

TEST(BadHome, ReadingCommandsMakeNone) {
  const Velo velo;
  const fs::path none = velo.home().parent_path() / "none";
  for (const char* line : {"status", "project list", "branch list", "snapshot list", "wal info",
                           "operations", "config list", "snapshot schedule", "doctor"}) {
    const Ran ran = velo.run(words(line), {"VELO_HOME=" + none.string()});
    EXPECT_EQ(ran.exit_status, 0) << ran.all();
    EXPECT_FALSE(fs::exists(none)) << ran.all();
  }
  const Ran ran = velo.run({"branch", "get", "demo/main"}, {"VELO_HOME=" + none.string()});
  EXPECT_EQ(ran.exit_status, 3) << ran.all();
  EXPECT_FALSE(fs::exists(none));
}

}  // namespace
}  // namespace velo::test
