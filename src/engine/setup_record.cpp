#include "engine/setup_record.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/files.h"

namespace velo::engine {
namespace {

using nlohmann::json;

constexpr int format = 1;

bool could_be_written_by_others(const struct stat& status) {
  const bool open_to_all = (status.st_mode & 022U) != 0;
  const bool guarded = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
  return status.st_uid != 0 || (open_to_all && !guarded);
}

Result<void> check_trust(const fs::path& path) {
  for (const fs::path& part : {path, path.parent_path()}) {
    struct stat status{};
    if (::lstat(part.c_str(), &status) != 0) {
      const int err = errno;
      return fail_errno(err, fmt::format("look at {}", part.string()));
    }
    if (!could_be_written_by_others(status) && (part != path || S_ISREG(status.st_mode))) continue;
    return fail_with_hint(Errc::permission,
                          fmt::format("{} is not root's alone: what it says of setup cannot be "
                                      "believed",
                                      part.string()),
                          "see who wrote it; chown root and chmod go-w make it root's again");
  }
  return {};
}

}  // namespace

const std::string& Deed::arg(const std::string& key) const {
  static const std::string none;
  const auto found = args.find(key);
  return found == args.end() ? none : found->second;
}

Result<SetupRecord> SetupRecord::open(fs::path path) {
  SetupRecord record(std::move(path));
  if (!path_exists(record.path_)) return record;
  TRY(check_trust(record.path_));
  const json document = json::parse(TRY(read_file(record.path_)), nullptr, false);
  if (!document.is_object() || document.value("format", 0) != format ||
      !document.value("deeds", json()).is_array()) {
    return fail_with_hint(
        Errc::state,
        fmt::format("{} is no record of setup's that this velo knows", record.path_.string()),
        "a newer velo may have written it: use that one");
  }
  for (const json& deed : document["deeds"]) {
    if (!deed.is_object() || !deed.value("args", json()).is_object()) {
      return fail(Errc::state, "{} is damaged", record.path_.string());
    }
    Deed known{.kind = deed.value("kind", ""), .args = {}};
    for (const auto& [key, value] : deed["args"].items()) {
      if (value.is_string()) known.args[key] = value.get<std::string>();
    }
    record.deeds_.push_back(std::move(known));
  }
  return record;
}

Result<void> SetupRecord::write() const {
  if (deeds_.empty()) {
    TRY(remove_file(path_));
    return path_exists(path_.parent_path()) ? sync_directory(path_.parent_path()) : Result<void>{};
  }
  json deeds = json::array();
  for (const Deed& deed : deeds_) deeds.push_back({{"kind", deed.kind}, {"args", deed.args}});
  const json document{{"format", format}, {"deeds", std::move(deeds)}};
  return write_file_durably(
      path_, document.dump(2, ' ', false, json::error_handler_t::replace) + "\n", 0600);
}

Result<void> SetupRecord::add(Deed deed) {
  deeds_.push_back(std::move(deed));
  return write();
}

Result<void> SetupRecord::note(const std::string& key, const std::string& value) {
  if (deeds_.empty()) return {};
  deeds_.back().args[key] = value;
  return write();
}

Result<void> SetupRecord::drop_latest() {
  if (deeds_.empty()) return {};
  deeds_.pop_back();
  return write();
}

}  // namespace velo::engine
