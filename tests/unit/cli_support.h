// What the tests of the command line share: an Output into strings, and things to show.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "cli/names.h"
#include "cli/output.h"
#include "engine/views.h"

namespace velo::cli::test {

inline constexpr Look plain{};
inline constexpr Look screen{.terminal = true, .colour = true, .width = 100};

/// Streams that are strings, and answers that are waiting.
struct Captured {
  explicit Captured(Look look = plain)
      : output{.out = Stream(into(out), look),
               .err = Stream(into(err), look),
               .input_is_terminal = look.terminal,
               .read_line = [this]() -> Result<std::optional<std::string>> { return answer; }} {}
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  Captured(Captured&&) = delete;
  Captured& operator=(Captured&&) = delete;
  ~Captured() = default;

  std::string out;
  std::string err;
  std::optional<std::string> answer;
  Output output;

 private:
  static Stream::Sink into(std::string& text) {
    return [&text](std::string_view more) {
      text += more;
      return 0;
    };
  }
};

inline Timestamp moment(std::string_view text) {
  return parse_rfc3339(text).value();
}
inline const Timestamp created = moment("2025-10-09T18:40:21Z");

inline engine::BranchView branch(const std::string& name, std::optional<std::string> parent,
                                 engine::ServerState state, int port) {
  engine::BranchView view;
  view.id = "0123456789abcdef";
  view.project = name.substr(0, name.find('/'));
  view.name = name.substr(name.find('/') + 1);
  view.full_name = name;
  view.is_main = !parent;
  view.parent = std::move(parent);
  view.state = state;
  if (state == engine::ServerState::running) {
    view.started_at = created;
    view.pid = 4711;
  }
  view.address = "127.0.0.1";
  view.port = port;
  view.created_at = created;
  view.driver = "btrfs";
  view.runtime = "native";
  view.pg_version = "15.18";
  view.volume = view.project + "-" + view.name;
  return view;
}

inline engine::ProjectView project(const std::string& name,
                                   std::vector<engine::BranchView> branches) {
  engine::ProjectView view;
  view.id = "fedcba9876543210";
  view.name = name;
  view.runtime = "native";
  view.driver = "btrfs";
  view.pool = "/var/lib/velo/pool";
  view.pg_major = 15;
  view.pg_version = "15.18";
  view.created_at = created;
  view.branches = std::move(branches);
  return view;
}

/// A catalog for the completion.
class ListedNames final : public Names {
 public:
  std::vector<std::string> projects() override { return {"demo", "shop"}; }
  std::vector<std::string> branches() override { return {"demo/main", "demo/dev", "shop/main"}; }
  std::vector<std::string> kept_branches() override { return {"demo/old"}; }
  std::vector<std::string> kept_projects() override { return {"gone"}; }
  std::vector<std::string> snapshots() override { return {"demo/main@before", "0a1b2c3d"}; }
  std::vector<std::string> config_keys() override { return {"grace", "guard"}; }
};

}  // namespace velo::cli::test
