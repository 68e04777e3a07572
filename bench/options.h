// What a run measures, and where.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"

namespace velo::bench {

namespace fs = std::filesystem;

struct Options {
  fs::path velo;   ///< the binary that is measured
  fs::path homes;  ///< where VELO_HOME and the floor's own files are made; others may pass through
  fs::path btrfs;  ///< a directory on each kind of file system; empty: that section is left out
  fs::path xfs;
  fs::path plain;      ///< no shared blocks: for full copies
  fs::path postgres;   ///< holds 18/bin/postgres; empty: the PostgreSQL 18 rivals are left out
  std::string docker;  ///< the daemon of that section ("unix:///…"), with the image of 15
  fs::path out;        ///< the JSON; empty: none
  std::set<std::string> sections;  ///< empty: all
  int scale = 50;                  ///< pgbench's: 15 MB each
  int rounds = 7;
  int branches = 100;   ///< how many `status` is measured with at most
  int many = 1000;      ///< running branches in the sections many and many-reflink
  int stopped = 10000;  ///< branches in the section stopped
  int seconds = 10;     ///< how long each run of pgbench takes
  bool help = false;

  bool wants(const std::string& section) const {
    return sections.empty() || sections.contains(section);
  }
};

/// btrfs, reflink, copy, rivals, life, status, docker, pool, archive, replay, busy, tps, depth,
/// sizes, at-once, many, many-reflink, stopped.
const std::vector<std::string>& all_sections();

/// Errc::usage for what cannot be meant.
Result<Options> parse_options(const std::vector<std::string>& words);
std::string usage();

}  // namespace velo::bench
