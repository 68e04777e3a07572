// The runtime contract: running a PostgreSQL server on a volume, for whoever writes a runtime.
//
// A runtime object keeps no state: what runs is read from the machine each time, never from a
// record, and a server is found by its data directory alone. It may be called from any thread.
// Callers hold the branch's lock, so that no two calls change one server at once. Servers outlive
// the program that started them. To add one: a source with a `Runtime` and a line in registry.cpp;
// the contract suite (tests/contract/runtime_test.cpp) runs on every name in the registry.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "base/os_user.h"
#include "base/time.h"
#include "postgres/settings.h"

namespace velo::runtime {

namespace fs = std::filesystem;

/// What opens a cluster: chosen once for a project, recorded with each incarnation.
struct Build {
  int major = 0;
  std::string version;  ///< "15.18"
  fs::path bin;         ///< native: the directory with postgres and initdb; else empty
  std::string image;    ///< containers: what the user called it, "postgres:17-alpine"; else empty
  std::string digest;   ///< containers: what that name meant when it was chosen; else empty
  /// Containers: the image has contrib's basic_archive (PostgreSQL 15 and newer).
  bool basic_archive = false;
  OsUser owner;  ///< whom its servers run as, and who owns a cluster's files
};

/// What a build is chosen by.
struct BuildWish {
  int major = 0;              ///< 0: the newest that there is
  std::string image;          ///< an image of the user's choice; empty: by `major`
  fs::path home;              ///< VELO_HOME, where unpacked builds may lie
  std::string path_variable;  ///< $PATH
  /// Whom processes of this machine run as, or why there is nobody.
  Result<OsUser> server_user;
  /// Told what is fetched, piece by piece ("layer 1a2b3c4d5e6f of postgres:17-alpine"); may be
  /// empty.
  std::function<void(std::string_view)> tell;
};

struct ServerSpec {
  Build build;
  std::string project;  ///< labels for people: names at the time of this start
  std::string branch;
  fs::path root;           ///< the volume; everything of the cluster's lies in it
  fs::path pgdata;         ///< inside `root`
  fs::path run_directory;  ///< for the socket; made by the caller, owned by the build's owner, 0700
  fs::path log;            ///< appended to; made by the runtime, readable by Velo only
  std::string address;     ///< where clients find it, "127.0.0.1"
  int port = 0;            ///< and with which port
  fs::path certificate;
  fs::path certificate_key;
  /// Where finished WAL segments go, under their own names: a directory of this incarnation's own,
  /// made by the caller, owned by the build's owner. Empty: nothing is archived. A segment is there
  /// whole and durably or not at all, other files in it begin with '.' or "archtemp", and one that
  /// is there is never overwritten: then, and when it cannot be written, PostgreSQL keeps its own.
  fs::path archive;
  /// It replays WAL up to a target and then promotes: it is not ready before that, although it is
  /// up ("standby" in postmaster.pid).
  bool promotes = false;
  /// With `promotes`: nobody else will say when. It has all the WAL that there is, and is told to
  /// promote at its end (can_promote()).
  bool promotes_at_end = false;
  /// Velo's own program, which archives better than a shell does, where the server can run it:
  /// never in a container. Empty: not known.
  fs::path program;
  /// Further settings that must hold whatever the cluster's files say, for this start only.
  std::vector<std::pair<std::string, std::string>> overrides;
};

enum class StopMode {
  fast,       ///< disconnect clients, write a checkpoint: a clean shutdown
  immediate,  ///< as if the power went: the next start recovers
};

/// A server that was started and may not be ready yet. To give it up is not to stop it.
class Starting {
 public:
  Starting() = default;
  Starting(const Starting&) = delete;
  Starting& operator=(const Starting&) = delete;
  Starting(Starting&&) = delete;
  Starting& operator=(Starting&&) = delete;
  virtual ~Starting() = default;

  /// Waits until the server admits connections, to within milliseconds of its own. Errc::server
  /// with the last lines of its log when it ends or `patience` passes; it is then stopped.
  virtual Result<void> await_ready(std::chrono::milliseconds patience,
                                   const Cancellation& cancel) = 0;

  /// What the user should know of this start ("the image was pulled again"); empty: nothing.
  virtual std::string remark() const { return {}; }
};

/// What runs on a cluster, as seen now.
struct Seen {
  bool runs = false;
  bool is_ready = false;  ///< admits connections, or has until it was told to stop
  pid_t pid = 0;          ///< a process of this machine; 0 where that cannot be told
  std::chrono::sys_seconds started_at;
  /// Where its socket is by its own account, which is elsewhere than asked for when somebody
  /// started it by hand; empty where nobody could.
  fs::path socket_directory;
  int socket_port = 0;
  /// What somebody changed behind Velo's back, in words: "its container velo-demo-dev was stopped".
  /// Of a server that does not run it says how that is seen; it may have been Velo.
  std::string remark;
};

/// What a runtime holds for a cluster beside the cluster itself, found without being asked for one.
struct Held {
  std::string name;  ///< "the container velo-demo-dev"
  fs::path pgdata;
  fs::path log;            ///< its server's log file, which lies in the home that it belongs to
  std::string removed_by;  ///< what a person types to take it away: "docker rm -f velo-demo-dev"
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

  /// Whether it can run servers here, and what that rests on, in words: "the Docker daemon 20.10.24
  /// answers". An error says why not.
  virtual Result<std::string> check(const Cancellation& cancel) const = 0;

  /// The build that serves a wish. Errc::not_found says what there is and how to get more.
  virtual Result<Build> choose_build(const BuildWish& wish, const Cancellation& cancel) = 0;

  /// Whether the build that a cluster was made with is still there. Says in words where another one
  /// would open it ("the image is another one now"), nothing where all is as recorded.
  /// Errc::not_found, with what to do, when nothing could.
  virtual Result<std::string> find_build(const Build& build, const Cancellation& cancel) const = 0;

  /// Whether a server of `owner`'s may listen there: on an address of this machine's, and on a port
  /// that it has the right to (0: whichever will be chosen). Who listens there now does not matter.
  /// Errc::usage or permission says what to choose instead.
  virtual Result<void> check_listening(const std::string& address, int port,
                                       const OsUser& owner) const = 0;

  /// Makes a new cluster of `spec.build` in `spec.pgdata`, which is missing or empty: superuser
  /// `postgres`, data checksums, UTF-8, the gate closed to all but that superuser on the socket
  /// (postgres/initdb.h). Durable when it returns, and no server runs. Errc::server with initdb's
  /// own words in detail.
  virtual Result<void> make_cluster(const ServerSpec& spec, const postgres::Settings& settings,
                                    const Cancellation& cancel) = 0;

  /// Starts a server on a cluster that has none; what a killed one left (pid file, socket) is
  /// cleared away first, once its last process has ended. Returns when the program runs, before it
  /// is ready: what can be done meanwhile is the caller's. Errc::in_use when the port is taken (by
  /// whom, where that can be told) or processes of an earlier server do not end, Errc::not_found
  /// when the build or the archive is gone, Errc::server otherwise.
  virtual Result<std::unique_ptr<Starting>> start(const ServerSpec& spec) = 0;

  /// Stops whatever server runs on this cluster; none is success. Escalates to `immediate` and then
  /// to SIGKILL when it does not end in time, so it is bounded. The directory may be gone already.
  virtual Result<void> stop(const fs::path& pgdata, StopMode mode) = 0;

  /// Has the server read its configuration files again; none running is success.
  virtual Result<void> reload(const fs::path& pgdata) = 0;

  /// What runs on this cluster.
  virtual Result<Seen> inspect(const fs::path& pgdata) const = 0;
  /// The same of many, in their order, with as few questions as can be; for whoever looks at all
  /// and must not be held up.
  virtual Result<std::vector<Seen>> inspect_all(const std::vector<fs::path>& clusters,
                                                const Cancellation& cancel) const = 0;
  /// Whether the server on this cluster runs the very files that a start of `build` would run now,
  /// its libraries among them: none of them was upgraded since it began. false where that cannot be
  /// told. As the server's user or root.
  virtual bool runs_as_installed(const fs::path& pgdata, const Build& build) const = 0;
  /// Whether it can start servers with ServerSpec::promotes_at_end.
  virtual bool can_promote() const { return false; }
  /// Everything that it holds on this machine, of every home; nothing where servers are all there
  /// is.
  virtual Result<std::vector<Held>> list(const Cancellation& cancel) const = 0;

  /// Brings the server's log file (ServerSpec::log) up to date, where the server does not write it
  /// itself.
  virtual Result<void> collect_log(const fs::path& pgdata, const fs::path& log) = 0;
  /// Waits a little until nothing of an earlier server works on the cluster any more: backends can
  /// outlive a postmaster that was killed. Errc::in_use names what still does.
  virtual Result<void> await_leftovers(const fs::path& pgdata) const = 0;

  // What an earlier Velo ran its servers in can be put aside, and brought back as it was. Optional:
  // Errc::unsupported.

  /// What there is of that name, in a form that the two below take; changes nothing.
  /// Errc::not_found.
  virtual Result<std::string> look_at_foreign(const std::string& name) const;
  /// Stops it cleanly, and leaves it under another name, so that it is not started again. An
  /// `aside` that is there already is success.
  virtual Result<void> put_foreign_aside(const std::string& was);
  virtual Result<void> bring_foreign_back(const std::string& was);

  /// The number in the name of the control connection's socket, for a server that clients find with
  /// `port`.
  virtual int socket_port(int port) const = 0;
};

}  // namespace velo::runtime
