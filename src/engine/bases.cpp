#include "engine/bases.h"

#include <algorithm>

namespace velo::engine {

const catalog::Snapshot* Bases::newest_of(const std::string& life, Timestamp latest) const {
  const catalog::Snapshot* found = nullptr;
  for (const catalog::Snapshot& one : snapshots) {
    if (one.of_incarnation_id != life || one.incarnation_id == life) continue;
    if (one.taken_at <= latest && (found == nullptr || found->taken_at < one.taken_at)) {
      found = &one;
    }
  }
  return found;
}

std::vector<catalog::Snapshot> Bases::all_of(const std::string& life) const {
  std::vector<catalog::Snapshot> found;
  std::ranges::copy_if(snapshots, std::back_inserter(found), [&](const catalog::Snapshot& one) {
    return one.of_incarnation_id == life && one.incarnation_id != life;
  });
  return found;
}

bool Bases::was_led(const catalog::Incarnation& life) const {
  return life.kept_reason != snapshot_reason ||
         std::ranges::any_of(snapshots, [&](const catalog::Snapshot& one) {
           return one.incarnation_id == life.id && one.of_incarnation_id == life.id;
         });
}

Timestamp forked_at(const catalog::Incarnation& life) {
  return life.forked_at.value_or(life.created_at);
}

const catalog::Incarnation* Lives::find(const std::string& id) const {
  const auto found = std::ranges::find(all, id, &catalog::Incarnation::id);
  return found == all.end() ? nullptr : &*found;
}

const catalog::Snapshot* Lives::base_of(const catalog::Incarnation& life, Timestamp latest) const {
  for (const catalog::Incarnation* at = &life; at != nullptr;) {
    if (const catalog::Snapshot* base = bases.newest_of(at->id, latest)) return base;
    if (!at->parent_incarnation_id || !at->fork_lsn) return nullptr;
    latest = std::min(latest, forked_at(*at));
    at = find(*at->parent_incarnation_id);
  }
  return nullptr;
}

std::vector<Need> needs_since(const Lives& lives, Timestamp since) {
  std::vector<Need> needs;
  for (const catalog::Incarnation& life : lives.all) {
    if (!lives.bases.was_led(life) || lives.forgetful.contains(life.branch_id)) continue;
    const bool may_come_back = life.kept_until.has_value();
    if (life.kept_since && *life.kept_since <= since && !may_come_back) continue;
    const Timestamp first =
        std::max(life.created_at, std::min(since, life.kept_since.value_or(since)));
    if (const auto* base = lives.base_of(life, first)) {
      needs.push_back({.base = base->incarnation_id, .life = life.id});
    }
  }
  return needs;
}

std::vector<catalog::Snapshot> bases_to_forget(const Lives& lives, const std::vector<Need>& needs,
                                               const std::string& life, Timestamp since) {
  std::vector<catalog::Snapshot> going = lives.bases.all_of(life);
  std::erase_if(going, [&](const catalog::Snapshot& one) {
    return one.purpose != base_purpose || one.taken_at >= since ||
           std::ranges::count(needs, one.incarnation_id, &Need::base) > 0;
  });
  return going;
}

std::optional<Hold> hold_on(const Lives& lives, const std::vector<Need>& needs,
                            const catalog::Incarnation& life, Timestamp since) {
  const auto own = lives.bases.all_of(life.id);
  const catalog::Snapshot* oldest = lives.base_of(life, life.created_at);  // of a life before it
  if (oldest == nullptr && !own.empty()) oldest = &own.front();
  if (oldest == nullptr || oldest->taken_at >= since) return std::nullopt;
  bool is_needed = false;
  std::optional<Hold> hold;
  for (const Need& need : needs) {
    if (need.base != oldest->incarnation_id) continue;
    is_needed = true;
    const auto* newest = lives.bases.newest_of(need.life, Timestamp::max());
    if (newest != nullptr && newest->incarnation_id != need.base) continue;  // it takes over
    if (!hold || need.life == life.id) {
      hold = Hold{.snapshot = oldest->incarnation_id, .life = need.life};
    }
  }
  if (hold || is_needed || oldest->purpose == base_purpose) return hold;
  return Hold{.snapshot = oldest->incarnation_id, .life = std::nullopt};
}

}  // namespace velo::engine
