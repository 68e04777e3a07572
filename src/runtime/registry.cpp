#include "runtime/registry.h"

#include "base/text.h"
#include "runtime/docker.h"
#include "runtime/native.h"

namespace velo::runtime {

const std::vector<RuntimeInfo>& runtimes() {
  static const std::vector<RuntimeInfo> all{
      {"docker", "a container, of any PostgreSQL image", &open_docker, true, "docker"},
      {"native", "a PostgreSQL server process of this machine", &open_native, false, ""},
  };
  return all;
}

Result<std::unique_ptr<Runtime>> open_runtime(std::string_view name) {
  std::vector<std::string> names;
  for (const RuntimeInfo& info : runtimes()) {
    if (info.name == name) return info.open();
    names.emplace_back(info.name);
  }
  return fail_with_hint(Errc::usage, fmt::format("there is no runtime '{}'", name),
                        "choose from: " + join_words(names));
}

}  // namespace velo::runtime
