// Reading a log file while it grows, is truncated and is replaced.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/fd.h"

namespace velo::cli {

/// Where reading starts: at the last `lines` lines of a file.
struct Tail {
  bool all = false;
  int lines = 10;
};

class Follower {
 public:
  /// The file need not be there yet.
  Follower(std::filesystem::path path, Tail tail) : path_(std::move(path)), tail_(tail) {}

  /// What is new since the last call. After a rotation (another file has the name) the rest of the
  /// old file comes first, then the new one from its start; after a truncation the file from its
  /// start.
  Result<std::string> read();
  /// The log goes on in another file from now on.
  void move_to(std::filesystem::path path) { path_ = std::move(path); }

 private:
  Result<bool> open_if_there();
  Result<void> seek_to_tail();
  Result<std::string> read_rest();
  bool replaced() const;

  std::filesystem::path path_;
  Tail tail_;
  Fd file_;
  std::uint64_t offset_ = 0;
  bool first_ = true;
};

}  // namespace velo::cli
