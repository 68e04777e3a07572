// A VELO_HOME of the test's own, opened, with an observer that remembers.
#pragma once

#include <string>
#include <vector>

#include "engine/engine.h"
#include "support/environment.h"

namespace velo::test {

class RememberingObserver final : public engine::Observer {
 public:
  void begin(std::string_view) override {}
  void step_started(std::string_view name) override { steps.emplace_back(name); }
  void step_finished(std::string_view, Seconds) override {}
  void notice(std::string_view text) override { notices.emplace_back(text); }
  void warning(std::string_view text) override { warnings.emplace_back(text); }

  std::vector<std::string> steps;
  std::vector<std::string> notices;
  std::vector<std::string> warnings;
};

class OpenedHome {
 public:
  OpenedHome() { std::filesystem::permissions(dir_.path(), std::filesystem::perms::owner_all); }

  std::filesystem::path path() const { return dir_.path() / "home"; }
  engine::Engine open(const std::string& command = "velo test") {
    auto opened = engine::Engine::open({.home = path(), .command = command, .path_variable = {}},
                                       observer, cancel);
    if (!opened) throw std::runtime_error(opened.error().message);
    return std::move(*opened);
  }

  RememberingObserver observer;
  Cancellation cancel;

 private:
  TempDirectory dir_;
};

}  // namespace velo::test
