// `velo project`: servers with a family of branches.
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/json_views.h"
#include "cli/names.h"
#include "cli/prompt.h"
#include "cli/render.h"
#include "engine/projects.h"
#include "postgres/build.h"
#include "runtime/registry.h"
#include "storage/registry.h"

namespace velo::cli {
namespace {

Argument project_argument(std::string& target, std::string help = "The project's name") {
  return {.name = "NAME",
          .help = std::move(help),
          .assign = into(target),
          .complete = complete_projects()};
}

Argument doomed_argument(std::string& target) {
  Argument argument = project_argument(target);
  argument.more = {.flags = "--now", .complete = complete_kept_projects()};
  return argument;
}

std::vector<std::string> storage_names() {
  std::vector<std::string> names{"auto"};
  for (const storage::DriverInfo& driver : storage::drivers()) names.emplace_back(driver.name);
  return names;
}

std::vector<std::string> majors() {
  std::vector<std::string> words;
  for (int major = postgres::newest_major; major >= postgres::oldest_major; --major) {
    words.push_back(std::to_string(major));
  }
  return words;
}

std::string storage_help() {
  std::string help = "Where branches come from: auto";
  for (const storage::DriverInfo& driver : storage::drivers()) {
    help += fmt::format("; {}: {}", driver.name, driver.description);
  }
  return help;
}

std::vector<std::string> runtime_names() {
  std::vector<std::string> names{"auto"};
  for (const runtime::RuntimeInfo& info : runtime::runtimes()) names.emplace_back(info.name);
  return names;
}

std::string runtime_help() {
  std::string help = "What servers run as: auto";
  for (const runtime::RuntimeInfo& info : runtime::runtimes()) {
    help += fmt::format("; {}: {}", info.name, info.description);
  }
  return help;
}

std::string created_text(const engine::CreatedProject& created, bool quiet, const Look& look) {
  std::string text = render_connection(created.connection, look);
  if (quiet) return text;
  const std::string& project = created.project.name;
  return text +
         render_next(
             {{fmt::format("velo psql {}/main", project), "open psql in it"},
              {fmt::format("velo branch password {}/main", project), "the URL with its password"},
              {fmt::format("velo branch create {}/dev", project), "a copy to try things in"}},
             look);
}

Command create() {
  auto request = std::make_shared<engine::CreateProject>();
  return {
      .name = "create",
      .summary = "Make a project and its branch NAME/main, running",
      .details =
          "Names are letters, digits, _ and -, at most 63, and begin with a letter or digit.",
      .arguments = {{.name = "NAME",
                     .help = "The new project's name",
                     .assign = into(request->name)}},
      .options =
          {{.flags = "--pg-version",
            .value = "N",
            .help = "PostgreSQL's major version (default: 17 of images, else the newest installed)",
            .assign = into(request->pg_major, "--pg-version", postgres::oldest_major,
                           postgres::newest_major),
            .complete = complete_words(majors())},
           {.flags = "--storage",
            .value = "DRIVER",
            .help = storage_help(),
            .assign = into(request->storage, "--storage", storage_names()),
            .complete = complete_words(storage_names())},
           {.flags = "--pool",
            .value = "PLACE",
            .help = "Where the project's volumes live: a directory, or a ZFS pool's name",
            .assign = into(request->pool)},
           {.flags = "--runtime",
            .value = "RUNTIME",
            .help = runtime_help(),
            .assign = into(request->runtime, "--runtime", runtime_names()),
            .complete = complete_words(runtime_names())},
           {.flags = "--image",
            .value = "IMAGE",
            .help = "Run it in containers of this image (default: postgres:N-alpine)",
            .assign = into(request->image)},
           port_option(request->port),
           bind_option(request->address),
           setting_option(request->settings)},
      .examples = {{"velo project create demo", ""},
                   {"velo project create demo --pg-version 15 --pg-conf work_mem=64MB", ""},
                   {"velo project create demo --image ankane/pgvector:17", ""},
                   {"velo project create demo --storage btrfs --pool /srv/velo", ""},
                   {"velo project create demo --pool tank", ""}},
      .run = [request](Context& context) -> Result<int> {
        engine::Engine engine = TRY(context.open_engine());
        const auto created = TRY(engine::create_project(engine, *request));
        context.answer(
            [&] { return json::created_project(created); },
            [&](const Look& look) { return created_text(created, context.quiet(), look); });
        return 0;
      }};
}

Command list() {
  return {.name = "list",
          .aliases = {"ls"},
          .summary = "List the projects",
          .examples = {{"velo project list", ""}},
          .run = [](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.read_engine());
            const auto projects = TRY(engine::list_projects(engine));
            context.answer([&] { return json::projects(projects); },
                           [&](const Look& look) { return render_project_list(projects, look); });
            return 0;
          }};
}

Command get() {
  auto name = std::make_shared<std::string>();
  return {.name = "get",
          .summary = "Show one project",
          .arguments = {project_argument(*name)},
          .examples = {{"velo project get demo", ""}},
          .run = [name](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.read_engine());
            const auto project = TRY(engine::get_project(engine, *name));
            context.answer([&] { return json::project(project); },
                           [&](const Look& look) { return render_project(project, now(), look); });
            return 0;
          }};
}

Command remove() {
  auto request = std::make_shared<engine::DeleteRequest>();
  return {
      .name = "delete",
      .aliases = {"rm"},
      .summary = "Delete a project with its data",
      .details =
          "A project with more branches than main is deleted with --force only. On a terminal it "
          "asks "
          "first, unless --force; in a pipe it does not ask. What is deleted can be had back for a "
          "grace period (velo config get grace) with velo project undelete; --now frees its space "
          "at once, also that of a project that was deleted before and is still kept.",
      .arguments = {doomed_argument(request->name)},
      .options = {force_option(request->with_branches, "Do not ask; delete all branches as well"),
                  now_option(request->at_once)},
      .examples = {{"velo project delete demo", ""},
                   {"velo project delete demo --force", ""},
                   {"velo project delete demo --now", "keep nothing of it"}},
      .run = [request](Context& context) -> Result<int> {
        engine::Engine engine = TRY(context.open_engine());
        if (should_ask(context.output(), request->with_branches)) {
          const auto preview = TRY(engine::preview_delete_project(engine, *request));
          context.output().err.write(
              render_warning(fmt::format("project {}", request->name), preview));
          if (!TRY(confirm(context.output(), fmt::format("Delete {}?", request->name)))) {
            return declined(context.output());
          }
        }
        const auto deletion = TRY(engine::delete_project(engine, *request));
        context.answer([&] { return json::deletion(request->name, deletion); },
                       [&](const Look& look) {
                         return render_deletion(request->name, deletion,
                                                "velo project undelete " + request->name, look);
                       });
        return 0;
      }};
}

Command undelete() {
  auto name = std::make_shared<std::string>();
  return {.name = "undelete",
          .summary = "Bring a deleted project back, within its grace period",
          .arguments = {{.name = "NAME",
                         .help = "The deleted project's name",
                         .assign = into(*name),
                         .complete = complete_kept_projects()}},
          .examples = {{"velo project undelete demo", ""}},
          .run = [name](Context& context) -> Result<int> {
            engine::Engine engine = TRY(context.open_engine());
            const auto project = TRY(engine::undelete_project(engine, *name));
            context.answer([&] { return json::project(project); },
                           [&](const Look& look) {
                             return fmt::format("{} is back\n\n", project.name) +
                                    render_branch_list(project.branches, project.name, now(), look);
                           });
            return 0;
          }};
}

}  // namespace

Command project_command() {
  return {.name = "project",
          .aliases = {"proj"},
          .group = "Databases",
          .summary = "Create, list and delete projects",
          .details =
              "A project is a family of branches that share one PostgreSQL version. It always "
              "has the branch NAME/main.",
          .examples = {{"velo project create demo", "a server, with the branch demo/main"},
                       {"velo project list", ""}},
          .children = {create(), list(), get(), remove(), undelete()}};
}

}  // namespace velo::cli
