#include "cli/render_state.h"

#include "cli/table.h"

namespace velo::cli {

std::string render_replaced_state(const engine::ReplacedState& state, bool dry_run,
                                  const Look& look) {
  std::string text = fmt::format(
      "{} {}\n", dry_run ? "The catalog would be made of" : "The catalog is now", state.source);
  if (!state.replaced_in.empty()) {
    text += fmt::format("What was there is in {}\n", state.replaced_in);
  }
  for (const std::string& note : state.notes) text += note + "\n";
  const engine::AdoptionReport& found = state.adoption;
  if (!found.adopted.empty()) {
    text += fmt::format("\n{} from volumes that it had no record of:\n",
                        dry_run ? "Would be adopted" : "Adopted");
    Table table({{.title = "What"}, {.title = "Volume"}, {.title = "Note", .expendable = 1}});
    for (const auto& one : found.adopted) table.add({{one.name}, {one.volume}, {one.note}});
    text += table.render(look);
  }
  if (!found.left.empty()) {
    text += "\nLeft as they are, without a record:\n";
    for (const auto& one : found.left) {
      text += fmt::format("  {}{}: {}\n", one.pool, one.volume.empty() ? "" : ", " + one.volume,
                          one.why);
    }
  }
  if (!found.missing.empty()) {
    text += "\nRecords whose volume is not there (deleted since, or lost):\n";
    for (const std::string& one : found.missing) text += fmt::format("  {}\n", one);
  }
  text += dry_run ? "\nNothing was changed\n" : "\nvelo doctor looks at all of it\n";
  return text;
}

std::string render_backups(const std::vector<engine::BackupView>& backups, const Look& look) {
  if (backups.empty()) return "There is no backup of the catalog yet\n";
  Table table({{.title = "Made"}, {.title = "State"}, {.title = "File"}});
  for (const engine::BackupView& one : backups) {
    table.add({{to_local(one.made_at)},
               one.damage.empty() ? Cell{"sound", Colour::green} : Cell{one.damage, Colour::red},
               {one.file}});
  }
  return table.render(look);
}

std::string render_imported(const engine::ImportReport& report, bool undo, bool dry_run,
                            const Look& look) {
  if (report.branches.empty()) return "There is nothing in it\n";
  std::string text = undo ? (dry_run ? "Would be given back:\n" : "Given back:\n")
                          : (dry_run ? "Would be taken over:\n" : "Taken over:\n");
  Table table({{.title = "Branch"},
               {.title = "Port", .right = true},
               {.title = "Volume"},
               {.title = "From", .expendable = 1}});
  for (const engine::ImportedBranch& one : report.branches) {
    table.add({{one.name}, {std::to_string(one.port)}, {one.volume}, {one.source}});
  }
  text += table.render(look);
  for (const std::string& note : report.notes) text += note + "\n";
  if (dry_run) text += "\nNothing was changed\n";
  return text;
}

}  // namespace velo::cli
