#include "runtime/docker_foreign.h"

#include <nlohmann/json.hpp>

#include "runtime/docker_container.h"

namespace velo::runtime {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr std::chrono::seconds stop_patience = 60s;
constexpr auto aside_ending = ".before-import";

struct Foreign {
  std::string id;
  std::string name;
  std::string restart;
  bool ran = false;
};

Result<Foreign> foreign_in(const std::string& was) {
  const json text = json::parse(was, nullptr, /*allow_exceptions=*/false);
  if (!text.is_object()) return fail(Errc::state, "what a container was is not to be read");
  return Foreign{.id = text.value("id", ""),
                 .name = text.value("name", ""),
                 .restart = text.value("restart", "no"),
                 .ran = text.value("ran", false)};
}

Result<void> restart_policy(DockerApi& api, const std::string& id, const std::string& policy) {
  TRY(api.post("/containers/" + id + "/update", {{"RestartPolicy", {{"Name", policy}}}}));
  return {};
}

/// Also where it is called so already.
Result<void> rename(DockerApi& api, const std::string& id, const std::string& name) {
  if (TRY(look_at(api, id)).name == name) return {};
  TRY(api.post("/containers/" + id + "/rename?name=" + name, {}));
  return {};
}

}  // namespace

Result<std::string> look_at_foreign(DockerApi& api, const std::string& name) {
  const json found = TRY(api.get("/containers/" + name + "/json"));
  return json{{"id", found.value("Id", "")},
              {"name", name},
              {"ran", found.value(json::json_pointer("/State/Running"), false)},
              {"restart", found.value(json::json_pointer("/HostConfig/RestartPolicy/Name"), "no")}}
      .dump();
}

Result<void> put_foreign_aside(DockerApi& api, const std::string& was) {
  const Foreign container = TRY(foreign_in(was));
  TRY(restart_policy(api, container.id, "no"));
  TRY(stop_container(api, container.id, stop_patience));
  return rename(api, container.id, container.name + aside_ending);
}

Result<void> bring_foreign_back(DockerApi& api, const std::string& was) {
  const Foreign container = TRY(foreign_in(was));
  if (auto there = look_at(api, container.id); !there) {
    if (there.error().code == Errc::not_found) return {};  // somebody removed it
    return std::unexpected(std::move(there).error());
  }
  TRY(rename(api, container.id, container.name));
  if (!container.restart.empty()) TRY(restart_policy(api, container.id, container.restart));
  if (container.ran) return start_container(api, container.id);
  return {};
}

}  // namespace velo::runtime
