#include "runtime/docker_container.h"

#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/crypto.h"
#include "base/files.h"
#include "base/text.h"
#include "postgres/number.h"
#include "runtime/docker_answers.h"
#include "runtime/docker_users.h"
#include "runtime/owned_settings.h"

namespace velo::runtime {
namespace {

using nlohmann::json;

/// For parallel query and its hash tables (dynamic_shared_memory_type = posix); a limit, not a
/// reservation.
constexpr std::int64_t shared_memory_bytes = std::int64_t{1} << 30U;
/// What a shutdown checkpoint may take when the daemon stops the container by itself.
constexpr int stop_patience_s = 120;
/// How much longer than its own patience a call to stop may take.
constexpr std::chrono::seconds stop_margin{30};
constexpr int most_names = 100;

/// What the directory of the socket is inside: where images have their default one, and where
/// `docker exec … psql` looks.
constexpr const char* inner_socket_directory = "/var/run/postgresql";

json in_memory(const std::string& path) {
  return {{"Type", "tmpfs"}, {"Target", path}};
}

/// What every container of a cluster has.
Result<json> common_config(DockerApi& api, const ServerSpec& spec, const Image& image) {
  // What the image calls a volume would become an anonymous one: the cluster lies elsewhere.
  json mounts = json::array({bind_mount(spec.root, spec.root, false),
                             bind_mount(spec.run_directory, inner_socket_directory, false)});
  for (const std::string& path : image.volumes) mounts.push_back(in_memory(path));
  json config{{"Image", image.name},
              {"StopSignal", "SIGINT"},
              {"StopTimeout", stop_patience_s},
              {"Labels",
               {{"velo.project", spec.project},
                {"velo.branch", spec.branch},
                {"velo.volume", spec.root.string()},
                {"velo.pgdata", spec.pgdata.string()},
                {"velo.log", spec.log.string()}}},
              {"HostConfig",
               {{"Mounts", std::move(mounts)},
                {"Init", true},
                {"ShmSize", shared_memory_bytes},
                {"LogConfig",
                 {{"Type", "json-file"}, {"Config", {{"max-size", "16m"}, {"max-file", "2"}}}}}}}};
  TRY(run_as_owner(config, TRY(users_of(api)), spec, image));
  return config;
}

Result<std::string> create(DockerApi& api, const ServerSpec& spec, json config) {
  const std::string wanted = fmt::format("velo-{}-{}", spec.project, spec.branch);
  for (int number = 1;; ++number) {
    const std::string name = number == 1 ? wanted : fmt::format("{}.{}", wanted, number);
    config["Labels"]["velo.name"] = name;
    auto made = api.post("/containers/create?name=" + name, config);
    if (made) return text_at(*made, "Id");
    // The name is another container's: of another home, or of a project and branch whose names
    // come out the same.
    if (made.error().code != Errc::in_use || number == most_names) {
      return std::unexpected(std::move(made).error());
    }
  }
}

bool works_in(pid_t pid, const fs::path& directory) {
  struct stat there{};
  struct stat wanted{};
  return ::stat(fmt::format("/proc/{}/cwd", pid).c_str(), &there) == 0 &&
         ::stat(directory.c_str(), &wanted) == 0 && there.st_dev == wanted.st_dev &&
         there.st_ino == wanted.st_ino;
}

}  // namespace

namespace {

/// Those with a label, "name" or "name=value".
Result<std::vector<Container>> labelled(DockerApi& api, const std::string& label) {
  const json filter{{"label", {label}}};
  const json list = TRY(api.get("/containers/json?all=1&filters=" + url_escaped(filter.dump())));
  std::vector<Container> found;
  for (const Container& listed : containers_in(list)) {
    auto container = look_at(api, listed.id);
    if (container) {
      found.push_back(std::move(*container));
    } else if (container.error().code != Errc::not_found) {
      return std::unexpected(std::move(container).error());
    }
  }
  return found;
}

}  // namespace

Result<std::vector<Container>> containers_of(DockerApi& api, const fs::path& pgdata) {
  return labelled(api, fmt::format("velo.pgdata={}", pgdata.string()));
}

Result<std::vector<Container>> all_containers(DockerApi& api) {
  const json filter{{"label", {"velo.pgdata"}}};
  return containers_in(
      TRY(api.get("/containers/json?all=1&filters=" + url_escaped(filter.dump()))));
}

Result<Container> look_at(DockerApi& api, const std::string& id) {
  return container_in(TRY(api.get("/containers/" + id + "/json")));
}

Result<std::string> create_server(DockerApi& api, const ServerSpec& spec, const Image& image) {
  json config = TRY(common_config(api, spec, image));
  const std::string port = fmt::format("{}/tcp", inner_port);
  config["Env"] = {"PGDATA=" + spec.pgdata.string()};
  std::vector<std::string> command = server_arguments(
      spec, {.addresses = "*", .port = inner_port, .socket_directory = inner_socket_directory});
  command.insert(command.begin(), "postgres");
  config["Cmd"] = command;
  config["ExposedPorts"] = {{port, json::object()}};
  json& host = config["HostConfig"];
  const fs::path tls = spec.certificate.parent_path();
  host["Mounts"].push_back(bind_mount(tls, tls, true));
  if (!spec.archive.empty())
    host["Mounts"].push_back(bind_mount(spec.archive, spec.archive, false));
  host["PortBindings"] = {
      {port, {{{"HostIp", spec.address}, {"HostPort", std::to_string(spec.port)}}}}};
  host["RestartPolicy"] = {{"Name", "unless-stopped"}};
  return create(api, spec, std::move(config));
}

Result<std::string> create_first_start(DockerApi& api, const ServerSpec& spec, const Image& image) {
  json config = TRY(common_config(api, spec, image));
  config["Env"] = {"PGDATA=" + spec.pgdata.string(), "POSTGRES_USER=postgres",
                   "POSTGRES_DB=postgres",
                   // Nobody ever uses it, and `docker inspect` shows it for this moment only.
                   "POSTGRES_PASSWORD=" + to_hex(TRY(random_bytes(32))),
                   "POSTGRES_INITDB_ARGS=--data-checksums --encoding=UTF8 --no-sync"};
  // Nothing need be durable before the end, and nobody but Velo may come in.
  config["Cmd"] = {"postgres", "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"};
  config["HostConfig"]["NetworkMode"] = "none";
  return create(api, spec, std::move(config));
}

Result<void> start_container(DockerApi& api, const std::string& id) {
  TRY(api.post("/containers/" + id + "/start", {}));
  return {};
}

Result<void> stop_container(DockerApi& api, const std::string& id, std::chrono::seconds patience) {
  TRY(api.post(fmt::format("/containers/{}/stop?t={}", id, patience.count()), {},
               patience + stop_margin));
  return {};
}

Result<void> remove_container(DockerApi& api, const std::string& id) {
  auto removed = api.remove("/containers/" + id + "?force=1&v=1");
  if (removed || removed.error().code == Errc::not_found) return {};
  if (removed.error().code != Errc::in_use) return removed;
  // Somebody else is removing it: gone is gone.
  (void)api.post("/containers/" + id + "/wait?condition=removed", {});
  const auto left = look_at(api, id);
  if (!left && left.error().code == Errc::not_found) return {};
  return removed;
}

std::optional<pid_t> postmaster_of(const Container& container, const fs::path& pgdata) {
  if (container.pid == 0) return std::nullopt;
  std::vector<pid_t> candidates{container.pid};
  const auto children =
      read_file(fmt::format("/proc/{0}/task/{0}/children", container.pid)).value_or("");
  for (const std::string_view word : split(trim(children), ' ')) {
    candidates.push_back(postgres::parse_number<pid_t>(word).value_or(0));
  }
  for (const pid_t pid : candidates) {
    if (pid > 0 && works_in(pid, pgdata)) return pid;
  }
  return std::nullopt;
}

}  // namespace velo::runtime
