// Images: what one is made for, pulling it, and whom its server runs as.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/os_user.h"
#include "runtime/docker_api.h"

namespace velo::runtime {

struct Image {
  std::string name;  ///< what to make containers of it with: its name while that means it
  std::string id;    ///< "sha256:…": what the name means now
  std::map<std::string, std::string> environment;
  std::vector<std::string> volumes;     ///< the paths of its VOLUME lines
  std::string user;                     ///< of its USER line; mostly empty
  std::vector<std::string> entrypoint;  ///< what its ENTRYPOINT line executes; may be empty
};

/// Errc::not_found when the daemon does not have it. `name`: a reference or an id.
Result<Image> inspect_image(DockerApi& api, const std::string& name);

/// Pulls it when the daemon does not have it, with the credentials of Docker's own config file, and
/// tells each layer that has come. Errc::not_found when the registry has no such image,
/// Errc::no_space, Errc::server with the daemon's words.
Result<Image> ensure_image(DockerApi& api, const std::string& name,
                           const std::function<void(std::string_view)>& tell);

struct ImageServer {
  int major = 0;
  std::string version;
  bool basic_archive = false;  ///< it has that library of contrib's
  OsUser user;                 ///< named "uid:gid", as no user of this machine need have that uid
};
/// What its PostgreSQL is, what it has and whom it runs as: from the image's variables, its
/// /etc/passwd and its files, through a container that is made and not started; one that runs
/// `postgres --version` where the variables do not tell.
Result<ImageServer> server_of(DockerApi& api, const std::string& name, const Image& image);

}  // namespace velo::runtime
