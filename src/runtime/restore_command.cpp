#include "runtime/restore_command.h"

#include "runtime/shell_word.h"

namespace velo::runtime {

std::string restore_command(const fs::path& program, const fs::path& lineage_file) {
  return "exec " + shell_word(program.string()) + " wal fetch --lineage " +
         shell_word(lineage_file.string()) + " '%f' '%p'";
}

std::string staged_restore_command(const fs::path& stage, std::chrono::seconds patience) {
  return "s=" + shell_word(stage.string()) + fmt::format("; p={}; f='%f'; ", patience.count()) +
         R"sh(take() { rm -f "$s/$f.want"; mv -f "$s/$f" '%p' && exit 0; exit 126; }; )sh"
         R"sh([ -e "$s/$f" ] && take; )sh"
         R"sh(rm -f "$s/$f.none" "$s/$f.error"; )sh"
         // Not ":": where the output of a special builtin cannot be redirected, a shell exits
         // with 2.
         R"sh(echo >"$s/$f.want" || exit 126; )sh"
         R"sh(end=$(($(date +%%s) + p)) || exit 126; )sh"
         R"sh(while [ "$(date +%%s)" -le "$end" ]; )sh"
         R"sh(do [ -e "$s/$f" ] && take; )sh"
         R"sh([ -e "$s/$f.none" ] && rm -f "$s/$f.want" "$s/$f.none" && exit 1; )sh"
         R"sh([ -e "$s/$f.error" ] && rm -f "$s/$f.want" && cat "$s/$f.error" >&2 && exit 126; )sh"
         // A sleep that knows no fractions says so at once.
         R"sh(sleep 0.02 2>/dev/null || sleep 1; done; )sh"
         R"sh(echo "nobody answered for $f within $p s" >&2; rm -f "$s/$f.want"; exit 126)sh";
}

}  // namespace velo::runtime
