#include "runtime/docker.h"

#include <csignal>
#include <map>
#include <nlohmann/json.hpp>

#include "base/fault.h"
#include "base/files.h"
#include "base/text.h"
#include "postgres/build.h"
#include "postgres/cluster.h"
#include "postgres/initdb.h"
#include "postgres/number.h"
#include "runtime/archive_command.h"
#include "runtime/docker_answers.h"
#include "runtime/docker_api.h"
#include "runtime/docker_container.h"
#include "runtime/docker_foreign.h"
#include "runtime/docker_image.h"
#include "runtime/docker_log.h"
#include "runtime/docker_users.h"
#include "runtime/last_words.h"
#include "runtime/leftovers.h"
#include "runtime/port.h"
#include "runtime/postmasters.h"
#include "runtime/selinux.h"

namespace velo::runtime {
namespace {

using namespace std::chrono_literals;

constexpr auto stop_patience = 60s;
constexpr auto leftovers_patience = 5s;
constexpr auto first_start_patience = 5min;
constexpr int looked_at_lines = 100;
constexpr auto look_interval = 2s;  ///< between two looks into the log of a server that starts
constexpr int default_major = 17;

/// For calls that must not be ended by the Ctrl-C that led to them.
const Cancellation never;

std::string default_image(int major) {
  return fmt::format("postgres:{}-alpine", major == 0 ? default_major : major);
}

/// Watches a container that was started until its server is ready.
class Watch {
 public:
  /// `first`: the container makes the cluster. Its entrypoint runs a server of its own meanwhile,
  /// which listens nowhere; the real one is the first that listens.
  Watch(DockerApi& api, std::string id, fs::path pgdata, bool first)
      : api_(&api), id_(std::move(id)), pgdata_(std::move(pgdata)), first_(first) {}

  /// Errc::server with the end of the container's log. The container stays.
  Result<void> await(std::chrono::milliseconds patience, const Cancellation& cancel) const {
    const Deadline deadline(patience);
    const Container container = TRY(look_at(*api_, id_));
    if (has_ended(container)) return give_up("the server ended while starting");
    const std::optional<Process> process = process_of(container);
    Deadline next_look(look_interval);
    for (;;) {
      if (is_ready()) return {};
      if (next_look.passed()) {
        next_look = Deadline(look_interval);
        if (crashes_over_and_over(log_of(*api_, id_, looked_at_lines).value_or(""))) {
          return give_up("the server crashed while starting");
        }
      }
      // The wait for the first process's end is the pause between two looks.
      if (process ? TRY(process->wait(1ms)) : has_ended(TRY(look_at(*api_, id_)))) {
        return give_up("the server ended while starting");
      }
      TRY(cancel.check());
      if (deadline.passed()) {
        return give_up(fmt::format("the server was not ready after {} s", patience.count() / 1000));
      }
    }
  }

  std::unexpected<Error> give_up(const std::string& why) const {
    return did_not_start(why, log_of(*api_, id_, looked_at_lines).value_or(""));
  }

 private:
  /// One that the daemon started again had ended too.
  static bool has_ended(const Container& container) {
    return !container.runs || container.restarts > 0;
  }

  /// None when it has ended already, or the daemon's processes are not this machine's.
  static std::optional<Process> process_of(const Container& container) {
    if (container.pid == 0) return std::nullopt;
    auto process = Process::watch(container.pid);
    if (!process) return std::nullopt;
    return std::move(*process);
  }

  bool is_ready() const {
    const auto text = read_file(pgdata_ / "postmaster.pid");
    if (!text) return false;
    const auto file = postgres::parse_postmaster_pid(*text);
    return file && file->status == "ready" && (!first_ || !file->listen_address.empty());
  }

  DockerApi* api_;
  std::string id_;
  fs::path pgdata_;
  bool first_;
};

/// Keeps what a container said, and removes it.
Result<void> put_away(DockerApi& api, const std::string& id, const fs::path& log) {
  // The words are worth less than the container's end.
  if (!log.empty()) (void)append_log(api, id, log);
  return remove_container(api, id);
}

class StartingContainer final : public Starting {
 public:
  StartingContainer(DockerApi api, std::string id, const ServerSpec& spec, std::string remark)
      : api_(std::move(api)),
        id_(std::move(id)),
        pgdata_(spec.pgdata),
        log_(spec.log),
        remark_(std::move(remark)) {}

  Result<void> await_ready(std::chrono::milliseconds patience,
                           const Cancellation& cancel) override {
    auto ready = Watch(api_, id_, pgdata_, /*first=*/false).await(patience, cancel);
    if (!ready) {
      if (auto removed = put_away(api_, id_, log_); !removed) {
        ready.error().detail += removed.error().message + "\n";
      }
    }
    return ready;
  }

  std::string remark() const override { return remark_; }

 private:
  DockerApi api_;
  std::string id_;
  fs::path pgdata_;
  fs::path log_;
  std::string remark_;
};

/// The image that a cluster is opened with: by its digest, and only where that is gone by name.
struct Resolved {
  Image image;
  std::string remark;
};
Result<Resolved> resolve(DockerApi& api, const Build& build) {
  auto named = inspect_image(api, build.image);
  if (named && named->id == build.digest) return Resolved{std::move(*named), {}};
  auto same = inspect_image(api, build.digest);
  if (same) return Resolved{std::move(*same), {}};
  if (same.error().code != Errc::not_found) return std::unexpected(std::move(same).error());
  if (!named) {
    if (named.error().code != Errc::not_found) return std::unexpected(std::move(named).error());
    return fail_with_hint(Errc::not_found,
                          fmt::format("the image {} is gone from the Docker daemon", build.image),
                          "fetch it again: docker pull " + build.image);
  }
  return Resolved{std::move(*named),
                  fmt::format("the image {} is another one than the cluster was made with ({} is "
                              "gone)",
                              build.image, build.digest.substr(0, 19))};
}

Seen gone() {
  return {.remark = "its container is gone"};
}

/// The pid that a process knows itself by, in its container: the last of NSpid (proc(5)); 0 of
/// none.
pid_t inner_pid(pid_t pid) {
  const std::string status = read_file(fmt::format("/proc/{}/status", pid)).value_or("");
  for (const std::string_view line : lines_of(status)) {
    if (!line.starts_with("NSpid:")) continue;
    return postgres::parse_number<pid_t>(line.substr(line.find_last_of(" \t") + 1)).value_or(0);
  }
  return 0;
}

/// `start_known_to`: how far container.started_at can be off.
Seen seen_of(const Container& container, const fs::path& pgdata, pid_t postmaster,
             std::chrono::seconds start_known_to) {
  if (!container.runs) {
    return {.remark = fmt::format("its container {} was stopped, or ended by itself with exit code "
                                  "{}",
                                  container.name, container.exit_code)};
  }
  Seen seen{.runs = true, .pid = postmaster, .started_at = container.started_at};
  if (container.name != container.given_name) {
    seen.remark =
        fmt::format("its container {} was renamed to {}", container.given_name, container.name);
  }
  const auto text = read_file(pgdata / "postmaster.pid");
  const auto file = postgres::parse_postmaster_pid(text.value_or(""));
  // The file of an earlier run may still be there for a moment, and so may a container of which the
  // daemon has not noticed yet that its server was killed, with the backends that are left.
  // (Others' processes are root's alone to see.)
  const bool is_there = !running_as_root() || (file && file->pid == inner_pid(postmaster));
  seen.is_ready =
      is_there && file && file->started_at + start_known_to >= container.started_at &&
      (file->status == "ready" || file->status == "standby" || file->status == "stopping");
  if (file && seen.started_at == std::chrono::sys_seconds{}) seen.started_at = file->started_at;
  return seen;
}

class Docker final : public Runtime {
 public:
  std::string_view name() const override { return "docker"; }

  Result<std::string> check(const Cancellation& cancel) const override {
    DockerApi api = TRY(DockerApi::open(cancel));
    const auto info = TRY(api.get("/info"));
    TRY(check_users(TRY(users_of(api, info))));
    return fmt::format("the Docker daemon {} at {} answers (API {})",
                       text_at(info, "ServerVersion"), api.endpoint(), api.newest_version());
  }

  Result<Build> choose_build(const BuildWish& wish, const Cancellation& cancel) override {
    if (wish.major != 0 &&
        (wish.major < postgres::oldest_major || wish.major > postgres::newest_major)) {
      return fail_with_hint(
          Errc::usage, fmt::format("Velo does not know PostgreSQL {}", wish.major),
          fmt::format("choose one of {} to {}", postgres::oldest_major, postgres::newest_major));
    }
    DockerApi api = TRY(DockerApi::open(cancel));
    const std::string name = wish.image.empty() ? default_image(wish.major) : wish.image;
    const Image image = TRY(ensure_image(api, name, wish.tell));
    const ImageServer server = TRY(server_of(api, name, image));
    if (wish.major != 0 && server.major != wish.major) {
      return fail_with_hint(
          Errc::usage,
          fmt::format("the image {} holds PostgreSQL {}, not {}", name, server.version, wish.major),
          "leave out --pg-version, or choose another image");
    }
    return Build{.major = server.major,
                 .version = server.version,
                 .bin = {},
                 .image = name,
                 .digest = image.id,
                 .basic_archive = server.basic_archive,
                 .owner = running_as_root() ? server.user : TRY(Result<OsUser>(wish.server_user))};
  }

  /// The daemon listens: mostly root, for whom every port is open.
  Result<void> check_listening(const std::string& address, int port,
                               const OsUser& owner) const override {
    TRY(check_address_is_here(address));
    const auto right = port == 0 ? Result<void>() : check_right_to_port(port, owner);
    if (right || running_as_root()) return {};
    DockerApi api = TRY(DockerApi::open(never));
    return TRY(users_of(api)) == Users::same ? Result<void>() : right;
  }

  Result<std::string> find_build(const Build& build, const Cancellation& cancel) const override {
    DockerApi api = TRY(DockerApi::open(cancel));
    return TRY(resolve(api, build)).remark;
  }

  Result<void> make_cluster(const ServerSpec& spec, const postgres::Settings& settings,
                            const Cancellation& cancel) override {
    DockerApi api = TRY(DockerApi::open(never));
    const Image image = TRY(resolve(api, spec.build)).image;
    TRY(label_mounts(api, spec));
    const std::string id = TRY(create_first_start(api, spec, image));
    auto made = [&]() -> Result<void> {
      TRY(start_container(api, id));
      TRY(Watch(api, id, spec.pgdata, /*first=*/true).await(first_start_patience, cancel));
      return stop_container(api, id, stop_patience);
    }();
    if (auto removed = put_away(api, id, spec.log); !removed && made) return removed;
    TRY(std::move(made));
    return postgres::adopt_cluster(spec.pgdata, spec.build.owner, settings);
  }

  Result<std::unique_ptr<Starting>> start(const ServerSpec& asked) override {
    DockerApi api = TRY(DockerApi::open(never));
    ServerSpec spec = asked;
    const Resolved resolved = TRY(resolve(api, spec.build));
    // Of another image than the recorded one nobody knows what it has; every one has a shell.
    if (resolved.image.id != spec.build.digest) spec.build.basic_archive = false;
    if (!spec.archive.empty()) TRY(prepare_archive(spec.archive, spec.build.owner));
    TRY(check_address_is_here(spec.address));
    // First, for one that the daemon is about to start again holds the port.
    for (const Container& old : TRY(containers_of(api, spec.pgdata))) {
      TRY(put_away(api, old.id, old.log));
    }
    TRY(check_port(spec.address, spec.port));
    TRY(label_mounts(api, spec));
    {
      const ActAs owner(spec.build.owner);
      TRY(clear_leftovers(spec.pgdata, spec.run_directory, inner_port, leftovers_patience));
    }
    const std::string id = TRY(create_server(api, spec, resolved.image));
    if (auto started = start_container(api, id); !started) {
      (void)remove_container(api, id);
      return std::unexpected(std::move(started).error());
    }
    return std::make_unique<StartingContainer>(std::move(api), id, spec, resolved.remark);
  }

  Result<void> stop(const fs::path& pgdata, StopMode mode) override {
    DockerApi api = TRY(DockerApi::open(never));
    for (const Container& container : TRY(containers_of(api, pgdata))) {
      // Removing kills, which is what `immediate` means.
      if (container.runs && mode == StopMode::fast) {
        TRY(stop_container(api, container.id,
                           std::chrono::ceil<std::chrono::seconds>(patience_for(stop_patience))));
      }
      TRY(put_away(api, container.id, container.log));
    }
    return end_orphans(pgdata, leftovers_patience);
  }

  Result<void> reload(const fs::path& pgdata) override {
    // Not through the daemon where it can be helped: it takes any signal for a stop by hand and
    // would not start the container again when the machine comes up.
    const auto postmaster = postmasters_in({pgdata}).front();
    if (postmaster && ::kill(postmaster->pid, SIGHUP) == 0) return {};
    DockerApi api = TRY(DockerApi::open(never));
    for (const Container& container : TRY(containers_of(api, pgdata))) {
      if (!container.runs) continue;
      TRY(api.post("/containers/" + container.id + "/kill?signal=SIGHUP", {}));
    }
    return {};
  }

  Result<Seen> inspect(const fs::path& pgdata) const override {
    DockerApi api = TRY(DockerApi::open(never));
    const std::vector<Container> containers = TRY(containers_of(api, pgdata));
    if (containers.empty()) return gone();
    const Container& container = containers.front();
    return seen_of(container, pgdata, postmaster_of(container, pgdata).value_or(0), 0s);
  }

  /// The files of an image do not change, and a branch stays with its image.
  bool runs_as_installed(const fs::path& /*pgdata*/, const Build& build) const override {
    return !build.digest.empty();
  }

  Result<std::vector<Seen>> inspect_all(const std::vector<fs::path>& clusters,
                                        const Cancellation& cancel) const override {
    if (clusters.size() == 1) return std::vector<Seen>{TRY(inspect(clusters.front()))};
    DockerApi api = TRY(DockerApi::open(cancel));
    std::map<std::string, Container> containers;
    for (Container& container : TRY(all_containers(api))) {
      containers.emplace(container.pgdata, std::move(container));
    }
    const auto postmasters = postmasters_in(clusters);
    std::vector<Seen> all;
    for (size_t i = 0; i < clusters.size(); ++i) {
      const auto found = containers.find(clusters[i].string());
      if (found == containers.end()) {
        all.push_back(gone());
        continue;
      }
      Container& container = found->second;
      const auto& postmaster = postmasters[i];
      if (postmaster) container.started_at = postmaster->started_at;
      all.push_back(seen_of(container, clusters[i], postmaster ? postmaster->pid : 0, 1s));
    }
    return all;
  }

  Result<std::vector<Held>> list(const Cancellation& cancel) const override {
    DockerApi api = TRY(DockerApi::open(cancel));
    std::vector<Held> held;
    for (const Container& container : TRY(all_containers(api))) {
      held.push_back({.name = "the container " + container.name,
                      .pgdata = container.pgdata,
                      .log = container.log,
                      .removed_by = "docker rm -f " + container.name});
    }
    return held;
  }

  Result<void> await_leftovers(const fs::path& pgdata) const override {
    return await_last_backend(pgdata, leftovers_patience);
  }

  Result<void> collect_log(const fs::path& pgdata, const fs::path& log) override {
    DockerApi api = TRY(DockerApi::open(never));
    for (const Container& container : TRY(containers_of(api, pgdata))) {
      TRY(append_log(api, container.id, log));
    }
    return {};
  }

  Result<std::string> look_at_foreign(const std::string& container) const override {
    DockerApi api = TRY(DockerApi::open(never));
    return runtime::look_at_foreign(api, container);
  }
  Result<void> put_foreign_aside(const std::string& was) override {
    DockerApi api = TRY(DockerApi::open(never));
    return runtime::put_foreign_aside(api, was);
  }
  Result<void> bring_foreign_back(const std::string& was) override {
    DockerApi api = TRY(DockerApi::open(never));
    return runtime::bring_foreign_back(api, was);
  }

  int socket_port(int) const override { return inner_port; }
};

}  // namespace

std::unique_ptr<Runtime> open_docker() {
  return std::make_unique<Docker>();
}

}  // namespace velo::runtime
