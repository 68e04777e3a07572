#include "bench/docker_floor.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/fd.h"
#include "base/time.h"

namespace velo::bench {
namespace {

using nlohmann::json;

/// One request over a connection of its own; HTTP/1.0, so that the answer ends with the connection.
Result<json> ask(const std::string& daemon, const std::string& request, const std::string& body) {
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  daemon.copy(name.sun_path, sizeof name.sun_path - 1);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    return fail_errno(errno, "connect to " + daemon);
  }
  const std::string text = fmt::format(
      "{} HTTP/1.0\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: "
      "{}\r\n\r\n{}",
      request, body.size(), body);
  if (::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(text.size())) {
    return fail_errno(errno, "send to " + daemon);
  }
  std::string answer;
  std::array<char, 65536> buffer{};
  for (ssize_t got; (got = ::read(socket.get(), buffer.data(), buffer.size())) > 0;) {
    answer.append(buffer.data(), static_cast<std::size_t>(got));
  }
  const std::size_t head = answer.find("\r\n\r\n");
  if (head == std::string::npos || !answer.starts_with("HTTP/1.") || answer.at(9) != '2') {
    return fail(Errc::server, "the daemon refuses {}: {}", request, answer);
  }
  return json::parse(answer.substr(head + 4), nullptr, /*allow_exceptions=*/false);
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

/// Removes it at the end of its scope.
class Container {
 public:
  Container(std::string daemon, std::string id) : daemon_(std::move(daemon)), id_(std::move(id)) {}
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;
  Container(Container&&) = delete;
  Container& operator=(Container&&) = delete;
  ~Container() {
    static_cast<void>(ask(daemon_, "DELETE /containers/" + id_ + "?force=1&v=1", ""));
  }
  Result<void> start() const {
    TRY(ask(daemon_, "POST /containers/" + id_ + "/start", ""));
    return {};
  }
  bool has_ended() const {
    const auto seen = ask(daemon_, "GET /containers/" + id_ + "/json", "");
    return !seen || !seen->value(json::json_pointer("/State/Running"), false);
  }

 private:
  std::string daemon_;
  std::string id_;
};

}  // namespace

Result<ContainerTemplate> container_template(const std::string& endpoint, const VeloHome& velo,
                                             const Parent& parent, const std::string& branch) {
  constexpr std::string_view scheme = "unix://";
  if (!endpoint.starts_with(scheme)) return fail(Errc::usage, "--docker takes unix:///path");
  const BranchFacts facts = TRY(velo.facts(parent.branch(branch)));
  ContainerTemplate made{.socket = endpoint.substr(scheme.size()),
                         .settings = {},
                         .volume = facts.data_directory.parent_path(),
                         .run_directory = {},
                         .port = facts.address.port};
  const json seen = TRY(
      ask(made.socket, fmt::format("GET /containers/velo-{}-{}/json", parent.project, branch), ""));
  json settings = json::object();
  for (const char* key : {"Image", "User", "StopSignal", "Env", "Cmd", "ExposedPorts"}) {
    settings[key] = seen.at("Config").at(key);
  }
  settings["HostConfig"] = seen.at("HostConfig");
  for (const json& mount : settings["HostConfig"].at("Mounts")) {
    if (mount.value("Target", "") == "/var/run/postgresql") {
      made.run_directory = mount.value("Source", "");
    }
  }
  made.settings = settings.dump();
  return made;
}

Result<Millis> create_container(const Parent& parent, const ContainerTemplate& container) {
  FloorServer floor = TRY(FloorServer::prepare(parent, CloneHow::snapshot));
  TRY(floor.clone());
  std::string settings = container.settings;
  settings = replaced(settings, container.volume.string(), (floor.directory() / "fs").string());
  settings =
      replaced(settings, container.run_directory.string(), (floor.directory() / "run").string());
  settings = replaced(settings, fmt::format(R"("HostPort":"{}")", container.port),
                      fmt::format(R"("HostPort":"{}")", floor.address().port));
  Millis took{};
  {
    const Stopwatch watch;
    const Container made(
        container.socket,
        TRY(ask(container.socket, "POST /containers/create", settings)).value("Id", ""));
    TRY(made.start());
    TRY(await_ready(floor.directory() / "fs/pgdata", [&] { return made.has_ended(); }));
    TRY(first_query(floor.address()));
    took = watch.elapsed();
  }
  TRY(floor.remove());
  TRY(settle(parent.place));
  return took;
}

}  // namespace velo::bench
