#include "engine/home_room.h"

#include "base/files.h"
#include "base/size.h"

namespace velo::engine {

Result<void> check_room_at(const fs::path& home) {
  constexpr std::uint64_t least = 1U << 20U;
  const auto space = space_of(home);
  if (!space || space->size == 0 || space->free >= least) return {};
  return fail_with_hint(
      Errc::no_space,
      fmt::format("the file system of VELO_HOME ({}) has {} free: servers and the catalog cannot "
                  "write there",
                  home.string(), to_size(space->free)),
      "free some room there, then try again; velo branch delete works meanwhile");
}

}  // namespace velo::engine
