// Archives of WAL: whether they go on, and what is missing in them.

#include "base/text.h"
#include "engine/check_parts.h"
#include "engine/wal.h"

namespace velo::engine {
namespace {

void check_one(Findings& findings, const WalView& view) {
  if (!view.last_failed.empty()) {
    findings.add(
        Level::error, "archive.failing", view.branch,
        fmt::format("{}: its WAL cannot be archived since {}, and is kept in its volume",
                    view.branch, view.last_failed),
        fmt::format("velo logs {} tells why; the archive is {}", view.branch, view.archive));
  }
  if (!view.gaps.empty()) {
    findings.add(Level::warning, "archive.gap", view.branch,
                 fmt::format("{}: its archive lacks {}", view.branch, join_words(view.gaps)),
                 fmt::format("moments behind a gap can be had from a newer snapshot only: velo "
                             "snapshot create {}",
                             view.branch));
  }
  if (view.windows.empty()) {
    findings.add(Level::info, "archive.base", view.branch,
                 fmt::format("{}: there is no snapshot to recover it from", view.branch),
                 fmt::format("velo snapshot create {} makes one", view.branch));
  }
  if (view.last_failed.empty() && view.gaps.empty() && !view.windows.empty()) {
    findings.add(Level::ok, "archive.whole", view.branch,
                 fmt::format("{}: can be had {}", view.branch, join_words(view.windows)));
  }
}

}  // namespace

void check_archives(Findings& findings, const Known& known) {
  const auto views = wal_info(*known.engine, "");
  if (!views) {
    findings.failed(Level::warning, "archive.unread", "the archives of WAL", views.error());
    return;
  }
  for (const WalView& view : *views) {
    if (view.archives) check_one(findings, view);
  }
}

}  // namespace velo::engine
