// Which snapshot a recovery begins with, and which of them nobody's recovery needs any more: the
// rules alone, on the catalog's records.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "catalog/records.h"

namespace velo::engine {

/// purpose of the snapshots that were taken so that a branch can be recovered, and by nobody's
/// wish.
inline constexpr std::string_view base_purpose = "base";
/// purpose of those that a schedule takes. With them it removes bases.
inline constexpr std::string_view schedule_purpose = "schedule";
/// kept_reason of the incarnations that are snapshots.
inline constexpr auto snapshot_reason = "snapshot";

inline bool is_automatic(std::string_view purpose) {
  return purpose == schedule_purpose || purpose == base_purpose;
}

/// All snapshots, as bases of recoveries: of the life that each shows. A life that a restore
/// replaced is none.
struct Bases {
  std::vector<catalog::Snapshot> snapshots;  ///< the oldest first

  /// The newest of a life that was taken by `latest`; null: none.
  const catalog::Snapshot* newest_of(const std::string& life, Timestamp latest) const;
  /// All of a life, the oldest first.
  std::vector<catalog::Snapshot> all_of(const std::string& life) const;
  /// Whether a life was really led by a branch: snapshots that were taken of one were not.
  bool was_led(const catalog::Incarnation& life) const;
};

/// A base of its parent life that was taken later holds what is not this life's past.
Timestamp forked_at(const catalog::Incarnation& life);

/// What says which bases stay.
struct Lives {
  std::vector<catalog::Incarnation> all;  ///< those of snapshots too
  Bases bases;
  std::set<std::string> forgetful;  ///< ids of branches that archive nothing

  const catalog::Incarnation* find(const std::string& id) const;  ///< null: gone
  /// The newest base by `latest` of this life or, where it has none, of the life that it came from,
  /// and so on; null: none.
  const catalog::Snapshot* base_of(const catalog::Incarnation& life, Timestamp latest) const;
};

/// That the moments of a life are recovered from a base, which may be another life's.
struct Need {
  std::string base;  ///< incarnation ids
  std::string life;
};
/// The base for each life's moments from `since` on: the newest before them. One that ended before
/// `since` needs none, unless it is in its grace period and may come back.
std::vector<Need> needs_since(const Lives& lives, Timestamp since);

/// The automatic bases of one life that lie before `since` and that none of `needs` is.
std::vector<catalog::Snapshot> bases_to_forget(const Lives& lives, const std::vector<Need>& needs,
                                               const std::string& life, Timestamp since);

/// Why the WAL of a life that reaches further back than `since` does not get less by itself.
struct Hold {
  std::string snapshot;  ///< the oldest base, from which on all WAL is kept
  /// The life that needs it and has no newer one: a snapshot of it would let go. None: nobody needs
  /// it, and somebody took it; deleting it would.
  std::optional<std::string> life;
};
/// None: nothing is held, or what holds it goes with time.
std::optional<Hold> hold_on(const Lives& lives, const std::vector<Need>& needs,
                            const catalog::Incarnation& life, Timestamp since);

}  // namespace velo::engine
