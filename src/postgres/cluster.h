// What a data directory (PGDATA) says about itself and its server, read from its files.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"

namespace velo::postgres {

namespace fs = std::filesystem;

/// postmaster.pid, line by line (src/include/utils/pidfile.h).
struct PostmasterPid {
  pid_t pid = 0;  ///< positive, although a single-user server writes its own negated
  fs::path data_directory;
  std::chrono::sys_seconds started_at;
  int port = 0;                  ///< 0 while the file is not complete
  std::string socket_directory;  ///< empty while the file is not complete
  std::string listen_address;    ///< the first; empty too when it listens nowhere
  std::string status;            ///< "starting", "stopping", "ready", "standby"; may be empty
};

/// Errc::failed when the text is not of that form (a file being written may be short: the missing
/// fields are then empty).
Result<PostmasterPid> parse_postmaster_pid(std::string_view text);

/// The server that runs on this data directory: postmaster.pid names a live process whose working
/// directory (/proc/PID/cwd) is this directory. Empty otherwise: no file, or a stale one (which one
/// without a pid in it is too). Costs a few system calls, no process. When the link cannot be read
/// (another user's process) the process counts as foreign, hence the file as stale: call this as
/// the server's user (ActAs), for root in a container may lack the right to look at others'
/// processes.
Result<std::optional<PostmasterPid>> running_server(const fs::path& pgdata);

/// DBState of src/include/catalog/pg_control.h, in its order.
enum class ClusterState {
  startup,
  shut_down,
  shut_down_in_recovery,
  shutting_down,
  in_crash_recovery,
  in_archive_recovery,
  in_production,
};

/// Fields of global/pg_control that lie where they do in 13 to 18, on a little-endian 64-bit
/// machine.
struct ControlFile {
  std::uint64_t system_identifier = 0;
  std::uint32_t control_version = 0;
  ClusterState state = ClusterState::startup;
  std::uint64_t checkpoint_lsn = 0;
  std::uint64_t redo_lsn = 0;      ///< where replay from that checkpoint begins
  std::uint32_t timeline = 0;      ///< of that checkpoint
  std::uint32_t segment_size = 0;  ///< of its WAL, in bytes; 16 MiB unless initdb was told
};
Result<ControlFile> parse_control_file(std::string_view bytes);
Result<ControlFile> read_control_file(const fs::path& pgdata);

/// The major in PG_VERSION.
Result<int> read_major(const fs::path& pgdata);

}  // namespace velo::postgres
