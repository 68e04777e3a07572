// The runtime contract: running a PostgreSQL server on a volume, for whoever writes a runtime.
//
// A runtime object keeps no state: what runs is read from the machine each time, never from a
// record. It may be called from any thread. Callers hold the branch's lock, so that no two calls
// change one server at once. Servers outlive the program that started them. To add one: a source
// with a `Runtime` and a line in registry.cpp; the contract suite (tests/contract/runtime_test.cpp)
// runs on every name in the registry.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "base/os_user.h"
#include "base/process.h"
#include "postgres/cluster.h"

namespace velo::runtime {

namespace fs = std::filesystem;

struct ServerSpec {
  fs::path bin;  ///< the server build's directory
  int major = 0;
  fs::path pgdata;
  fs::path run_directory;  ///< for the socket; made by the caller, owned by `user`, 0700
  fs::path log;            ///< appended to; made by the runtime, readable by Velo only
  std::string address;     ///< what it listens on, "127.0.0.1"
  int port = 0;
  fs::path certificate;
  fs::path certificate_key;
  OsUser user;  ///< whom it runs as
  /// Further settings that must hold whatever the cluster's files say, for this start only.
  std::vector<std::pair<std::string, std::string>> overrides;
};

enum class StopMode {
  fast,       ///< disconnect clients, write a checkpoint: a clean shutdown
  immediate,  ///< as if the power went: the next start recovers
};

/// A server that was started and may not be ready yet.
struct Starting {
  Process process;
  std::uintmax_t log_offset = 0;  ///< where this start's messages begin in the log
};

class Runtime {
 public:
  Runtime() = default;
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  Runtime(Runtime&&) = delete;
  Runtime& operator=(Runtime&&) = delete;
  virtual ~Runtime() = default;

  virtual std::string_view name() const = 0;

  /// Starts a server on a cluster that has none; what a killed one left (pid file, socket) is
  /// cleared away first, once its last process has ended. Returns when the program runs, before it
  /// is ready: what can be done meanwhile is the caller's. Errc::in_use when the port is taken (by
  /// whom, where that can be told) or processes of an earlier server do not end, Errc::not_found
  /// when the build is gone, Errc::server otherwise.
  virtual Result<Starting> start(const ServerSpec& spec) = 0;

  /// Waits until the server admits connections, to within milliseconds of its own. Errc::server
  /// with the last lines of its log when it ends or `patience` passes; it is then stopped.
  virtual Result<void> await_ready(const ServerSpec& spec, const Starting& starting,
                                   std::chrono::milliseconds patience,
                                   const Cancellation& cancel) = 0;

  /// Stops whatever server runs on this cluster; none is success. Escalates to `immediate` and then
  /// to SIGKILL when it does not end in time, so it is bounded. The directory may be gone already.
  virtual Result<void> stop(const fs::path& pgdata, StopMode mode) = 0;

  /// Has the server read its configuration files again; none running is success.
  virtual Result<void> reload(const fs::path& pgdata) = 0;

  /// The server that runs on this cluster, if any. A few system calls.
  virtual Result<std::optional<postgres::PostmasterPid>> inspect(const fs::path& pgdata) const = 0;
};

}  // namespace velo::runtime
