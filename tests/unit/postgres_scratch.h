// A directory of a test's own, and files in it.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/files.h"

namespace velo::test {

namespace fs = std::filesystem;

class Scratch {
 public:
  Scratch() : path_(make()) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  Scratch(Scratch&&) = delete;
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch() { static_cast<void>(remove_tree(path_).has_value()); }

  const fs::path& path() const { return path_; }
  fs::path operator/(const fs::path& name) const { return path_ / name; }

 private:
  static fs::path make() {
    std::string name = (fs::temp_directory_path() / "velo-test.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    return fs::canonical(name);
  }
  fs::path path_;
};

/// Writes a file, and the directories that lead to it.
inline void put(const fs::path& path, std::string_view content, mode_t mode = 0600) {
  fs::create_directories(path.parent_path());
  const auto written = write_file(path, content, mode);
  ASSERT_TRUE(written.has_value()) << written.error().message;
}

/// A file's text; a failure of the test when it cannot be read.
inline std::string text_of(const fs::path& path) {
  auto text = read_file(path);
  EXPECT_TRUE(text.has_value()) << path;
  return text.value_or("");
}

inline mode_t mode_of(const fs::path& path) {
  struct stat status{};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777U;
}

}  // namespace velo::test

/// Asserts that a Result holds a value, and shows the error otherwise.
#define ASSERT_OK(expression)                                                   \
  do {                                                                          \
    const auto& asserted_ok = (expression);                                     \
    ASSERT_TRUE(asserted_ok.has_value()) << asserted_ok.error().message << "\n" \
                                         << asserted_ok.error().detail;         \
  } while (false)
