// For how many servers a machine has room: of files as the kernel writes them, without the machine.
#include "engine/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "support/environment.h"

namespace velo::engine {
namespace {

using testing::HasSubstr;

class Limits : public testing::Test {
 protected:
  void SetUp() override {
    write("proc/sys/kernel/shmmni", "4096\n");
    write("proc/sysvipc/shm",
          "       key      shmid perms\n  1234567  1  600\n  1234568  2  600\n");
    write("proc/sys/kernel/pid_max", "32768\n");
    write("proc/sys/kernel/threads-max", "192730\n");
    write("proc/loadavg", "0.42 0.36 0.21 2/768 4711\n");
    write("proc/sys/fs/file-nr", "2000\t0\t2402000\n");
    write("proc/meminfo",
          "MemTotal:       24576000 kB\nMemFree: 1 kB\nMemAvailable:   18432000 kB\n");
    write("proc/self/cgroup", "0::/user.slice/session-1.scope\n");
  }
  void write(const std::string& file, const std::string& text) const {
    fs::create_directories((root() / file).parent_path());
    ASSERT_TRUE(write_file(root() / file, text, 0644));
  }
  const fs::path& root() const { return directory.path(); }
  Limit named(const std::string& name) const {
    const std::vector<Limit> all = limits(root());
    const auto found = std::ranges::find(all, name, &Limit::name);
    return found == all.end() ? Limit{} : *found;
  }

  test::TempDirectory directory;
};

TEST_F(Limits, ARoomIsWhatIsLeftByWhatAServerTakes) {
  EXPECT_EQ(
      (Limit{.name = {}, .things = {}, .most = 100, .taken = 30, .of_a_server = 8, .hint = {}})
          .room(),
      8U);
  EXPECT_EQ((Limit{.name = {}, .things = {}, .most = 10, .taken = 30, .of_a_server = 8, .hint = {}})
                .room(),
            0U);
}

TEST_F(Limits, EachIsReadAndCounted) {
  EXPECT_EQ(named("kernel.shmmni").room(), 4094U) << "a segment each, two are taken";
  EXPECT_EQ(named("kernel.pid_max").room(), 4000U) << "eight processes each, 768 are there";
  EXPECT_EQ(named("kernel.threads-max").room(), (192730U - 768U) / 8);
  EXPECT_EQ(named("fs.file-max").room(), 20000U) << "120 open files each";
  EXPECT_EQ(named("memory").room(), 1000U) << "18 MiB each of 18000";
}

TEST_F(Limits, TheTightestComesFirstAndIsToldWithWhereItEnds) {
  EXPECT_EQ(limits(root()).front().name, "memory");
  EXPECT_EQ(to_words(limits(root()), 7, 2),
            "memory (24000 MiB) at about 1007, kernel.pid_max (32768) at about 4007");
}

TEST_F(Limits, OfAControlGroupItsParentsCountToo) {
  write("sys/fs/cgroup/user.slice/session-1.scope/pids.max", "max\n");
  write("sys/fs/cgroup/user.slice/session-1.scope/pids.current", "9\n");
  write("sys/fs/cgroup/user.slice/pids.max", "820\n");
  write("sys/fs/cgroup/user.slice/pids.current", "20\n");
  write("sys/fs/cgroup/user.slice/memory.max", "1048576000\n");
  write("sys/fs/cgroup/user.slice/memory.current", "419430400\n");
  write("sys/fs/cgroup/user.slice/memory.stat", "anon 5\ninactive_file 314572800\n");
  EXPECT_EQ(named("TasksMax of /user.slice").room(), 100U);
  EXPECT_THAT(named("TasksMax of /user.slice").hint, HasSubstr("user.slice TasksMax=infinity"));
  EXPECT_EQ(named("MemoryMax of /user.slice").room(), (1000U - 100U) / 18)
      << "what the kernel can drop of files is free";
  EXPECT_EQ(limits(root()).front().name, "MemoryMax of /user.slice");
}

TEST_F(Limits, OfTheOldHierarchiesToo) {
  write("proc/self/cgroup", "8:pids:/box\n4:memory:/box\n");
  write("sys/fs/cgroup/pids/box/pids.max", "90\n");
  write("sys/fs/cgroup/pids/box/pids.current", "10\n");
  write("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "1000\n");
  EXPECT_EQ(named("TasksMax of /box").room(), 10U);
  EXPECT_EQ(named("MemoryMax of /box").name, "") << "no machine has as much: there is no limit";
}

TEST_F(Limits, WhatCannotBeReadIsNoLimit) {
  const test::TempDirectory empty;
  for (const Limit& limit : limits(empty.path())) EXPECT_EQ(limit.name, "ulimit -u");
}

TEST_F(Limits, ThisMachinesAreFound) {
  EXPECT_FALSE(limits().empty());
}

}  // namespace
}  // namespace velo::engine
