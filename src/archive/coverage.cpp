#include "archive/coverage.h"

#include <map>

#include "archive/store.h"

namespace velo::archive {
namespace {

using postgres::Lsn;

/// What the archives of a lineage may serve, and when it was put there.
struct Archived {
  std::map<std::string, Timestamp> segments;
  Lsn own_end = 0;  ///< the first byte behind the branch's own archive
};

Result<Archived> list(const Lineage& lineage) {
  Archived archived;
  for (const Source& source : lineage.sources) {
    if (source.kind != SourceKind::archive) continue;
    for (const Entry& entry : TRY(Store(source.directory).list())) {
      const auto name = postgres::parse_wal_name(entry.name);
      if (!name || name->kind != postgres::WalFile::segment ||
          !may_serve(source, *name, lineage.segment_size)) {
        continue;
      }
      archived.segments.emplace(entry.name, entry.put_at);
      if (!source.limit) {
        archived.own_end = std::max(archived.own_end, name->end(lineage.segment_size));
      }
    }
  }
  return archived;
}

}  // namespace

Result<Coverage> coverage_of(const Lineage& lineage, std::uint32_t first, Lsn redo,
                             std::uint32_t last) {
  const std::uint64_t size = lineage.segment_size;
  const Archived archived = TRY(list(lineage));
  Coverage coverage;
  std::uint32_t timeline = first;
  Lsn at = redo / size * size;
  for (;;) {
    const std::string name = postgres::segment_name(timeline, at, size);
    const auto found = archived.segments.find(name);
    bool is_there = found != archived.segments.end();
    if (is_there) {
      coverage.until = found->second;
    } else if (const auto elsewhere = find(lineage, name); elsewhere) {
      is_there = true;
      coverage.until.reset();
    } else if (elsewhere.error().code != Errc::not_found) {
      return std::unexpected(elsewhere.error());
    }
    if (is_there) {
      ++coverage.segments;
      at += size;
    } else if (timeline < last) {
      ++timeline;  // from some segment on it has the later timeline's name
    } else {
      break;
    }
  }
  coverage.end = at;
  if (archived.own_end > at) coverage.gap = postgres::segment_name(last, at, size);
  return coverage;
}

}  // namespace velo::archive
