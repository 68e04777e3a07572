// `velo setup`: a machine made ready for Velo, and taken back.
#include "engine/setup.h"

#include "base/size.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/json_views.h"
#include "cli/look.h"
#include "cli/prompt.h"

namespace velo::cli {
namespace {

struct Request {
  engine::SetupRequest setup;
  bool undo = false;
  bool force = false;
};

std::string line_of(std::string_view description, bool to_do, std::string_view remark,
                    const Look& look) {
  return fmt::format(
      "  {} {}{}\n", to_do ? paint("▸", Colour::cyan, look) : paint("✓", Colour::green, look),
      description, remark.empty() ? "" : paint(fmt::format(" ({})", remark), Colour::dim, look));
}

std::string steps_text(const engine::SetupReport& report, bool dry_run, const Look& look) {
  std::string text =
      paint(dry_run ? "velo setup would:" : "This machine is ready:", Colour::bold, look) + "\n";
  for (const engine::SetupStep& step : report.steps) {
    text += line_of(step.description, dry_run && !step.already_done,
                    step.already_done ? "already done" : "", look);
  }
  if (!report.login_due.empty()) {
    text += fmt::format("{} {} log in again: new groups count from the next login on\n",
                        report.login_due, dry_run ? "would then have to" : "has to");
  }
  return text;
}

std::string undone_text(const std::vector<engine::UndoStep>& steps, bool dry_run,
                        const Look& look) {
  if (steps.empty()) return "There is nothing to take back: velo setup did nothing here\n";
  std::string text =
      paint(dry_run ? "velo setup --undo would:" : "Taken back:", Colour::bold, look) + "\n";
  for (const engine::UndoStep& step : steps) {
    const std::string remark = step.left.empty() ? "" : "left: " + step.left;
    text += line_of(step.description, dry_run, remark, look);
  }
  return text;
}

Result<int> run_setup(Context& context, Request request) {
  // Root itself needs no group.
  const std::string& caller = context.environment().sudo_user;
  if (request.setup.user.empty() && caller != "root") request.setup.user = caller;
  const auto report = TRY(engine::setup(request.setup, context.progress(), context.cancel()));
  context.answer([&] { return json::setup(report, request.setup.dry_run); },
                 [&](const Look& look) { return steps_text(report, request.setup.dry_run, look); });
  return 0;
}

/// Whether a person, asked, says yes.
Result<bool> may_undo(Context& context, engine::UndoRequest& undo) {
  const auto data = TRY(engine::data_in_pools(undo));
  if (!data.empty()) {
    context.output().err.write(fmt::format(
        "This destroys the pool that setup made, with what it holds: {}\n", fmt::join(data, ", ")));
  }
  undo.with_data = TRY(confirm(context.output(), "Take back what velo setup did?"));
  return undo.with_data;
}

Result<int> run_undo(Context& context, const Request& request) {
  engine::UndoRequest undo{
      .record = request.setup.record, .with_data = request.force, .dry_run = request.setup.dry_run};
  if (!undo.dry_run && should_ask(context.output(), request.force) &&
      !TRY(may_undo(context, undo))) {
    return declined(context.output());
  }
  const auto steps = TRY(engine::undo_setup(undo, context.progress(), context.cancel()));
  context.answer([&] { return json::setup_undone(steps, undo.dry_run); },
                 [&](const Look& look) { return undone_text(steps, undo.dry_run, look); });
  return 0;
}

Assign into_path(std::filesystem::path& target) {
  return [&target](const std::string& word) -> Result<void> {
    if (!word.starts_with('/')) {
      return fail(Errc::usage, "'{}' is not an absolute path", word);
    }
    target = word;
    return {};
  };
}

std::vector<Option> options_of(Request& request) {
  engine::SetupRequest& setup = request.setup;
  const engine::SetupRequest defaults;
  return {
      {.flags = "--pool",
       .value = "POOL",
       .help = "The ZFS pool, or dataset in one, that users are to use (default: the only one)",
       .assign = into(setup.pool)},
      {.flags = "--create-pool",
       .value = "FILE",
       .help =
           "Make a ZFS pool in this file first, for trying out; --pool names it (default: velo)",
       .assign = into_path(setup.create_pool)},
      {.flags = "--size",
       .value = "SIZE",
       .help = "How large the pool is that is made, e.g. 20G; without --create-pool a btrfs pool",
       .assign = [&setup](const std::string& word) -> Result<void> {
         setup.size = TRY(parse_size(word));
         return {};
       }},
      {.flags = "--file",
       .value = "FILE",
       .help = fmt::format("Where the btrfs pool's file is (default: {})", defaults.file.string()),
       .assign = into_path(setup.file)},
      {.flags = "--mount",
       .value = "DIRECTORY",
       .help = fmt::format("Where it is mounted (default: {})", defaults.mount_point.string()),
       .assign = into_path(setup.mount_point)},
      {.flags = "--fstab",
       .value = "FILE",
       .help =
           fmt::format("Where the mount is written down (default: {})", defaults.fstab.string()),
       .assign = into_path(setup.fstab)},
      {.flags = "--sparse",
       .help = "Take disk space as it is used; when the disk fills up, servers fail",
       .assign = into(setup.sparse)},
      {.flags = "--user",
       .value = "USER",
       .help = "Who is to use Velo without root (default: who called sudo)",
       .assign = into(setup.user)},
      {.flags = "--group",
       .value = "GROUP",
       .help = fmt::format("The group that they are in (default: {})", defaults.group),
       .assign = into(setup.group)},
      {.flags = "--record",
       .value = "FILE",
       .help = fmt::format("Where what was done is written down, for --undo (default: {})",
                           defaults.record.string()),
       .assign = into_path(setup.record)},
      {.flags = "--undo",
       .help = "Take back what setup did, and nothing else",
       .assign = into(request.undo)},
      force_option(request.force, "With --undo: do not ask; destroy a pool that holds data"),
      {.flags = "--dry-run", .help = "Only say what would be done", .assign = into(setup.dry_run)}};
}

}  // namespace

Command setup_command() {
  auto request = std::make_shared<Request>();
  return {
      .name = "setup",
      .group = "This machine",
      .summary = "Make this machine ready: a pool, rights on it, groups; or take that back",
      .details =
          "Needs root. Makes the group velo, and adds who called sudo to it and, where Docker is "
          "installed, to the group docker. Where a ZFS pool is imported it makes the datasets "
          "that volumes live in, gives the group the rights on them, and installs the mount "
          "helper with its line in sudoers, so that no other command needs root. Elsewhere, and "
          "with --size, it makes a btrfs pool in a file. Can be repeated: what is done stays as it "
          "is, and an existing pool file is never formatted again.\n"
          "What it does is written down, and --undo takes back exactly that: what was there "
          "before, or was changed since, stays. A pool that holds data is destroyed with "
          "--force only, or after a question on a terminal.",
      .options = options_of(*request),
      .examples = {{"sudo velo setup", "on the ZFS pool that there is"},
                   {"sudo velo setup --pool tank", "of several"},
                   {"sudo velo setup --create-pool /var/lib/velo.zpool --size 20G", ""},
                   {"sudo velo setup --size 20G", "without ZFS: a btrfs pool in a file"},
                   {"sudo velo setup --size 20G --dry-run", "what it would do"},
                   {"sudo velo setup --undo", "and back"}},
      .run = [request](Context& context) -> Result<int> {
        return request->undo ? run_undo(context, *request) : run_setup(context, *request);
      }};
}

}  // namespace velo::cli
