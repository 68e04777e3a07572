#include "runtime/docker_api.h"

#include <nlohmann/json.hpp>

#include <cstdlib>

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
int minor_of(const std::string& text) {
  if (!text.starts_with("1.")) return 0;
  return std::atoi(text.c_str() + 2);
}

bool mentions(const std::string& message, std::initializer_list<const char*> texts) {
  return std::ranges::any_of(
      texts, [&](const char* text) { return message.find(text) != std::string::npos; });
}

std::unexpected<Error> refusal(int status, const std::string& body) {
  const json answer = json::parse(body, nullptr, /*allow_exceptions=*/false);
  std::string message = answer.is_object() ? answer.value("message", "") : "";
  if (message.empty()) message = fmt::format("the daemon answers with status {}", status);
  if (mentions(message, {"port is already allocated", "address already in use"})) {
    return fail_with_hint(Errc::in_use, std::move(message),
                          "find out who listens there: ss -ltnp; or choose another: --port");
  }
  if (mentions(message, {"no space left on device"})) {
    return fail_with_hint(Errc::no_space, std::move(message),
                          "make room where Docker keeps its data: docker system df shows it");
  }
  // Podman's, whose package only recommends it.
  if (mentions(message, {"container-init binary not found"})) {
    return fail_with_hint(Errc::server, std::move(message),
                          "install the init for containers: sudo apt-get install catatonit");
  }
  if (status == 404) return fail_with_hint(Errc::not_found, std::move(message), "");
  if (status == 409) return fail_with_hint(Errc::in_use, std::move(message), "");
  return fail_with_hint(Errc::server, std::move(message),
                        "the daemon said so; its own log says more: journalctl -u docker");
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
  api.version_ = fmt::format("/v1.{}", std::min(newest, wanted_minor));
  return api;
}

Result<std::string> DockerApi::send(HttpRequest request, std::chrono::milliseconds patience) {
  request.target = version_ + request.target;
  auto answer = http_.send(request, patience, *cancel_);
  if (!answer) return no_daemon(answer.error());
  // 304: it is already so.
  if (answer->status / 100 != 2 && answer->status != 304) {
    return refusal(answer->status, answer->body);
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
