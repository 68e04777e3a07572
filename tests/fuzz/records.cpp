// JSON that Velo wrote and somebody may have changed: a volume's mark, which lies in a pool that
// others share, and an operation's plan.
#include <tuple>

#include "engine/plan.h"
#include "fuzz.h"
#include "storage/mark.h"

namespace {

using namespace velo;
using fuzz::require;

auto fields_of(const storage::Mark& mark) {
  return std::tie(mark.home_id, mark.project_id, mark.project_name, mark.branch_id,
                  mark.branch_name, mark.incarnation_id, mark.parent_incarnation_id, mark.runtime,
                  mark.build, mark.created_at);
}

void check_mark(std::string_view text) {
  const auto mark = storage::mark_from_json(text);
  if (!mark) return;
  require(!mark->home_id.empty(), "a mark is somebody's");
  for (const std::string& written : {storage::mark_to_json(*mark), storage::mark_to_line(*mark)}) {
    const auto again = storage::mark_from_json(written);
    require(again && fields_of(*again) == fields_of(*mark), "a mark is read as it was written");
  }
  require(!storage::mark_to_line(*mark).contains('\n'), "a line is one");
}

void check_plan(std::string_view text) {
  const auto plan = engine::plan_from_json(text);
  if (!plan) {
    require(plan.error().code == Errc::state, "a damaged plan is damage");
    return;
  }
  const std::string written = engine::to_json(*plan);
  const auto again = engine::plan_from_json(written);
  require(again && engine::to_json(*again) == written, "a plan is read as it was written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  check_mark(text);
  check_plan(text);
  return 0;
}
