#include "cli/render_wal.h"

#include "base/size.h"
#include "base/text.h"
#include "cli/render.h"
#include "cli/table.h"

namespace velo::cli {
namespace {

Cell archiver_of(const engine::WalView& view) {
  if (view.forgets) return {"off: made with --no-archive", Colour::dim};
  if (!view.archives) return {"off: velo config set archive on", Colour::dim};
  const std::string behind =
      view.waiting == 0 ? ""
                        : fmt::format(", {} behind", counted(static_cast<std::size_t>(view.waiting),
                                                             "segment", "segments"));
  if (!view.last_failed.empty()) return {"fails at " + view.last_failed + behind, Colour::red};
  if (!view.failures) return {"not asked: the server does not run", Colour::dim};
  const std::string works =
      *view.failures == 0 ? "works" : fmt::format("works, failed {} times before", *view.failures);
  return {works + behind, Colour::green};
}

std::string words_for_none(const engine::WalView& view) {
  if (view.archives) return "at no moment: there is no snapshot to begin with";
  return view.forgets ? "at no moment: it was made with --no-archive"
                      : "at no moment: archiving is off (velo config set archive on)";
}

std::string segment_and_time(const std::optional<std::string>& name,
                             const std::optional<Timestamp>& at) {
  return name && at ? fmt::format("{}, archived {}", *name, to_local(*at)) : "";
}

std::string ratio_of(const engine::WalView& view) {
  if (view.stored == 0) return "";
  return fmt::format("{:.1f}",
                     static_cast<double>(view.original) / static_cast<double>(view.stored));
}

}  // namespace

std::string render_wal_list(const std::vector<engine::WalView>& views, const Look& look) {
  if (views.empty()) return no_projects_yet(look);
  Table table({{.title = "Branch"},
               {.title = "Archiver"},
               {.title = "Segments", .right = true},
               {.title = "Size", .right = true},
               {.title = "Gaps", .right = true, .expendable = 2},
               {.title = "Can be had", .expendable = 1}});
  for (const engine::WalView& view : views) {
    table.add(
        {{view.branch},
         archiver_of(view),
         {fmt::format("{}", view.segments)},
         {to_size(view.stored)},
         {fmt::format("{}", view.gaps.size()), view.gaps.empty() ? Colour::plain : Colour::red},
         {join_words(view.windows)}});
  }
  return table.render(look);
}

std::string render_wal(const engine::WalView& view, const Look& look) {
  std::string size = to_size(view.stored);
  if (const std::string ratio = ratio_of(view); !ratio.empty()) {
    size += fmt::format(", {} before compression ({} : 1)", to_size(view.original), ratio);
  }
  return render_pairs(
      {{"Branch", {view.branch, Colour::bold}},
       {"Archiver", archiver_of(view)},
       {"Archive", {view.archive}},
       {"Segments", {fmt::format("{}", view.segments)}},
       {"Size", {size}},
       {"Oldest", {segment_and_time(view.oldest, view.oldest_at)}},
       {"Newest", {segment_and_time(view.newest, view.newest_at)}},
       {"Missing", {join_words(view.gaps), Colour::red}},
       {"Can be had", {view.windows.empty() ? words_for_none(view) : join_words(view.windows)}}},
      look);
}

std::string render_wal_cleaned(const std::string& branch, const engine::WalCleaned& cleaned,
                               bool dry_run) {
  std::string text =
      fmt::format("{} of {} {} ({}).\n", counted(cleaned.removed, "segment", "segments"), branch,
                  dry_run ? "would be deleted" : "deleted", to_size(cleaned.freed));
  if (cleaned.needed > 0) {
    text +=
        fmt::format("{} as old {}: {} needs {}.\n", counted(cleaned.needed, "segment", "segments"),
                    cleaned.needed == 1 ? "stays" : "stay", cleaned.needed_by,
                    cleaned.needed == 1 ? "it" : "them");
  }
  if (!cleaned.windows.empty()) {
    text += fmt::format("{} can be had {}.\n", branch, join_words(cleaned.windows));
  }
  return text;
}

}  // namespace velo::cli
