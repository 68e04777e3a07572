// The use cases of projects.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/views.h"

namespace velo::engine {

struct CreateProject {
  std::string name;
  int pg_major = 0;              ///< 0: the runtime's choice
  std::string image;             ///< empty: none, or the runtime's choice
  std::string storage = "auto";  ///< a driver's name, or auto
  std::string pool;     ///< a place; empty: chosen (docs/architecture.md, "Where volumes live")
  std::string runtime;  ///< a runtime's name, or auto; empty: what the config says
  int port = 0;         ///< 0: the next free one
  std::string address = "127.0.0.1";  ///< where it listens, an IPv4 address
  std::map<std::string, std::string> settings;
};

struct CreatedProject {
  ProjectView project;
  ConnectionView connection;  ///< of main
};

/// Makes NAME and NAME/main, running.
Result<CreatedProject> create_project(Engine& engine, const CreateProject& request);
Result<std::vector<ProjectView>> list_projects(Engine& engine);
Result<ProjectView> get_project(Engine& engine, const std::string& name);

struct Deletion {
  std::vector<std::string> branches;    ///< what is gone, children first
  std::optional<Timestamp> kept_until;  ///< none when nothing is kept
};
/// What delete_project would delete; changes nothing.
Result<Deletion> preview_delete_project(Engine& engine, const std::string& name);
/// `with_branches`: without it a project with more than main is refused (Errc::has_children).
Result<Deletion> delete_project(Engine& engine, const std::string& name, bool with_branches);
/// Brings back a project deleted within the grace period, with the branches deleted along with it.
Result<ProjectView> undelete_project(Engine& engine, const std::string& name);

}  // namespace velo::engine
