// Containers: how Velo asks for one, and how it finds its own again.
//
// A container is found by the label that names its cluster's data directory, never by its name or a
// record: so one that somebody renamed is still found.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/process.h"
#include "runtime/docker_api.h"
#include "runtime/docker_image.h"
#include "runtime/runtime.h"

namespace velo::runtime {

/// The port inside a container, whatever it is published as: what other containers and `docker
/// exec` expect.
constexpr int inner_port = 5432;

struct Container {
  std::string id;
  std::string name;        ///< without the slash
  std::string given_name;  ///< the name that Velo gave it
  std::string log;         ///< the log file that its words belong in
  std::string pgdata;      ///< the cluster that it serves
  bool runs = false;
  int restarts = 0;  ///< how often the daemon started it again, after it had ended by itself
  int exit_code = 0;
  pid_t pid = 0;  ///< of its first process, on the daemon's machine; 0 when it does not run
  std::chrono::sys_seconds started_at;
};

/// The containers of a cluster; more than one only when somebody copied labels.
Result<std::vector<Container>> containers_of(DockerApi& api, const fs::path& pgdata);
/// Those of all clusters that Velo ever had on this daemon, asked for at once: without pid,
/// restarts and start, which a list does not tell.
Result<std::vector<Container>> all_containers(DockerApi& api);
/// One, as it is now.
Result<Container> look_at(DockerApi& api, const std::string& id);

/// Makes the container that serves the cluster, under the first free name of
/// velo-<project>-<branch>, with .2, .3… as volumes have; not started. It runs as the owner of the
/// files, with the volume, the certificate and the archive at the paths that they have outside, so
/// that every path in the cluster means the same on both sides, and the socket's directory where
/// images have theirs. The volume's directory must exist: the daemon refuses to start on an
/// unmounted pool rather than making an empty one.
Result<std::string> create_server(DockerApi& api, const ServerSpec& spec, const Image& image);

/// Makes the container whose first start makes the cluster (the image's own entrypoint); without a
/// network, never restarted.
Result<std::string> create_first_start(DockerApi& api, const ServerSpec& spec, const Image& image);

Result<void> start_container(DockerApi& api, const std::string& id);
/// SIGINT, a clean shutdown, then SIGKILL after `patience`.
Result<void> stop_container(DockerApi& api, const std::string& id, std::chrono::seconds patience);
/// With SIGKILL where it runs, and with its anonymous volumes; a missing one is success.
Result<void> remove_container(DockerApi& api, const std::string& id);

/// The postmaster among a container's processes, as this machine sees it: the first process or a
/// child of it that works in `pgdata`. Empty where the daemon's processes are not to be seen, or
/// the server is not that far.
std::optional<pid_t> postmaster_of(const Container& container, const fs::path& pgdata);

}  // namespace velo::runtime
