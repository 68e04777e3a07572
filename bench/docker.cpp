// `velo branch create` in containers beside the bare floor of a container.
#include "bench/docker_floor.h"
#include "bench/groups.h"

namespace velo::bench {

Result<void> measure_docker(Bench& bench, const Parent& parent) {
  const std::string like = "template";
  TRY(bench.velo->run({"branch", "create", parent.branch(like)}));
  const ContainerTemplate container =
      TRY(container_template(bench.options->docker, *bench.velo, parent, like));
  const auto branch = [&]() -> Result<Millis> {
    const std::string name = fresh_branch(parent);
    const Millis took = TRY(create_and_ask(*bench.velo, name));
    TRY(delete_branch(*bench.velo, parent, name));
    return took;
  };
  const Group group{
      .section = parent.project,
      .title = docker_title,
      .base = "floor",
      .cases = {{floor_name, [&] { return create_container(parent, container); }},
                {create_name, branch}},
      .prepare = {},
      .notes = {"the floor begins with the daemon's create, on a volume that is cloned already"}};
  bench.results.push_back(TRY(run_rounds(group, bench.options->rounds)));
  return delete_branch(*bench.velo, parent, parent.branch(like));
}

}  // namespace velo::bench
