// The documents of `velo state import`: this Velo's own, and the state.json of the earlier one.
#include <unistd.h>

#include <filesystem>
#include <set>
#include <string>

#include "catalog/document.h"
#include "catalog/schema.h"
#include "engine/earlier_state.h"
#include "engine/names.h"
#include "fuzz.h"

namespace {

using namespace velo;
using fuzz::require;
namespace fs = std::filesystem;

/// In memory: a database for each document.
const fs::path directory = "/dev/shm/velo-fuzz-" + std::to_string(::getpid());

struct Emptied {
  Emptied() { fs::create_directories(directory); }
  Emptied(const Emptied&) = delete;
  Emptied& operator=(const Emptied&) = delete;
  Emptied(Emptied&&) = delete;
  Emptied& operator=(Emptied&&) = delete;
  ~Emptied() { fs::remove_all(directory); }
};

void require_refusal(const Error& error) {
  require(
      error.code == Errc::usage || error.code == Errc::invalid_name || error.code == Errc::state,
      "what cannot be imported is refused, and not for another reason");
}

void check_own(std::string_view text) {
  const auto head = catalog::read_head(text);
  if (!head) return require_refusal(head.error());
  const Emptied place;
  const fs::path first = directory / "first.db";
  if (const auto imported = catalog::import_document(text, first); !imported) {
    return require_refusal(imported.error());
  }
  // One of an older schema is migrated before anybody reads it.
  if (static_cast<std::size_t>(head->schema_version) != catalog::migrations().size()) return;
  const auto exported = catalog::export_document(first, {});
  require(exported.has_value(), "what was imported can be exported");
  const auto again = catalog::import_document(*exported, directory / "second.db");
  require(again.has_value(), "what was exported can be imported");
}

void check_earlier(std::string_view text) {
  (void)engine::is_earlier_state(text);
  const auto state = engine::parse_earlier_state(text);
  if (!state) return require_refusal(state.error());
  for (const engine::EarlierProject& project : state->projects) {
    require(engine::check_name("project", project.name).has_value(), "a project's name is one");
    std::set<std::string> known;
    for (const engine::EarlierBranch& branch : project.branches) {
      require(engine::check_name("branch", branch.name).has_value(), "a branch's name is one");
      require(branch.port >= 0 && branch.port < 65536, "a port is one");
      require(!branch.parent_id || known.contains(*branch.parent_id),
              "parents come before their children");
      require(!branch.dataset.contains('/') && !branch.dataset.starts_with('-'),
              "a dataset stays where it is");
      known.insert(branch.id);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  check_own(text);
  check_earlier(text);
  return 0;
}
