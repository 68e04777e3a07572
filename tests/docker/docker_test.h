// A test on a Velo whose branches are containers.
#pragma once

#include <string>
#include <vector>

#include "support/velo.h"

namespace velo::test {

class DockerTest : public E2eTest {
 protected:
  void SetUp() override { set_up({.driver = "btrfs", .major = 17, .runtime = "docker"}); }
  void TearDown() override {
    for (const std::string& image : images_) run_docker({"rmi", "-f", image});
  }

  /// `docker inspect` of one value: "{{.Name}}".
  static std::string inspect(const std::string& container, const std::string& format) {
    std::string text = run_docker({"inspect", "--format", format, container});
    while (text.ends_with('\n')) text.pop_back();
    return text;
  }

  /// The names of the containers of this test's branches.
  std::vector<std::string> containers() const {
    std::vector<std::string> names;
    std::istringstream lines(run_docker({"ps", "--all", "--filter", "label=velo.volume", "--format",
                                         "{{.Names}} {{.Label \"velo.volume\"}}"}));
    for (std::string name, volume; lines >> name >> volume;) {
      if (volume.starts_with(velo->pool().string() + "/")) names.push_back(name);
    }
    std::ranges::sort(names);
    return names;
  }

  /// An image like postgres:17-alpine but for `change`, a line of a Dockerfile.
  std::string image_with(const std::string& name, const std::string& change) {
    std::string container = run_docker({"create", "--network", "none", "postgres:17-alpine"});
    while (container.ends_with('\n')) container.pop_back();
    run_docker({"commit", "-c", change, container, name});
    run_docker({"rm", "-v", container});
    images_.push_back(name);
    return name;
  }

  /// A project's container: names are the whole daemon's, so each test has a project of its own.
  static std::string container_of(const std::string& branch) {
    std::string name = "velo-" + branch;
    std::ranges::replace(name, '/', '-');
    return name;
  }

 private:
  std::vector<std::string> images_;
};

}  // namespace velo::test
