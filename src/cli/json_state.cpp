#include "cli/json_state.h"

#include <nlohmann/json.hpp>

namespace velo::cli::json {
namespace {

using Json = nlohmann::ordered_json;

std::string document(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

}  // namespace

std::string replaced_state(const engine::ReplacedState& state, bool dry_run) {
  Json adopted = Json::array();
  for (const auto& one : state.adoption.adopted) {
    adopted.push_back(
        {{"name", one.name}, {"volume", one.volume}, {"note", text_or_null(one.note)}});
  }
  Json left = Json::array();
  for (const auto& one : state.adoption.left) {
    left.push_back({{"volume", text_or_null(one.volume)}, {"pool", one.pool}, {"why", one.why}});
  }
  return document({{"dry_run", dry_run},
                   {"source", state.source},
                   {"replaced_in", text_or_null(state.replaced_in)},
                   {"adopted", std::move(adopted)},
                   {"left", std::move(left)},
                   {"missing", state.adoption.missing},
                   {"notes", state.notes}});
}

std::string backups(const std::vector<engine::BackupView>& backups) {
  Json all = Json::array();
  for (const engine::BackupView& one : backups) {
    all.push_back({{"file", one.file},
                   {"made_at", to_rfc3339(one.made_at)},
                   {"damage", text_or_null(one.damage)}});
  }
  return document({{"backups", std::move(all)}});
}

std::string exported(const std::string& file) {
  return document({{"file", file}});
}

std::string imported(const engine::ImportReport& report, bool undo, bool dry_run) {
  Json branches = Json::array();
  for (const engine::ImportedBranch& one : report.branches) {
    branches.push_back({{"name", one.name},
                        {"source", text_or_null(one.source)},
                        {"volume", one.volume},
                        {"port", one.port}});
  }
  return document({{"undo", undo},
                   {"dry_run", dry_run},
                   {"branches", std::move(branches)},
                   {"notes", report.notes}});
}

}  // namespace velo::cli::json
