// Whom the users in a container are outside of it, and how a server there comes to run as the owner
// of its cluster's files.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <filesystem>

#include "base/error.h"
#include "runtime/docker_api.h"
#include "runtime/docker_image.h"
#include "runtime/runtime.h"

namespace velo::runtime {

enum class Users {
  /// Uids mean inside what they mean outside: the host's user namespace, also on a daemon that maps
  /// the users of containers.
  same,
  /// Podman of the user's own maps that user onto itself.
  keep_id,
  /// A Docker daemon of the user's own: uid 0 is that user, every other uid is nobody's that Velo
  /// could act as. As PostgreSQL refuses to run as uid 0, velo-map-user (helper/map_user.cpp) makes
  /// a user namespace within the container's, where that one user has its own uid.
  nested,
};

/// Of the daemon. `info` is what GET /info answers. Errc::unsupported where it runs without root
/// and is not the caller's own: nobody else could act as the users in its containers.
Result<Users> users_of(const DockerApi& api, const nlohmann::json& info);
/// The same of one that a project was already made on: what root listens for is not asked, which
/// would take milliseconds.
Result<Users> users_of(DockerApi& api);

/// That what servers there need is here: velo-map-user, where they are nested.
Result<void> check_users(Users users);

/// Writes into the configuration of a container, which has its HostConfig.Mounts, whom its program
/// runs as. Ordinary users get a passwd file in `spec.run_directory`, for the image need not know
/// them.
Result<void> run_as_owner(nlohmann::json& config, Users users, const ServerSpec& spec,
                          const Image& image);

/// A bind mount as the API has it: the daemon makes no directory that is missing.
nlohmann::json bind_mount(const std::filesystem::path& path, const std::filesystem::path& inside,
                          bool read_only);

}  // namespace velo::runtime
