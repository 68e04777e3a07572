#include "runtime/archive_command.h"

#include "base/files.h"
#include "runtime/shell_word.h"

namespace velo::runtime {

std::string archive_command(const fs::path& directory, const fs::path& program) {
  std::string by_program;
  if (!program.empty()) {
    // Asked anew for each segment, as the user who runs it, and after an upgrade too.
    by_program = "v=" + shell_word(program.string()) +
                 R"(; if [ -x "$v" ]; then exec "$v" wal push --archive "$a" '%p' '%f'; fi; )";
  }
  // A sync that knows no FILE (coreutils before 8.24, small busyboxes) syncs everything instead.
  return "a=" + shell_word(directory.string()) + "; " + by_program +
         R"(f='%f'; t="$a/.$f.$$"; )"
         R"(if [ -e "$a/$f.zst" ]; then )"
         R"(echo "the archive holds $a/$f.zst, which only velo can read" >&2; exit 1; fi; )"
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
