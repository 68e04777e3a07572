// The parents: a project on each kind of storage, with pgbench's data in its main branch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "bench/client.h"
#include "bench/velo_home.h"

namespace velo::bench {

/// How servers of this home are started: taken from one that was started for the first time, so
/// that the floor's have the same settings.
struct ServerTemplate {
  std::vector<std::string> argv;
  fs::path data_directory;  ///< as it stands in argv …
  fs::path run_directory;   ///< … with this
  int port = 0;             ///< … and this
};

struct Parent {
  std::string project;  ///< "btrfs"; its parent branch is "btrfs/main"
  fs::path place;       ///< the directory that holds its volumes
  BranchFacts main;
  OsUser user;  ///< whom its servers run as
  ServerTemplate server;

  /// A branch of this project: "btrfs/b".
  std::string branch(const std::string& name) const { return project + "/" + name; }
};

/// Makes the project on that driver and runtime, fills it with pgbench's data at that scale, and
/// lets the disk come to rest.
Result<Parent> make_parent(const VeloHome& velo, const std::string& project,
                           const std::string& driver, const std::string& runtime,
                           const fs::path& place, int major, int scale);

/// Whether pgbench's commits wait for the disk: as users have it, or as fast as WAL can be written.
enum class Commits : std::uint8_t { wait, do_not_wait };

struct LoadHow {
  Commits commits = Commits::wait;
  int clients = 4;  ///< more than cores, so that there is always one that waits for a core
  /// What the names of pgbench's own logs begin with, a line for each transaction; empty: none.
  fs::path transactions = {};
};

/// pgbench working on a parent for as long as this lives.
class Load {
 public:
  static Result<Load> start(const Parent& parent, const fs::path& log, int scale,
                            const LoadHow& how = {});
  Load(Load&&) noexcept = default;
  Load& operator=(Load&&) = delete;
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() { end(); }

  /// Ends pgbench, whose logs are whole then.
  void end();
  /// Waits until the parent has written a certain amount of WAL since a checkpoint of its own: each
  /// measurement finds about as many dirty pages as the others.
  Result<void> reach_steady_state();

 private:
  Load(Process process, Client client, int wal_bytes)
      : process_(std::move(process)), client_(std::move(client)), wal_bytes_(wal_bytes) {}
  std::optional<Process> process_;
  Client client_;
  int wal_bytes_;
};

}  // namespace velo::bench
