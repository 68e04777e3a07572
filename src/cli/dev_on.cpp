// `velo dev`: for those who test Velo. Only in velo-faults.
#include <nlohmann/json.hpp>

#include "base/fault.h"
#include "cli/commands.h"
#include "cli/context.h"

namespace velo::cli {
namespace {

Command list_fault_points() {
  return {.name = "fault-points",
          .summary = "List the places where this binary can be killed or made to fail",
          .examples = {{"velo dev fault-points", ""},
                       {"VELO_FAULT=branch.create/clone/done=kill velo branch create demo/dev",
                        "kill, error or wait; src/base/fault.h tells the rest"}},
          .run = [](Context& context) -> Result<int> {
            context.answer(
                [] {
                  nlohmann::ordered_json document;
                  document["fault_points"] = fault_points();
                  return document.dump(2);
                },
                [](const Look&) {
                  std::string text;
                  for (const std::string& point : fault_points()) text += point + "\n";
                  return text;
                });
            return 0;
          }};
}

}  // namespace

std::vector<Command> developer_commands() {
  return {{.name = "dev",
           .group = "This machine",
           .summary = "What only tests of Velo need",
           .children = {list_fault_points()}}};
}

}  // namespace velo::cli
