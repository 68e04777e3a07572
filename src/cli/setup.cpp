// `velo setup`: a pool for machines that have none.
#include "engine/setup.h"

#include "base/size.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/json_views.h"
#include "cli/look.h"

namespace velo::cli {
namespace {

std::string steps_text(const std::vector<engine::SetupStep>& steps, bool dry_run,
                       const Look& look) {
  std::string text =
      paint(dry_run ? "velo setup would:" : "The pool is ready:", Colour::bold, look);
  text += "\n";
  for (const engine::SetupStep& step : steps) {
    const bool to_do = dry_run && !step.already_done;
    text += fmt::format(
        "  {} {}{}\n", to_do ? paint("▸", Colour::cyan, look) : paint("✓", Colour::green, look),
        step.description, step.already_done ? paint(" (already done)", Colour::dim, look) : "");
  }
  return text;
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

}  // namespace

Command setup_command() {
  auto request = std::make_shared<engine::SetupRequest>();
  const engine::SetupRequest defaults;
  return {
      .name = "setup",
      .group = "This machine",
      .summary = "Make a btrfs pool in a file, for machines that have none",
      .details =
          "Needs root. Can be repeated: what is done stays as it is, and an existing pool file "
          "is never formatted again.",
      .options =
          {{.flags = "--size",
            .value = "SIZE",
            .help = "How large the pool is, e.g. 20G",
            .assign = [request](const std::string& word) -> Result<void> {
              request->size = TRY(parse_size(word));
              return {};
            }},
           {.flags = "--file",
            .value = "FILE",
            .help = fmt::format("Where the pool's file is (default: {})", defaults.file.string()),
            .assign = into_path(request->file)},
           {.flags = "--mount",
            .value = "DIRECTORY",
            .help = fmt::format("Where it is mounted (default: {})", defaults.mount_point.string()),
            .assign = into_path(request->mount_point)},
           {.flags = "--fstab",
            .value = "FILE",
            .help = fmt::format("Where the mount is written down (default: {})",
                                defaults.fstab.string()),
            .assign = into_path(request->fstab)},
           {.flags = "--sparse",
            .help = "Take disk space as it is used; when the disk fills up, servers fail",
            .assign = into(request->sparse)},
           {.flags = "--dry-run",
            .help = "Only say what would be done",
            .assign = into(request->dry_run)}},
      .examples = {{"sudo velo setup --size 20G", ""},
                   {"sudo velo setup --size 20G --dry-run", "what it would do"}},
      .run = [request](Context& context) -> Result<int> {
        if (request->size == 0) {
          return fail_with_hint(Errc::usage, "velo setup needs --size: how large the pool is",
                                "for example: velo setup --size 20G");
        }
        const auto steps = TRY(engine::setup_pool(*request, context.progress(), context.cancel()));
        context.answer([&] { return json::setup(steps, request->dry_run); },
                       [&](const Look& look) { return steps_text(steps, request->dry_run, look); });
        return 0;
      }};
}

}  // namespace velo::cli
