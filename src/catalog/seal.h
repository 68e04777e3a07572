// Checking all of a database reads all of it, and costs the more the more branches there are. So
// Velo notes what the files looked like when it last left them: as long as they look the same,
// nobody else wrote into them, and a check that was made a moment ago still holds. Two writes
// within one tick of the kernel's clock would leave the same times: so each time the files get a
// modification time of the finer clock, which no write gives them.
//
// The note is never waited for and never believed for long: after a power cut, a reboot or a minute
// all of it is checked again, and what is not as it was noted is checked at once.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "base/fd.h"
#include "base/time.h"

namespace velo::catalog {

/// Of a database at `path`: `<path>.seal`.
std::filesystem::path seal_of(const std::filesystem::path& path);

class Seal {
 public:
  Seal() = default;  ///< seals nothing
  /// One that cannot be kept (the disk is full) seals nothing.
  static Seal open(const std::filesystem::path& path);

  /// Inode, size and times of the database and of its log.
  std::string look() const;

  /// Whether they look as they were sealed, whenever that was.
  bool is_intact() const;
  /// And all of it was found whole no longer than `age` ago.
  bool holds(std::chrono::seconds age) const;

  /// After a check of what looked so before it began; nothing where it looks otherwise by now.
  void set(const std::string& looked) const;
  /// After a change of Velo's own to what was intact before it: the last check still counts.
  void keep() const;

 private:
  Seal(Fd file, std::filesystem::path path) : file_(std::move(file)), path_(std::move(path)) {}
  struct Sealed {
    Timestamp checked_at;
    std::string look;
  };
  Sealed read() const;
  void write(Timestamp checked_at) const;

  Fd file_;
  std::filesystem::path path_;
};

}  // namespace velo::catalog
