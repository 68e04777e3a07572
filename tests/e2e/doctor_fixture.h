// What the tests of `velo doctor` start from: a home with a project whose main and dev run.
#pragma once

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "support/doctor.h"

namespace velo::test {

inline mode_t mode_of(const fs::path& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777U;
}

/// Writes into a file that stays the same file, of the same owner and mode.
inline void overwrite(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::trunc) << text;
}

inline std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string with(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from << " is not in\n" << text;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

/// A project with main and dev, both running.
class DoctorTest : public E2eTest {
 protected:
  void SetUp() override {
    E2eTest::SetUp();
    make();
  }
  void make() {
    velo->create_project("demo");
    velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
    velo->ok("branch create demo/dev");
    main_pid = velo->pid("demo/main");
  }
  fs::path volume(const std::string& name) const { return velo->volumes() / name; }
  fs::path tls() const {
    for (const auto& entry : fs::directory_iterator(velo->home() / "tls")) return entry.path();
    return {};
  }

  void expect_well() const { EXPECT_THAT(doctor(*velo).troubles(), testing::IsEmpty()); }
  /// What no repair may change.
  void expect_the_rest_untouched() const {
    EXPECT_EQ(velo->pid("demo/main"), main_pid);
    EXPECT_EQ(velo->value("demo/main", "SELECT x FROM t"), "1");
    EXPECT_EQ(velo->volume_names(), (std::vector<std::string>{"demo-dev", "demo-main"}));
  }

  int main_pid = 0;
};

}  // namespace velo::test
