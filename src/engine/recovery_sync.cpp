#include "engine/recovery_sync.h"

#include <limits>

#include "base/files.h"
#include "engine/proc_file.h"

namespace velo::engine {
namespace {

constexpr int first_major_with_that_choice = 14;

/// A disk writes about so much in the time that btrfs takes for one clean file: 20 µs.
constexpr std::uint64_t written_meanwhile = 10U << 10U;

}  // namespace

bool had_better_sync_at_once(const storage::Capabilities& driver, int pg_major, std::size_t files,
                             std::uint64_t unwritten) {
  if (pg_major < first_major_with_that_choice) return false;
  return !driver.atomic_snapshot || unwritten < files * written_meanwhile;
}

std::uint64_t unwritten_bytes() {
  constexpr std::uint64_t kilo = 1024;
  const auto text = read_file("/proc/meminfo");
  const auto dirty = number_behind(text.value_or(""), "Dirty:");
  const auto on_its_way = number_behind(text.value_or(""), "Writeback:");
  if (!dirty || !on_its_way) return std::numeric_limits<std::uint64_t>::max();
  return (*dirty + *on_its_way) * kilo;
}

}  // namespace velo::engine
