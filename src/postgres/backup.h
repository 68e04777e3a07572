// PostgreSQL's low-level backup API, on a primary or a standby, for drivers whose clones are not
// one moment.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "postgres/connection.h"

namespace velo::postgres {

namespace fs = std::filesystem;

/// A non-exclusive backup on one connection: start() … clone the files … finish(). Checkpoints
/// during the clone recycle WAL, so start() also makes a temporary, immediately reserved physical
/// slot that holds it (it ends with the connection). Destroying it unfinished aborts the backup on
/// the server. pg_backup_stop() switches to a new segment and flushes the old, so that all WAL to
/// copy is in files.
class Backup {
 public:
  /// pg_backup_start(label, fast => true), pg_start_backup(…, exclusive => false) before 15.
  /// Errc::server with what to change when the server cannot: wal_level = minimal, no free slot.
  static Result<Backup> start(Connection connection, int server_major, const std::string& label,
                              std::chrono::milliseconds patience);

  /// For questions to the server, before finish() or after it. The backup ends with it.
  Connection& connection() { return connection_; }

  /// Ends the backup, copies every WAL segment from start to stop (and the timelines' histories)
  /// out of `source_pgdata`/pg_wal with `copy_file`, and then writes the returned backup_label into
  /// `clone_pgdata`. These files are durable when it returns: a clone whose label a power loss took
  /// away would start from the wrong checkpoint, silently. The tablespace map is not written:
  /// prepare_clone() re-points the links themselves. Of a primary the segment behind the last one
  /// is there too, without blocks: a clone would begin with writing 16 MiB of zeros there.
  Result<void> finish(const fs::path& source_pgdata, const fs::path& clone_pgdata,
                      Result<void> (*copy_file)(const fs::path& from, const fs::path& to),
                      std::chrono::milliseconds patience);

 private:
  Backup(Connection connection, int server_major, bool from_standby, std::string start_lsn);
  Connection connection_;
  int server_major_;
  bool from_standby_;
  std::string start_lsn_;
};

}  // namespace velo::postgres
