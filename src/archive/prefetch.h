// Segments made ready before PostgreSQL asks for them, beside a lineage file, in `prefetch/`.
//
// A file there is called `<segment>.<key>`. It was read with all of Store::get's checks, and the
// key stands for the file that it was read from (where it is, its size and its times) and for this
// boot of the machine. It is served only when the lineage leads to that very file now: a lineage
// that changed, a file that was replaced and a power loss in the middle of writing all make another
// key, or none. Any number of processes may make ready at once; each takes the segments that no
// other is at.
#pragma once

#include <filesystem>
#include <string_view>

#include "archive/lineage.h"

namespace velo::archive {

class Prefetch {
 public:
  /// How many segments are made ready behind the one that was served: replay of one takes longer
  /// than reading one, so a few are enough for uneven segments.
  static constexpr std::uint64_t ahead = 4;

  explicit Prefetch(const fs::path& lineage_file)
      : directory_(lineage_file.parent_path() / "prefetch") {}

  /// Moves to `target` what was made ready of `name`; false when nothing was that may be served.
  /// Errors as of find().
  Result<bool> take(const Lineage& lineage, std::string_view name, const fs::path& target) const;

  /// Makes ready the segments behind `served`, out of archives alone (a pg_wal's may still grow),
  /// and removes those up to it. Ends quietly at the first that it cannot make ready, for whatever
  /// reason: who asks for it is told.
  void make_ready(const Lineage& lineage, const postgres::WalName& served) const;

 private:
  void remove_but(const Lineage& lineage, const postgres::WalName& served) const;

  fs::path directory_;
};

/// Runs make_ready in a process of its own, which nobody waits for. The calling process has one
/// thread.
void make_ready_detached(const fs::path& lineage_file, const Lineage& lineage,
                         const postgres::WalName& served);

}  // namespace velo::archive
