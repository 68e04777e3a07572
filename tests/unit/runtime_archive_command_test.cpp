// The shell form of archiving, by the shells and tools that images have.
#include "runtime/archive_command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "support/environment.h"
#include "support/wait.h"

namespace velo::runtime {
namespace {

using namespace std::chrono_literals;
using test::TempDirectory;

const std::string segment = "0000000100000000000000A7";

/// "dash" with the system's own tools; "busybox" with nothing but busybox.
class ArchiveCommand : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const bool busybox = GetParam() == "busybox";
    const fs::path program = busybox ? "/bin/busybox" : "/bin/dash";
    if (!path_exists(program)) {
      if (test::places_are_required()) FAIL() << program << " is missing";
      GTEST_SKIP() << program << " is missing";
    }
    shell_ = program;
    if (busybox) {
      shell_ = tools() / "sh";
      fs::create_directory(tools());
      for (const char* tool : {"sh", "cp", "mv", "rm", "cmp", "sync"}) {
        fs::create_symlink(program, tools() / tool);
      }
      path_ = tools().string();
    }
    fs::create_directory(archive());
    put(own(), "a segment");
  }

  fs::path tools() const { return dir_.path() / "tools"; }
  fs::path archive() const { return dir_.path() / R"(it's "an" $HOME %p %%f `id` \)"; }
  fs::path own() const { return dir_.path() / "pg_wal" / segment; }
  fs::path goal() const { return archive() / segment; }

  static void put(const fs::path& path, const std::string& content) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << content;
  }
  std::vector<std::string> names() const { return list_directory(archive()).value(); }

  Command command() const {
    // As PostgreSQL does it (src/common/archive.c).
    std::string text;
    const std::string setting = archive_command(archive(), program_);
    for (std::size_t i = 0; i < setting.size(); ++i) {
      if (setting[i] != '%') {
        text += setting[i];
        continue;
      }
      switch (setting.at(++i)) {
        case 'p':
          text += "pg_wal/" + segment;
          break;
        case 'f':
          text += segment;
          break;
        default:
          EXPECT_EQ(setting[i], '%');
          text += '%';
      }
    }
    return {.argv = {shell_.string(), "-c", text},
            .environment = {"PATH=" + path_},
            .user = {},
            .directory = dir_.path(),
            .input = {}};
  }
  Outcome run() const {
    const Cancellation never;
    return velo::run(command(), 1min, never).value();
  }

  TempDirectory dir_;
  /// Stands for Velo's own: writes down what it is called with, one word a line.
  void make_program() {
    program_ = dir_.path() / R"(it's "velo" $HOME %p %%f `id` \)";
    put(program_, "#!/bin/sh\nprintf '%s\\n' \"$@\" >words\nexit 3\n");
    fs::permissions(program_, fs::perms(0755));
  }

  fs::path shell_;
  fs::path program_;
  std::string path_ = "/usr/bin:/bin";
};

TEST_P(ArchiveCommand, PutsTheSegmentThereAndNothingElse) {
  const Outcome ran = run();
  EXPECT_EQ(ran.exit_status, 0) << ran.err;
  EXPECT_EQ(ran.err, "");
  EXPECT_EQ(read_file(goal()).value(), "a segment");
  EXPECT_EQ(names(), std::vector<std::string>{segment});
}

TEST_P(ArchiveCommand, TheSameAgainIsSuccess) {
  EXPECT_EQ(run().exit_status, 0);
  EXPECT_EQ(run().exit_status, 0);
  EXPECT_EQ(names(), std::vector<std::string>{segment});
}

TEST_P(ArchiveCommand, AnotherContentIsRefusedAndLeftAlone) {
  for (const char* content : {"", "a segmenT", "a segment and more"}) {
    put(goal(), content);
    const Outcome ran = run();
    EXPECT_EQ(ran.exit_status, 1);
    EXPECT_NE(ran.err.find("another file"), std::string::npos) << ran.err;
    EXPECT_EQ(read_file(goal()).value(), content);
  }
}

TEST_P(ArchiveCommand, KilledInTheMiddleItLeavesNothingThatTheNextDoesNotTakeAway) {
  // A segment that never ends, so that the copy is in its middle for as long as the test wants.
  fs::remove(own());
  ASSERT_EQ(::mkfifo(own().c_str(), 0600), 0);
  const Fd nowhere = open_file("/dev/null", O_WRONLY).value();
  const Process process = start_detached(command(), nowhere.get()).value();
  const Fd writer(::open(own().c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_EQ(::write(writer.get(), "a seg", 5), 5);
  ASSERT_TRUE(test::wait_until([&] {
    const auto left = names();
    return left.size() == 1 && read_file(archive() / left.front()).value_or("") == "a seg";
  }));
  ASSERT_EQ(::kill(-process.pid(), SIGKILL), 0);
  EXPECT_TRUE(process.wait(10s).value());
  EXPECT_FALSE(path_exists(goal()));

  fs::remove(own());
  put(own(), "a segment");
  EXPECT_EQ(run().exit_status, 0);
  EXPECT_EQ(read_file(goal()).value(), "a segment");
  EXPECT_EQ(names(), std::vector<std::string>{segment});
}

TEST_P(ArchiveCommand, AFullDiskFailsItAndLeavesRoom) {
  if (!running_as_root()) GTEST_SKIP() << "mounting a small file system needs root";
  put(own(), std::string(1U << 20U, 'x'));
  ASSERT_EQ(::mount("tmpfs", archive().c_str(), "tmpfs", 0, "size=256k"), 0);
  const Outcome full = run();
  const auto left = names();
  EXPECT_EQ(::mount("", archive().c_str(), "", MS_REMOUNT, "size=2m"), 0);
  const Outcome again = run();
  const auto whole = fs::file_size(goal());
  EXPECT_EQ(::umount(archive().c_str()), 0);
  EXPECT_EQ(full.exit_status, 1);
  EXPECT_EQ(left, std::vector<std::string>{});
  EXPECT_EQ(again.exit_status, 0) << again.err;
  EXPECT_EQ(whole, 1U << 20U);
}

TEST_P(ArchiveCommand, AMissingDirectoryFailsIt) {
  fs::remove(archive());
  EXPECT_EQ(run().exit_status, 1);
  EXPECT_FALSE(path_exists(archive()));
}

TEST_P(ArchiveCommand, AMissingSegmentFailsIt) {
  fs::remove(own());
  EXPECT_EQ(run().exit_status, 1);
  EXPECT_EQ(names(), std::vector<std::string>{});
}

TEST_P(ArchiveCommand, TheProgramDoesItWhereItCanBeRun) {
  make_program();
  EXPECT_EQ(run().exit_status, 3);
  EXPECT_EQ(read_file(dir_.path() / "words").value(),
            fmt::format("wal\npush\n--archive\n{}\npg_wal/{}\n{}\n", archive().string(), segment,
                        segment));
  EXPECT_EQ(names(), std::vector<std::string>{});
}

TEST_P(ArchiveCommand, TheShellDoesItWhereTheProgramCannotBeRun) {
  make_program();
  fs::permissions(program_, fs::perms(0644));
  EXPECT_EQ(run().exit_status, 0);
  EXPECT_EQ(names(), std::vector<std::string>{segment});
  fs::remove(program_);
  EXPECT_EQ(run().exit_status, 0);
  EXPECT_EQ(read_file(goal()).value(), "a segment");
}

TEST_P(ArchiveCommand, WhatTheProgramPutThereIsNotPutThereAgain) {
  put(archive() / (segment + ".zst"), "compressed");
  const Outcome ran = run();
  EXPECT_EQ(ran.exit_status, 1);
  EXPECT_NE(ran.err.find("only velo can read"), std::string::npos) << ran.err;
  EXPECT_EQ(names(), std::vector<std::string>{segment + ".zst"});
}

TEST_P(ArchiveCommand, ItIsOnDiskBeforeItHasItsNameAndTheNameBeforeItIsDone) {
  if (GetParam() == "busybox") GTEST_SKIP() << "it may have its tools built in";
  // Tools that write down how they are called.
  const fs::path spies = dir_.path() / "spies";
  const fs::path log = dir_.path() / "log";
  for (const std::string tool : {"cp", "mv", "sync"}) {
    put(spies / tool, fmt::format("#!{0}\nfor last; do :; done\necho \"{1} $last\" >>'{2}'\n"
                                  "PATH='{3}' exec {1} \"$@\"\n",
                                  "/bin/sh", tool, log.string(), path_));
    fs::permissions(spies / tool, fs::perms(0755));
  }
  path_ = spies.string() + ":" + path_;
  EXPECT_EQ(run().exit_status, 0);
  const std::string text = read_file(log).value();
  std::vector<std::string> calls;
  for (const std::string_view line : lines_of(text)) {
    calls.emplace_back(line.substr(0, line.find(' ')));
  }
  EXPECT_EQ(calls, (std::vector<std::string>{"cp", "sync", "mv", "sync"}));
  EXPECT_NE(text.find("mv " + goal().string() + "\nsync " + archive().string() + "\n"),
            std::string::npos)
      << text;
}

INSTANTIATE_TEST_SUITE_P(Shells, ArchiveCommand, testing::Values("dash", "busybox"),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace velo::runtime
