#include "engine/plan.h"

#include <nlohmann/json.hpp>

namespace velo::engine {
namespace {

using nlohmann::json;

json to_json_value(const std::vector<Action>& actions) {
  json list = json::array();
  for (const Action& action : actions) list.push_back({{"do", action.name}, {"with", action.args}});
  return list;
}

std::vector<Action> actions_from(const json& list) {
  std::vector<Action> actions;
  for (const json& item : list) {
    actions.push_back({item.at("do").get<std::string>(),
                       item.at("with").get<std::map<std::string, std::string>>()});
  }
  return actions;
}

}  // namespace

std::string to_json(const Plan& plan) {
  return json{{"branches", plan.branches},
              {"undo", to_json_value(plan.undo)},
              {"finish", to_json_value(plan.finish)}}
      .dump();
}

Result<Plan> plan_from_json(std::string_view text) {
  try {
    const json value = json::parse(text);
    return Plan{.branches = value.at("branches").get<std::vector<std::string>>(),
                .undo = actions_from(value.at("undo")),
                .finish = actions_from(value.at("finish"))};
  } catch (const json::exception& e) {
    return fail(Errc::state, "an operation's plan in the catalog is damaged: {}", e.what());
  }
}

}  // namespace velo::engine
