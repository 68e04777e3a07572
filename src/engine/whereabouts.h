// Which home this is and where its volumes are, kept beside the catalog for whoever has lost that:
// private/places.json. Volumes' marks say all the rest.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "engine/home.h"

namespace velo::catalog {
class Catalog;
}

namespace velo::engine {

struct Whereabouts {
  struct At {
    std::string driver;
    std::string pool;
    bool operator==(const At&) const = default;
  };
  std::string home_id;
  std::string key;         ///< that of fingerprint_of; empty: not known
  std::vector<At> places;  ///< in which a project was ever made
};

/// Tells another key from this home's, and nothing of what it is.
Result<std::string> fingerprint_of(const Home& home);

/// Errc::not_found when there is none, Errc::state when it is damaged.
Result<Whereabouts> read_whereabouts(const Home& home);
/// Writes it durably.
Result<void> write_whereabouts(const Home& home, const Whereabouts& whereabouts);

/// Writes it where there is none, or where it is another home's: with the catalog's projects.
Result<void> ensure_whereabouts(const Home& home, catalog::Catalog& catalog);
/// Adds a place before its first volume is made.
Result<void> note_place(const Home& home, catalog::Catalog& catalog, const Whereabouts::At& place);

}  // namespace velo::engine
