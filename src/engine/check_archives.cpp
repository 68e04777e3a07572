// Archives of WAL: whether they go on, and what is missing in them.

#include <algorithm>

#include "base/size.h"
#include "base/text.h"
#include "catalog/catalog.h"
#include "engine/check_parts.h"
#include "engine/moments.h"
#include "engine/wal.h"

namespace velo::engine {
namespace {

/// Bases are taken a day apart at best: so much more than the period is nothing to tell.
constexpr auto grace_of_bases = std::chrono::days(1);
constexpr std::size_t short_id_size = 8;

/// What grows although the retention period is over, because nothing newer takes its base's place.
void check_length(Findings& findings, Engine& engine, const WalView& view, const Hold& hold,
                  const Lives& lives, std::chrono::seconds period) {
  const std::string long_one = fmt::format(
      "{}: its archive reaches back to {} and has {}, though moments of the last {} are kept: ",
      view.branch, to_local(*view.oldest_at), to_size(view.stored), to_duration(period));
  const bool is_twice_as_long = *view.oldest_at < now() - 2 * period;
  const Level level = is_twice_as_long ? Level::warning : Level::info;
  const auto snapshot = fmt::format("the snapshot {}", hold.snapshot.substr(0, short_id_size));
  if (!hold.life) {
    findings.add(level, "archive.long", view.branch,
                 long_one + snapshot + " is older, and may be recovered from",
                 fmt::format("velo snapshot delete {} lets the WAL behind it go",
                             hold.snapshot.substr(0, short_id_size)));
    return;
  }
  const catalog::Incarnation* life = lives.find(*hold.life);
  const auto holder = life == nullptr ? Result<BranchRecords>(fail(Errc::not_found, "gone"))
                                      : load_branch(engine, life->branch_id);
  if (!holder) return;
  findings.add(
      level, "archive.long", view.branch,
      long_one + fmt::format("{} has no newer base than {}", holder->full_name(), snapshot),
      fmt::format("velo snapshot schedule {0} --every 1d takes one a day; velo snapshot "
                  "create {0} takes one now",
                  holder->full_name()));
}

void check_lengths(Findings& findings, Engine& engine, const std::vector<WalView>& views) {
  const auto period = retention_period(engine);
  const auto lives = read_lives(engine);
  const auto schedules = engine.catalog().schedules();
  if (!period || !*period || !lives || !schedules) return;  // its own finding, or no limit
  const Timestamp since = now() - **period;
  const auto needs = needs_since(*lives, since);
  for (const WalView& view : views) {
    if (!view.archives || !view.oldest_at || *view.oldest_at >= since - grace_of_bases) continue;
    const auto b = find_branch(engine, view.branch);
    if (!b || std::ranges::count(*schedules, b->branch.id, &catalog::Schedule::branch_id) > 0) {
      continue;
    }
    if (const auto hold = hold_on(*lives, needs, b->incarnation, since)) {
      check_length(findings, engine, view, *hold, *lives, **period);
    }
  }
}

std::string last_archived(const WalView& view) {
  if (!view.newest || !view.newest_at) return "nothing is archived yet";
  return fmt::format("the last segment archived is {}, at {}", *view.newest,
                     to_local(*view.newest_at));
}

void check_one(Findings& findings, const WalView& view) {
  if (!view.last_failed.empty()) {
    findings.add(
        Level::error, "archive.failing", view.branch,
        fmt::format("{}: its WAL cannot be archived since {}, and is kept in its volume; {}",
                    view.branch, view.last_failed, last_archived(view)),
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
                 fmt::format("{}: can be had {}; {}", view.branch, join_words(view.windows),
                             last_archived(view)));
  }
}

}  // namespace

void check_archives(Findings& findings, const Known& known) {
  std::vector<WalView> views;
  for (const Life& life : known.lives) {
    const auto& branch = life.b.branch;
    if (branch.deleted_at || branch.incarnation_id != life.b.incarnation.id) continue;
    if (!life.presence) continue;  // reading what is not archived yet would wait for the pool
    auto one = wal_info(*known.engine, life.b.full_name());
    if (!one) {
      findings.failed(Level::warning, "archive.unread", life.b.full_name(), one.error());
      continue;
    }
    views.insert(views.end(), one->begin(), one->end());
  }
  for (const WalView& view : views) {
    if (view.archives) check_one(findings, view);
  }
  check_lengths(findings, *known.engine, views);
}

}  // namespace velo::engine
