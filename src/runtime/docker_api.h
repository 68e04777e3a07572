// The Docker Engine API as far as Velo needs it: finding the daemon, agreeing on a version, sending
// JSON, and errors in the daemon's own words.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/cancel.h"
#include "base/error.h"
#include "runtime/http.h"

namespace velo::runtime {

/// A conversation with the daemon. Not shared between threads.
class DockerApi {
 public:
  /// Connects to the daemon that DOCKER_HOST names, as every Docker client does, else to
  /// /var/run/docker.sock, and agrees on a version of the API. Errc::server when no daemon answers
  /// there or its API is too old, Errc::permission when it may not be talked to; each says what to
  /// do.
  static Result<DockerApi> open(const Cancellation& cancel);

  /// A request, answered with JSON (null where the answer has no body). Anything but 2xx is the
  /// daemon's message: Errc::not_found (404), in_use (409, or a port that is taken), no_space,
  /// server otherwise. Paths begin behind the version: "/containers/json".
  Result<nlohmann::json> get(const std::string& path);
  Result<nlohmann::json> post(const std::string& path, const nlohmann::json& body,
                              std::chrono::milliseconds patience = usual_patience);
  Result<void> remove(const std::string& path, std::chrono::milliseconds patience = usual_patience);
  /// A HEAD: whether there is such a thing.
  Result<bool> exists(const std::string& path);
  /// The answer as it is.
  Result<std::string> fetch(const std::string& path,
                            std::chrono::milliseconds patience = usual_patience);
  /// The answer in pieces, as they come, for as long as it takes.
  Result<void> stream(HttpRequest request, std::chrono::milliseconds patience);

  const std::string& endpoint() const { return endpoint_; }
  /// Who listens at its Unix socket, by uid; empty where it has none, or the kernel does not tell.
  /// Errc::server when nobody does.
  Result<std::optional<uid_t>> listener() const;
  /// The newest version of the API that the daemon speaks: "1.41".
  const std::string& newest_version() const { return newest_version_; }
  /// Whether it is podman's service that answers.
  bool is_podman() const { return is_podman_; }

  /// A daemon on a busy machine takes its time, above all to set up networks.
  static constexpr std::chrono::milliseconds usual_patience{60'000};

 private:
  DockerApi(Http http, std::string endpoint, const Cancellation& cancel)
      : http_(std::move(http)), endpoint_(std::move(endpoint)), cancel_(&cancel) {}
  Result<std::string> send(HttpRequest request, std::chrono::milliseconds patience);
  std::unexpected<Error> no_daemon(const Error& why) const;

  Http http_;
  std::string endpoint_;
  std::string version_;  ///< "/v1.41"
  bool is_podman_ = false;
  std::string newest_version_;
  const Cancellation* cancel_;
};

}  // namespace velo::runtime
