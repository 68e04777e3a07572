#include "engine/marks.h"

#include <fcntl.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "catalog/catalog.h"
#include "engine/bases.h"
#include "engine/names.h"

namespace velo::engine {
namespace {

using Record = std::map<std::string, std::string>;

/// On ZFS all of a mark has to go into 8 kB. Without them a branch has what is in its velo.conf all
/// the same; only its clones do not hand them on.
constexpr std::size_t longest_settings = 4096;

const std::string life_prefix = ".velo-life-";

std::string flag(bool value) {
  return value ? "1" : "0";
}

void put_time(Record& record, const char* key, const std::optional<Timestamp>& time) {
  if (time) record[key] = to_rfc3339(*time);
}

std::string text_in(const Record& record, const char* key) {
  const auto found = record.find(key);
  return found == record.end() ? "" : found->second;
}
std::optional<std::string> maybe_in(const Record& record, const char* key) {
  const auto found = record.find(key);
  return found == record.end() ? std::nullopt : std::optional(found->second);
}
std::optional<Timestamp> time_in(const Record& record, const char* key) {
  const auto time = parse_rfc3339(text_in(record, key));
  return time ? std::optional(*time) : std::nullopt;
}
int number_in(const Record& record, const char* key) {
  const std::string text = text_in(record, key);
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

bool is_id(const std::string& text) {
  return text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Record record_of(const BranchRecords& b) {
  Record record{{"pg_major", std::to_string(b.project.pg_major)},
                {"os_user", b.project.os_user},
                {"database", b.project.database},
                {"main", flag(b.is_main())},
                {"superuser", b.branch.superuser},
                {"password_counter", std::to_string(b.branch.password_counter)},
                {"archives", flag(b.branch.archives)},
                {"address", b.endpoint.address},
                {"port", std::to_string(b.endpoint.port)},
                {"pg_version", b.incarnation.pg_version}};
  put_time(record, "project_created_at", b.project.created_at);
  put_time(record, "branch_created_at", b.branch.created_at);
  put_time(record, "forked_at", b.incarnation.forked_at);
  if (b.branch.parent_id) record["parent"] = *b.branch.parent_id;
  if (!b.incarnation.bin_directory.empty()) record["bin"] = b.incarnation.bin_directory;
  if (!b.incarnation.image.empty()) {
    record["image"] = b.incarnation.image;
    record["image_digest"] = b.incarnation.image_digest;
    record["basic_archive"] = flag(b.incarnation.basic_archive);
  }
  if (!b.branch.settings.empty()) {
    std::string settings = nlohmann::json(b.branch.settings)
                               .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (settings.size() <= longest_settings) record["settings"] = std::move(settings);
  }
  return record;
}

}  // namespace

storage::Mark mark_for(const Engine& engine, const BranchRecords& b) {
  return {.home_id = engine.catalog().home_id(),
          .project_id = b.project.id,
          .project_name = b.project.name,
          .branch_id = b.branch.id,
          .branch_name = b.branch.name,
          .incarnation_id = b.incarnation.id,
          .parent_incarnation_id = b.incarnation.parent_incarnation_id.value_or(""),
          .runtime = b.project.runtime,
          .build = b.incarnation.image_digest.empty() ? b.incarnation.pg_version
                                                      : b.incarnation.image_digest,
          .created_at = b.incarnation.created_at,
          .record = record_of(b)};
}

Result<void> mark_whole(const Engine& engine, storage::Driver& driver, const BranchRecords& b,
                        const std::optional<catalog::Snapshot>& snapshot) {
  storage::Mark mark = mark_for(engine, b);
  Record& record = mark.record;
  record["whole"] = snapshot ? "snapshot" : "branch";
  if (b.incarnation.fork_lsn) record["fork_lsn"] = *b.incarnation.fork_lsn;
  if (b.incarnation.timeline) record["timeline"] = std::to_string(*b.incarnation.timeline);
  if (snapshot) {
    record["of"] = snapshot->of_incarnation_id;
    record["label"] = snapshot->label;
    record["purpose"] = snapshot->purpose;
    put_time(record, "taken_at", snapshot->taken_at);
  }
  return driver.update_mark(b.incarnation.volume, mark);
}

Result<void> note_life(const BranchRecords& b) {
  const fs::path root = TRY(driver_of(b.project))->root_of(b.incarnation.volume);
  const std::string own = life_prefix + b.incarnation.id;
  const OsUser owner = TRY(owner_of(b.project));
  const ActAs as(owner);
  TRY(open_file(root / own, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600));
  for (const std::string& name : TRY(list_directory(root))) {
    if (name.starts_with(life_prefix) && name != own) TRY(remove_file(root / name));
  }
  return {};
}

Result<void> forget_lives(const fs::path& root) {
  for (const std::string& name : TRY(list_directory(root))) {
    if (name.starts_with(life_prefix)) TRY(remove_file(root / name));
  }
  return {};
}

bool was_led(const fs::path& root, const OsUser& owner, const std::string& life) {
  const ActAs as(owner);
  return path_exists(root / (life_prefix + life));
}

Result<MarkedRecords> records_in(const storage::Mark& mark) {
  const Record& record = mark.record;
  for (const std::string& id : {mark.project_id, mark.branch_id, mark.incarnation_id}) {
    if (!is_id(id)) return fail(Errc::state, "its mark holds '{}', which is no id", id);
  }
  TRY(check_name("project", mark.project_name));
  TRY(check_name("branch", mark.branch_name));
  MarkedRecords found;
  BranchRecords& b = found.b;
  found.is_main = text_in(record, "main") == "1";
  b.project.id = mark.project_id;
  b.project.name = mark.project_name;
  b.project.storage_reason = "found again by its volumes' marks";
  b.project.runtime = mark.runtime;
  b.project.runtime_reason = b.project.storage_reason;
  b.project.pg_major = number_in(record, "pg_major");
  b.project.os_user = text_in(record, "os_user");
  b.project.database = text_in(record, "database");
  b.project.created_at = time_in(record, "project_created_at").value_or(mark.created_at);
  b.branch.id = mark.branch_id;
  b.branch.project_id = mark.project_id;
  b.branch.name = mark.branch_name;
  b.branch.parent_id = maybe_in(record, "parent");
  b.branch.superuser = text_in(record, "superuser");
  b.branch.password_counter = number_in(record, "password_counter");
  b.branch.archives = text_in(record, "archives") != "0";
  b.branch.created_at = time_in(record, "branch_created_at").value_or(mark.created_at);
  const auto settings = nlohmann::json::parse(text_in(record, "settings"), nullptr, false);
  if (settings.is_object()) {
    for (const auto& [key, value] : settings.items()) {
      if (value.is_string()) b.branch.settings[key] = value.get<std::string>();
    }
  }
  b.incarnation.id = mark.incarnation_id;
  b.incarnation.branch_id = mark.branch_id;
  if (!mark.parent_incarnation_id.empty()) {
    b.incarnation.parent_incarnation_id = mark.parent_incarnation_id;
  }
  b.incarnation.bin_directory = text_in(record, "bin");
  b.incarnation.image = text_in(record, "image");
  b.incarnation.image_digest = text_in(record, "image_digest");
  b.incarnation.basic_archive = text_in(record, "basic_archive") == "1";
  b.incarnation.pg_version = text_in(record, "pg_version");
  b.incarnation.forked_at = time_in(record, "forked_at");
  b.incarnation.fork_lsn = maybe_in(record, "fork_lsn");
  if (const int timeline = number_in(record, "timeline"); timeline > 0) {
    b.incarnation.timeline = timeline;
  }
  b.incarnation.created_at = mark.created_at;
  b.endpoint = {.branch_id = mark.branch_id,
                .address = text_in(record, "address"),
                .port = number_in(record, "port"),
                .active = true};
  found.is_whole = record.contains("whole");
  if (text_in(record, "whole") == "snapshot") {
    found.snapshot =
        catalog::Snapshot{.incarnation_id = mark.incarnation_id,
                          .of_incarnation_id = text_in(record, "of"),
                          .label = text_in(record, "label"),
                          .purpose = text_in(record, "purpose"),
                          .taken_at = time_in(record, "taken_at").value_or(mark.created_at)};
  }
  const bool says_enough = b.project.pg_major > 0 && !b.project.os_user.empty() &&
                           !b.branch.superuser.empty() && !b.endpoint.address.empty() &&
                           (!b.incarnation.bin_directory.empty() || !b.incarnation.image.empty());
  if (!says_enough) return fail(Errc::state, "its mark tells too little to make records of");
  return found;
}

}  // namespace velo::engine
