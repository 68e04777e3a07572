// What a data directory's files say: postmaster.pid, pg_control, a line of postgresql.conf. All are
// in reach of whoever is a superuser in the branch.
#include <algorithm>
#include <string>

#include "base/time.h"
#include "fuzz.h"
#include "postgres/cluster.h"
#include "postgres/conf_line.h"

namespace {

using namespace velo;
using fuzz::require;

void check_postmaster_pid(std::string_view text) {
  const auto found = postgres::parse_postmaster_pid(text);
  if (!found) return;
  require(found->pid > 0, "a pid is a process's, not a group's");
  require(found->port >= 0 && found->port < 65536, "a port is one");
  require(!to_local(found->started_at).empty(), "a start can be shown");
  require(parse_rfc3339(to_rfc3339(found->started_at)).has_value(), "a start can be told");
}

void check_control_file(std::string_view bytes) {
  const auto control = postgres::parse_control_file(bytes);
  if (!control) return;
  require(control->control_version >= 1300, "a version is a known one");
  require(control->state <= postgres::ClusterState::in_production, "a state is a known one");
}

void check_conf_line(std::string_view line) {
  if (line.contains('\n')) return;
  const auto setting = postgres::parse_conf_line(line);
  if (!setting) return;
  require(postgres::is_setting_name(setting->name) || postgres::is_include(setting->name),
          "a setting has a setting's name");
  require(postgres::lower(setting->name) == setting->name, "names are in lower case");
  require(setting->value.size() <= line.size(), "a value is not longer than its line");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::text_of(data, size);
  switch (fuzz::take_choice(input) % 3) {
    case 0:
      check_postmaster_pid(input);
      break;
    case 1:
      check_control_file(input);
      break;
    default:
      check_conf_line(input);
  }
  return 0;
}
