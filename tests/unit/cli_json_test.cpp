#include "cli/json_state.h"
#include "cli/json_views.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli_support.h"

namespace velo::cli {
namespace {

using engine::ServerState;
using nlohmann::json;
using test::branch;
using test::created;

engine::ConnectionView connection() {
  return {.branch = "demo/main",
          .url = "postgresql://postgres:secret@127.0.0.1:20000/postgres",
          .host = "127.0.0.1",
          .port = 20000,
          .user = "postgres",
          .password = "secret",
          .database = "postgres",
          .certificate = "/home/me/.velo/tls/x/server.crt",
          .masked_url = "postgresql://postgres:***@127.0.0.1:20000/postgres"};
}

TEST(JsonViews, ABranchHasStableKeysBytesAndUtcTimes) {
  auto view = branch("demo/dev", "demo/main", ServerState::running, 20001);
  view.sizes = engine::Sizes{50'000'000, 130'560, created};
  view.settings = {{"work_mem", "64MB"}};
  view.archives = true;
  view.kept = {{"demo/dev", "demo-dev", "reset", created, created + std::chrono::hours(24), 4096,
                "demo/dev"}};
  view.freed = engine::Freed{134'656, std::chrono::hours(24), 49'869'440, {"demo/main"}};
  EXPECT_EQ(json::parse(cli::json::branch(view)), json::parse(R"({"branch": {
    "id": "0123456789abcdef", "project": "demo", "name": "dev", "full_name": "demo/dev",
    "parent": "demo/main", "is_main": false, "role": null, "state": "running",
    "started_at": "2025-10-09T18:40:21.000000Z", "pid": 4711,
    "address": "127.0.0.1", "port": 20001,
    "sizes": {"referenced_bytes": 50000000, "exclusive_bytes": 130560,
              "measured_at": "2025-10-09T18:40:21.000000Z"},
    "created_at": "2025-10-09T18:40:21.000000Z", "reset_at": null,
    "driver": "btrfs", "runtime": "native", "pg_version": "15.18",
    "image": null, "image_digest": null, "remark": null, "volume": "demo-dev",
    "data_directory": "", "log_file": "", "settings": {"work_mem": "64MB"}, "archives": true,
    "kept": [{"branch": "demo/dev", "volume": "demo-dev", "reason": "reset",
              "kept_since": "2025-10-09T18:40:21.000000Z",
              "kept_until": "2025-10-10T18:40:21.000000Z", "exclusive_bytes": 4096,
              "comes_back_with": "demo/dev"}],
    "deleting": {"frees_bytes": 134656, "after_seconds": 86400, "stays_bytes": 49869440,
                 "shared_with": ["demo/main"]}}})"));
}

TEST(JsonViews, WhatIsNotThereIsNull) {
  const auto value =
      json::parse(cli::json::branch(branch("demo/main", std::nullopt, ServerState::stopped, 1)));
  for (const char* key : {"parent", "started_at", "pid", "sizes", "reset_at", "deleting"}) {
    EXPECT_TRUE(value["branch"].at(key).is_null()) << key;
  }
  EXPECT_EQ(value["branch"]["settings"], json::object());
  EXPECT_EQ(value["branch"]["archives"], false);
}

TEST(JsonViews, OnlyPasswordAndUrlHoldThePassword) {
  const auto main = branch("demo/main", std::nullopt, ServerState::running, 20000);
  EXPECT_EQ(cli::json::created_branch({main, connection()}).find("secret"), std::string::npos);
  EXPECT_EQ(
      cli::json::created_project({test::project("demo", {main}), connection()}).find("secret"),
      std::string::npos);
  EXPECT_EQ(json::parse(cli::json::connection(connection()))["connection"]["password"], "secret");
  EXPECT_EQ(json::parse(cli::json::url(connection()))["url"], connection().url);
}

TEST(JsonViews, EveryDocumentIsAnObjectWithAnEndOfLine) {
  for (const std::string& text :
       {cli::json::projects({}), cli::json::branches({}), cli::json::status({}),
        cli::json::operations({}), cli::json::up({}), cli::json::setup({}, true),
        cli::json::config({}), cli::json::config_list({}), cli::json::texts({{"version", "2"}}),
        cli::json::log("demo/dev", "/log", "one\ntwo\n"), cli::json::deletion("demo", {})}) {
    EXPECT_TRUE(json::parse(text).is_object()) << text;
    EXPECT_TRUE(text.ends_with("}\n")) << text;
  }
}

TEST(JsonViews, EmptyListsAreLists) {
  EXPECT_EQ(json::parse(cli::json::projects({})), json::parse(R"({"projects": []})"));
  EXPECT_EQ(json::parse(cli::json::status({})),
            json::parse(R"({"pools": [], "projects": [], "branch_pools": [],
                      "unfinished_operations": [], "kept": []})"));
}

TEST(JsonViews, APoolOfBranchesSaysWhatItIsOf) {
  const engine::BranchPoolView pool{
      .parent = "demo/main",
      .size = 4,
      .ready = 3,
      .stale = 1,
      .ephemeral = false,
      .follows = true,
      .based_on = engine::Basis{"0123456789abcdef", "seeded", created},
      .error = ""};
  EXPECT_EQ(json::parse(cli::json::branch_pools({pool})), json::parse(R"({"branch_pools": [
    {"parent": "demo/main", "size": 4, "ready": 3, "stale": 1, "ephemeral": false,
     "follows_newest": true,
     "based_on": {"snapshot": "0123456789abcdef", "label": "seeded",
                  "as_of": "2025-10-09T18:40:21.000000Z"},
     "error": null}]})"));
}

TEST(JsonViews, OfSeveralBranchesThoseThatFailedAreListed) {
  const auto value = json::parse(cli::json::created_branches(
      {{branch("demo/w1", "demo/main", ServerState::running, 20001), connection()}},
      {{"demo/w2", Error{Errc::already_exists, "taken", "", ""}}}));
  EXPECT_EQ(value["branches"].at(0)["full_name"], "demo/w1");
  EXPECT_EQ(value["failed"].at(0)["branch"], "demo/w2");
  EXPECT_EQ(value["failed"].at(0)["error"]["code"], "already_exists");
}

TEST(JsonViews, AFailedStartCarriesItsError) {
  engine::UpReport report;
  report.started = {"demo/main"};
  report.failed.emplace_back("demo/dev", Error{Errc::server, "no", "velo logs demo/dev", ""});
  EXPECT_EQ(json::parse(cli::json::up(report)), json::parse(R"({
    "started": ["demo/main"], "already_running": [],
    "failed": [{"branch": "demo/dev",
                "error": {"code": "server", "message": "no", "hint": "velo logs demo/dev",
                          "detail": null, "exit_code": 1}}]})"));
}

TEST(JsonViews, AReplacedCatalogSaysWhatBecameOfIt) {
  engine::ReplacedState state;
  state.source = "the backup /b";
  state.adoption.adopted = {{"demo/dev", "demo-dev", "it runs"}, {"demo/x", "demo-x", ""}};
  state.adoption.left = {{"", "/pool", "it is away"}};
  state.adoption.missing = {"demo/old"};
  EXPECT_EQ(json::parse(cli::json::replaced_state(state, true)), json::parse(R"({
    "dry_run": true, "source": "the backup /b", "replaced_in": null,
    "adopted": [{"name": "demo/dev", "volume": "demo-dev", "note": "it runs"},
                {"name": "demo/x", "volume": "demo-x", "note": null}],
    "left": [{"volume": null, "pool": "/pool", "why": "it is away"}],
    "missing": ["demo/old"], "notes": []
})"));
  EXPECT_EQ(json::parse(cli::json::backups({{"/b", Timestamp{}, ""}})), json::parse(R"({
    "backups": [{"file": "/b", "made_at": "1970-01-01T00:00:00.000000Z", "damage": null}]})"));
  EXPECT_EQ(json::parse(
                cli::json::imported({{{"demo/main", "tank/x", "x", 5433}}, {"note"}}, false, true)),
            json::parse(R"({
    "undo": false, "dry_run": true, "notes": ["note"],
    "branches": [{"name": "demo/main", "source": "tank/x", "volume": "x", "port": 5433}]})"));
}

TEST(JsonViews, ALogIsItsLines) {
  EXPECT_EQ(json::parse(cli::json::log("demo/dev", "/log", "one\ntwo\n"))["lines"],
            json::parse(R"(["one", "two"])"));
}

}  // namespace
}  // namespace velo::cli
