#include "runtime/docker_users.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/our_programs.h"
#include "runtime/docker_answers.h"

namespace velo::runtime {
namespace {

using nlohmann::json;

constexpr const char* map_user = "velo-map-user";
constexpr const char* map_user_inside = "/velo-map-user";

Result<json> passwd_mount(const ServerSpec& spec) {
  const fs::path file = spec.run_directory / "passwd";
  const OsUser& owner = spec.build.owner;
  TRY(write_file(file,
                 fmt::format("root:x:0:0:root:/root:/bin/sh\n"
                             "postgres:x:{}:{}:PostgreSQL:/var/lib/postgresql:/bin/sh\n",
                             owner.uid, owner.gid),
                 0644));
  return bind_mount(file, "/etc/passwd", true);
}

}  // namespace

json bind_mount(const fs::path& path, const fs::path& inside, bool read_only) {
  return {{"Type", "bind"},
          {"Source", path.string()},
          {"Target", inside.string()},
          {"ReadOnly", read_only},
          {"BindOptions", {{"Propagation", "rprivate"}}}};
}

Result<Users> users_of(const DockerApi& api, const json& info) {
  const bool is_rootless =
      has_security_option(info, "name=rootless") ||
      (info.is_object() && info.value("Rootless", json()) == json(true));  // podman's word for it
  if (!is_rootless) return Users::same;
  // Where it cannot be told whose it is, it was the caller who named it.
  const uid_t owner = TRY(api.listener()).value_or(::geteuid());
  if (!running_as_root() && owner == ::geteuid()) {
    return api.is_podman() ? Users::keep_id : Users::nested;
  }
  const char* const kind = api.is_podman() ? "podman" : "Docker daemon";
  return fail_with_hint(
      Errc::unsupported,
      fmt::format("the {} at {} runs without root and maps users: a server's files would belong to "
                  "nobody that Velo can act as",
                  kind, api.endpoint()),
      fmt::format("run velo as the user whose {} it is, or use --runtime native", kind));
}

Result<Users> users_of(DockerApi& api) {
  // Of all others root's Velo and projects on root's daemon were refused when they were made.
  if (running_as_root() || TRY(api.listener()) == 0U) return Users::same;
  return users_of(api, TRY(api.get("/info")));
}

Result<void> check_users(Users users) {
  if (users == Users::nested) TRY(program_of_ours(map_user));
  return {};
}

Result<void> run_as_owner(json& config, Users users, const ServerSpec& spec, const Image& image) {
  const std::string owner = fmt::format("{}:{}", spec.build.owner.uid, spec.build.owner.gid);
  json& host = config["HostConfig"];
  config["User"] = users == Users::nested ? "0:0" : owner;
  host["UsernsMode"] = users == Users::keep_id ? "keep-id" : "host";
  if (!running_as_root()) host["Mounts"].push_back(TRY(passwd_mount(spec)));
  if (users != Users::nested) return {};
  host["Mounts"].push_back(bind_mount(TRY(program_of_ours(map_user)), map_user_inside, true));
  // Docker's seccomp profile lets nobody else make a user namespace. It is the user's own in there,
  // and the server has none of it.
  host["CapAdd"] = {"SYS_ADMIN"};
  config["Entrypoint"] = {map_user_inside, owner};
  for (const std::string& word : image.entrypoint) config["Entrypoint"].push_back(word);
  return {};
}

}  // namespace velo::runtime
