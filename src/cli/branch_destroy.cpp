// `velo branch delete` and `velo branch reset`: what takes data away, and asks a person first.
#include <algorithm>

#include "base/text.h"
#include "cli/branch.h"
#include "cli/context.h"
#include "cli/json_views.h"
#include "cli/moment.h"
#include "cli/names.h"
#include "cli/prompt.h"
#include "cli/render.h"
#include "engine/config.h"
#include "engine/recovery.h"

namespace velo::cli {
namespace {

struct Request {
  std::string name;
  bool force = false;
};

Argument copy_argument(std::string& target) {
  Argument argument = branch_argument(target);
  argument.help = "The branch; not main";
  argument.complete = complete_copies();
  return argument;
}

Argument doomed_argument(std::string& target) {
  Argument argument = copy_argument(target);
  argument.more = {.flags = "--now", .complete = complete_kept_branches()};
  return argument;
}

/// What a reset would do, for a person; empty when the engine will refuse it anyway.
Result<std::string> reset_warning(engine::Engine& engine, const std::string& name) {
  const std::string project = name.substr(0, name.find('/'));
  const auto branches = TRY(engine::list_branches(engine, project));
  const auto branch = std::ranges::find(branches, name, &engine::BranchView::full_name);
  if (branch == branches.end() || !branch->parent) return std::string{};
  const auto grace = TRY(engine::get_config(engine, "grace"));
  const bool kept = !grace.value.starts_with('0');
  return fmt::format("This sets {} back to {}'s present state; its own changes go.\n{}\n", name,
                     *branch->parent,
                     kept ? fmt::format("They can be had back for {}.", grace.value)
                          : "Nothing is kept: there is no way back.");
}

Result<int> run_delete(Context& context, const engine::DeleteRequest& request) {
  engine::Engine engine = TRY(context.open_engine());
  if (should_ask(context.output(), request.with_branches)) {
    const auto preview = TRY(engine::preview_delete_branch(engine, request));
    context.output().err.write(render_warning(fmt::format("branch {}", request.name), preview));
    if (!TRY(confirm(context.output(), fmt::format("Delete {}?", request.name)))) {
      return declined(context.output());
    }
  }
  const auto deletion = TRY(engine::delete_branch(engine, request));
  context.answer([&] { return json::deletion(request.name, deletion); },
                 [&](const Look& look) {
                   return render_deletion(request.name, deletion,
                                          "velo branch undelete " + request.name, look);
                 });
  return 0;
}

Result<int> run_reset(Context& context, const Request& request) {
  engine::Engine engine = TRY(context.open_engine_for_servers());
  if (should_ask(context.output(), request.force)) {
    const std::string warning = TRY(reset_warning(engine, request.name));
    if (!warning.empty()) {
      context.output().err.write(warning);
      if (!TRY(confirm(context.output(), fmt::format("Reset {}?", request.name)))) {
        return declined(context.output());
      }
    }
  }
  const auto reset = TRY(engine::reset_branch(engine, request.name));
  answer_with_connection(context, reset,
                         [&](const Look& look) { return render_way_back(reset.branch, look); });
  return 0;
}

struct RestoreRequest {
  std::string name;
  std::string snapshot;
  Moment moment;
  bool force = false;
};

Result<int> run_restore(Context& context, const RestoreRequest& request) {
  const auto as_of = TRY(target_of(request.moment));
  if (request.snapshot.empty() != as_of.has_value()) {
    return fail_with_hint(Errc::usage, "say what to go back to: --snapshot ID, or --pitr TIME",
                          "velo snapshot list " + request.name + " shows what there is");
  }
  const std::string what = as_of ? engine::to_words(*as_of) : "the snapshot " + request.snapshot;
  engine::Engine engine = TRY(context.open_engine_for_servers());
  if (should_ask(context.output(), request.force)) {
    context.output().err.write(
        fmt::format("This sets {} back to {}; its clients are disconnected.\nWhat it holds now "
                    "becomes a snapshot.\n",
                    request.name, what));
    if (!TRY(confirm(context.output(), fmt::format("Restore {}?", request.name)))) {
      return declined(context.output());
    }
  }
  const auto restored = TRY(as_of ? engine::restore_branch_as_of(engine, request.name, *as_of)
                                  : engine::restore_branch(engine, request.name, request.snapshot));
  answer_with_connection(context, restored);
  return 0;
}

}  // namespace

Command branch_restore_command() {
  auto request = std::make_shared<RestoreRequest>();
  return {.name = "restore",
          .summary = "Set a branch back to a snapshot or an earlier moment",
          .details =
              "Port, password and URL stay; its children keep their data. On a terminal it asks "
              "first, unless --force; in a pipe it does not ask. What the branch held becomes a "
              "snapshot, until that is deleted.",
          .arguments = {branch_argument(request->name)},
          .options = {{.flags = "--snapshot",
                       .value = "ID",
                       .help = "An id, a label of this branch's, or PROJECT/BRANCH@LABEL",
                       .assign = into(request->snapshot),
                       .complete = complete_snapshots()},
                      pitr_option(request->moment),
                      lsn_option(request->moment),
                      restore_point_option(request->moment),
                      force_option(request->force, "Do not ask")},
          .examples = {{"velo branch restore demo/main --pitr '10 minutes ago'", ""},
                       {"velo branch restore demo/dev --snapshot before-migration", ""},
                       {"velo branch restore demo/main --snapshot demo/main@before-migration", ""}},
          .run = [request](Context& context) { return run_restore(context, *request); }};
}

Command branch_delete_command() {
  auto request = std::make_shared<engine::DeleteRequest>();
  return {
      .name = "delete",
      .aliases = {"rm"},
      .summary = "Delete a branch with its data",
      .details =
          "A branch that others were made from is deleted with --force only, and its whole "
          "family with it. On a terminal it asks first, unless --force; in a pipe it does "
          "not ask. What is deleted can be had back for a grace period (velo config get "
          "grace) with velo branch undelete; --now frees its space at once, also that of a "
          "branch that was deleted before and is still kept.",
      .arguments = {doomed_argument(request->name)},
      .options = {force_option(request->with_branches, "Do not ask; delete its children as well"),
                  now_option(request->at_once)},
      .examples = {{"velo branch delete demo/dev", ""},
                   {"velo branch delete demo/dev --force", "and its children"},
                   {"velo branch delete demo/dev --now", "keep nothing of it"}},
      .run = [request](Context& context) { return run_delete(context, *request); }};
}

Command branch_reset_command() {
  auto request = std::make_shared<Request>();
  return {.name = "reset",
          .summary = "Set a branch back to its parent's present state",
          .details =
              "Port, password and URL stay; its children keep their data. On a terminal it asks "
              "first, unless --force; in a pipe it does not ask. What it held before can be had "
              "back for a grace period with velo branch undelete.",
          .arguments = {copy_argument(request->name)},
          .options = {force_option(request->force, "Do not ask")},
          .examples = {{"velo branch reset demo/dev", ""}},
          .run = [request](Context& context) { return run_reset(context, *request); }};
}

}  // namespace velo::cli
