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

struct DeleteRequest {
  std::string name;  ///< of a project, or "project/branch"
  /// A branch's descendants, a project's branches besides main: what has some is refused without.
  bool with_branches = false;
  /// Nothing is kept; and of what is deleted already and still kept, what was deleted last under
  /// that name goes now.
  bool at_once = false;
};
struct Deletion {
  std::vector<std::string> branches;    ///< what is gone, children first
  std::optional<Timestamp> kept_until;  ///< none when nothing is kept
};
/// What delete_project would delete; changes nothing. Refuses as delete_project does.
Result<Deletion> preview_delete_project(Engine& engine, const DeleteRequest& request);
/// Errc::has_children without `with_branches` names the branches. Where nothing is kept, what is
/// kept of branches that were deleted before goes as well: nothing could bring it back.
Result<Deletion> delete_project(Engine& engine, const DeleteRequest& request);
/// Brings back a project deleted within the grace period, with the branches deleted along with it.
Result<ProjectView> undelete_project(Engine& engine, const std::string& name);

}  // namespace velo::engine
