#include "runtime/docker_api.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/fd.h"
#include "runtime/docker_answers.h"

namespace velo::runtime {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds ping_patience{10'000};

/// 1.40 (Docker 19.03) is the oldest that has all that Velo needs. It never asks for more than
/// 1.44, the oldest that the newest daemons still speak.
constexpr int oldest_minor = 40;
constexpr int wanted_minor = 44;

std::string endpoint_of_environment() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody writes the environment
  const char* const host = std::getenv("DOCKER_HOST");
  return host != nullptr && *host != '\0' ? host : "unix:///var/run/docker.sock";
}

/// "1.41" → 41; 0 for anything else.
int minor_of(std::string_view text) {
  int minor = 0;
  if (text.starts_with("1.")) std::from_chars(text.begin() + 2, text.end(), minor);
  return std::max(minor, 0);
}

}  // namespace

std::unexpected<Error> DockerApi::no_daemon(const Error& why) const {
  if (why.code == Errc::interrupted) return std::unexpected(why);
  if (why.code == Errc::permission) {
    return fail_with_hint(
        Errc::permission, fmt::format("you may not use the Docker daemon at {}", endpoint_),
        "become a member of the group docker, or use --runtime native for new projects");
  }
  return fail_with_hint(
      Errc::server,
      fmt::format("the Docker daemon at {} does not answer: {}", endpoint_, why.message),
      "start it (systemctl start docker), or say where it is: DOCKER_HOST=unix:///path");
}

Result<DockerApi> DockerApi::open(const Cancellation& cancel) {
  const std::string endpoint = endpoint_of_environment();
  DockerApi api(TRY(Http::to(endpoint)), endpoint, cancel);
  // Not /version: to tell all the versions the daemon starts programs, which takes milliseconds.
  const auto answer = api.http_.send({.target = "/_ping"}, ping_patience, cancel);
  if (!answer) return api.no_daemon(answer.error());
  const auto version = answer->headers.find("api-version");
  if (answer->status != 200 || version == answer->headers.end()) {
    return fail(Errc::server, "what answers at {} is no Docker daemon", endpoint);
  }
  const int newest = minor_of(version->second);
  if (newest < oldest_minor) {
    return fail_with_hint(
        Errc::server,
        fmt::format("the Docker daemon at {} is too old: it speaks version {} of the API", endpoint,
                    version->second),
        fmt::format("Velo needs 1.{} (Docker 19.03) or newer", oldest_minor));
  }
  api.newest_version_ = version->second;
  api.is_podman_ = answer->headers.contains("libpod-api-version");
  api.version_ = fmt::format("/v1.{}", std::min(newest, wanted_minor));
  return api;
}

Result<std::optional<uid_t>> DockerApi::listener() const {
  constexpr std::string_view scheme = "unix://";
  if (!endpoint_.starts_with(scheme)) return std::nullopt;
  const std::string path = endpoint_.substr(scheme.size());
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof name.sun_path) return std::nullopt;
  path.copy(name.sun_path, sizeof name.sun_path - 1);
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    return no_daemon(fail_errno(errno, "connect").error());
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return peer.uid;
}

Result<std::string> DockerApi::send(HttpRequest request, std::chrono::milliseconds patience) {
  request.target = version_ + request.target;
  auto answer = http_.send(request, patience, *cancel_);
  if (!answer) return no_daemon(answer.error());
  // 304: it is already so.
  if (answer->status / 100 != 2 && answer->status != 304) {
    return std::unexpected(refusal(answer->status, answer->body));
  }
  return std::move(answer->body);
}

Result<json> DockerApi::get(const std::string& path) {
  json answer = json::parse(TRY(fetch(path)), nullptr, /*allow_exceptions=*/false);
  if (answer.is_discarded()) {
    return fail(Errc::server, "the Docker daemon's answer to {} is no JSON", path);
  }
  return answer;
}

Result<json> DockerApi::post(const std::string& path, const json& body,
                             std::chrono::milliseconds patience) {
  const std::string answer = TRY(send(
      {.method = "POST", .target = path, .body = body.is_null() ? "" : body.dump()}, patience));
  if (answer.empty()) return json();
  json parsed = json::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) {
    return fail(Errc::server, "the Docker daemon's answer to {} is no JSON", path);
  }
  return parsed;
}

Result<void> DockerApi::remove(const std::string& path, std::chrono::milliseconds patience) {
  TRY(send({.method = "DELETE", .target = path}, patience));
  return {};
}

Result<bool> DockerApi::exists(const std::string& path) {
  const auto answer = send({.method = "HEAD", .target = path}, usual_patience);
  if (answer) return true;
  if (answer.error().code == Errc::not_found) return false;
  return std::unexpected(answer.error());
}

Result<std::string> DockerApi::fetch(const std::string& path, std::chrono::milliseconds patience) {
  return send({.target = path}, patience);
}

Result<void> DockerApi::stream(HttpRequest request, std::chrono::milliseconds patience) {
  TRY(send(std::move(request), patience));
  return {};
}

}  // namespace velo::runtime
