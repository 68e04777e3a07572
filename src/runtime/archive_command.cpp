#include "runtime/archive_command.h"

#include "base/files.h"

namespace velo::runtime {
namespace {

/// One word for the shell, in a setting where PostgreSQL itself replaces %p and %f.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += R"('\'')";
    } else if (c == '%') {
      out += "%%";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace

std::string archive_command(const std::filesystem::path& directory) {
  // A sync that knows no FILE (coreutils before 8.24, small busyboxes) syncs everything instead.
  return "a=" + quoted(directory.string()) +
         R"( f='%f'; t="$a/.$f.$$"; )"
         R"(rm -f "$a/.$f".*; )"
         R"(if [ -e "$a/$f" ]; then )"
         R"(if cmp -s '%p' "$a/$f"; then sync "$a/$f" "$a"; exit; fi; )"
         R"(echo "the archive holds another file of this name: $a/$f" >&2; exit 1; fi; )"
         R"(cp '%p' "$t" && sync "$t" && mv -f "$t" "$a/$f" && sync "$a" && exit; )"
         R"(rm -f "$t"; exit 1)";
}

Result<void> prepare_archive(const fs::path& directory, const OsUser& owner) {
  const ActAs as(owner);
  const auto names = list_directory(directory);
  if (!names && names.error().code == Errc::not_found) {
    return fail(Errc::not_found, "the archive {} is gone", directory.string());
  }
  for (const std::string& name : TRY(names)) {
    if (name.starts_with('.') || name.starts_with("archtemp.")) {
      TRY(remove_file(directory / name));
    }
  }
  return {};
}

}  // namespace velo::runtime
