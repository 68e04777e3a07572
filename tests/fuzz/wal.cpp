// WAL positions, the names of WAL files, history files, and the lineage that a recovery reads.
#include "postgres/wal.h"
#include "archive/lineage.h"
#include "fuzz.h"
#include "postgres/recovery.h"

namespace {

using namespace velo;
using fuzz::require;

void check_segment(const postgres::WalName& name, std::uint64_t segment_size) {
  if (!name.fits(segment_size)) return;
  const postgres::Lsn start = name.start(segment_size);
  require(start < name.end(segment_size), "a segment ends behind its beginning");
  postgres::WalName plain = name;
  plain.kind = postgres::WalFile::segment;
  plain.offset = 0;
  require(postgres::segment_name(name.timeline, start, segment_size) == to_string(plain),
          "a segment is found again by its beginning");
  const auto next = postgres::later_segment(plain, 1, segment_size);
  require(next.start(segment_size) == name.end(segment_size), "the next one begins at its end");
}

void check_name(std::string_view text) {
  const auto name = postgres::parse_wal_name(text);
  if (!name) return;
  require(to_string(*name) == text, "a name is read as it was written");
  require(!text.contains('/') && !text.starts_with('.'), "a name stays in its directory");
  if (name->kind == postgres::WalFile::history) return;
  for (const unsigned bits : {20U, 24U, 30U}) check_segment(*name, std::uint64_t{1} << bits);
}

void check_lineage(std::string_view text) {
  const auto lineage = archive::parse_lineage(text);
  if (!lineage) return;
  const auto written = archive::to_text(*lineage);
  require(written.has_value(), "a lineage that was read can be written");
  const auto again = archive::parse_lineage(*written);
  require(again && *again == *lineage, "a lineage is read as it was written");
  const auto wal = postgres::parse_wal_name("000000010000000000000002");
  for (const archive::Source& source : lineage->sources) {
    const bool serves = archive::may_serve(source, *wal, lineage->segment_size);
    require(!serves || !source.limit || *source.limit >= wal->end(lineage->segment_size),
            "no ancestor serves what it wrote behind the fork");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  if (const auto lsn = postgres::parse_lsn(text)) {
    const auto again = postgres::parse_lsn(postgres::to_string(*lsn));
    require(again && *again == *lsn, "a position is read as it was written");
  }
  check_name(text);
  check_lineage(text);
  (void)postgres::switch_point(text);
  (void)archive::last_fetch_failure(text);
  (void)postgres::refused_archiving(text);
  return 0;
}
