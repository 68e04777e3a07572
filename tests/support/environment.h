// What the machine offers the tests, told by environment variables, and directories of their own.
//
//   VELO_TEST_BTRFS    a directory on a btrfs
//   VELO_TEST_XFS      a directory on an XFS with reflink
//   VELO_TEST_ZFS      a ZFS pool or dataset ("tank")
//   VELO_TEST_EXT4     a directory on a file system that cannot share blocks (else: a temporary
//                      one)
//   VELO_TEST_DOCKER   a Docker daemon (unix:///…) that is the tests' own and has their images
//   VELO_TEST_DOCKER_USERNS  one that maps the users of containers
//   VELO_TEST_PODMAN   podman's service
//   VELO_TEST_PODMAN_ROOTLESS  one of the user velo-rootless's own
//   VELO_TEST_DOCKER_ROOTLESS  a Docker daemon of that user's own
//   VELO_TEST_REQUIRE  1: a test whose place is missing fails instead of being skipped
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>

#include "base/os_user.h"

namespace velo::test {

std::optional<std::filesystem::path> btrfs_place();
std::optional<std::filesystem::path> xfs_place();
std::optional<std::filesystem::path> zfs_place();
/// The temporary directory unless VELO_TEST_EXT4 names another.
std::optional<std::filesystem::path> ext4_place();
/// Where its daemon is, as DOCKER_HOST says it.
std::optional<std::string> docker_daemon();
bool places_are_required();

/// Whoever servers run as in tests: `postgres` or else `nobody` when root runs them, else the user
/// who does.
OsUser server_user();

/// A new directory in `place`, removed with all that is in it (subvolumes too). Other users may
/// pass through it but not list it, so that servers which root starts reach their volumes.
class TempDirectory {
 public:
  explicit TempDirectory(
      const std::filesystem::path& place = std::filesystem::temp_directory_path());
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  TempDirectory(TempDirectory&&) = delete;
  TempDirectory& operator=(TempDirectory&&) = delete;
  ~TempDirectory();

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace velo::test

/// In a test or SetUp: goes on only if `place` (a std::optional) is there; else skips, or fails
/// where places are required.
#define VELO_NEEDS_PLACE(place, variable)                                           \
  do {                                                                              \
    if (!(place)) {                                                                 \
      if (velo::test::places_are_required()) FAIL() << (variable) << " is not set"; \
      GTEST_SKIP() << (variable) << " is not set";                                  \
    }                                                                               \
  } while (false)
