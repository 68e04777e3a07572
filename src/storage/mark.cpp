#include "storage/mark.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/fd.h"
#include "base/files.h"
#include "base/time.h"

namespace velo::storage {
namespace {

using nlohmann::json;

constexpr std::size_t largest = 65536;
constexpr const char* draft_name = "velo.json.new";

std::unexpected<Error> fail_on(std::string_view verb, const fs::path& path) {
  const int err = errno;
  return fail_errno(err, fmt::format("{} {}", verb, path.string()));
}

struct Field {
  const char* key;
  std::string Mark::* member;
};

constexpr std::array fields{
    Field{"home_id", &Mark::home_id},
    Field{"project_id", &Mark::project_id},
    Field{"project_name", &Mark::project_name},
    Field{"branch_id", &Mark::branch_id},
    Field{"branch_name", &Mark::branch_name},
    Field{"incarnation_id", &Mark::incarnation_id},
    Field{"parent_incarnation_id", &Mark::parent_incarnation_id},
    Field{"runtime", &Mark::runtime},
    Field{"build", &Mark::build},
};

nlohmann::ordered_json document_of(const Mark& mark) {
  nlohmann::ordered_json document;
  for (const Field& field : fields) document[field.key] = mark.*field.member;
  document["created_at"] = to_rfc3339(mark.created_at);
  for (const auto& [key, value] : mark.record) document["record"][key] = value;
  return document;
}

Result<void> write_new(const fs::path& path, const Mark& mark) {
  const Fd file = TRY(open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  const std::string text = mark_to_json(mark);
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(file.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_on("write", path);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(file.get()) != 0) return fail_on("sync", path);
  return {};
}

}  // namespace

std::string mark_to_json(const Mark& mark) {
  return document_of(mark).dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string mark_to_line(const Mark& mark) {
  return document_of(mark).dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Mark> mark_from_json(std::string_view text) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) return fail(Errc::storage, "the mark is not a JSON object");
  Mark mark;
  for (const Field& field : fields) {
    const auto found = document.find(field.key);
    if (found == document.end()) continue;
    if (!found->is_string()) return fail(Errc::storage, "the mark's {} is no string", field.key);
    mark.*field.member = found->get<std::string>();
  }
  if (mark.home_id.empty()) return fail(Errc::storage, "the mark has no home_id");
  if (const auto made = document.find("created_at"); made != document.end() && made->is_string()) {
    if (const auto time = parse_rfc3339(made->get<std::string>())) mark.created_at = *time;
  }
  if (const auto record = document.find("record");
      record != document.end() && record->is_object()) {
    for (const auto& [key, value] : record->items()) {
      if (value.is_string()) mark.record[key] = value.get<std::string>();
    }
  }
  return mark;
}

// Not written beside and renamed: a new mark is written before there is anything that it would have
// to protect, and each sync costs as much as a snapshot does.
Result<void> write_mark(const fs::path& volume_directory, const Mark& mark) {
  return write_new(volume_directory / mark_name, mark);
}

Result<void> replace_mark(const fs::path& volume_directory, const Mark& mark) {
  const fs::path draft = volume_directory / draft_name;
  const fs::path path = volume_directory / mark_name;
  TRY(remove_file(draft));
  TRY(write_new(draft, mark));
  if (std::rename(draft.c_str(), path.c_str()) != 0) return fail_on("replace", path);
  return sync_directory(volume_directory);
}

bool is_mark_or_draft(std::string_view name) {
  return name == mark_name || name == draft_name;
}

Result<Mark> read_mark(const fs::path& volume_directory) {
  const fs::path shown = volume_directory / mark_name;
  const Fd directory =
      TRY(open_file(volume_directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK));
  const Fd file(
      ::openat(directory.get(), mark_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) return fail_on("open", shown);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return fail(Errc::storage, "{} is not a file", shown.string());
  }
  std::string text(largest, '\0');
  std::size_t length = 0;
  while (length < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + length, text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_on("read", shown);
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  text.resize(length);
  auto mark = mark_from_json(text);
  if (!mark) return fail(Errc::storage, "{}: {}", shown.string(), mark.error().message);
  return mark;
}

Result<void> remove_mark(const fs::path& volume_directory) {
  TRY(remove_file(volume_directory / draft_name));
  return remove_file(volume_directory / mark_name);
}

}  // namespace velo::storage
