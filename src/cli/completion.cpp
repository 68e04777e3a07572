// `velo completion`: prints a shell's script. The same texts are in packaging/completions.
#include "cli/completion.h"

#include <algorithm>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/json_views.h"
#include "cli/names.h"

namespace velo::cli {
namespace {

constexpr std::string_view bash_script = R"script(# bash completion for velo
_velo() {
  local word
  local velo="${COMP_WORDS[0]/#\~/$HOME}"
  COMPREPLY=()
  while IFS=$'\t' read -r word _; do
    COMPREPLY+=("$word")
  done < <("$velo" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  # The beginning of a name ("demo/") is typed on.
  if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]]; then
    compopt -o nospace
  fi
}
complete -o default -F _velo velo
)script";

constexpr std::string_view zsh_script = R"script(#compdef velo
# zsh completion for velo
_velo() {
  local word description
  local -a whole begun
  while IFS=$'\t' read -r word description; do
    # The beginning of a name ("demo/") is typed on.
    if [[ $word == */ ]]; then
      begun+=("$word")
    else
      whole+=("${word//:/\\:}${description:+:$description}")
    fi
  done < <("${words[1]/#\~/$HOME}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( ${#begun} )); then
    compadd -S '' -- "${begun[@]}"
  elif (( ${#whole} )); then
    _describe velo whole
  else
    _files
  fi
}
if [[ $funcstack[1] == _velo ]]; then
  _velo "$@"
else
  compdef _velo velo
fi
)script";

constexpr std::string_view fish_script = R"script(# fish completion for velo
function __velo_complete
    set -l before (commandline -opc)
    set -e before[1]
    set -l current (commandline -ct)
    velo __complete -- $before "$current" 2>/dev/null
end
complete -c velo -f -a '(__velo_complete)'
)script";

std::vector<std::string> shells() {
  std::vector<std::string> names;
  for (const CompletionScript& script : completion_scripts()) names.emplace_back(script.shell);
  return names;
}

}  // namespace

const std::vector<CompletionScript>& completion_scripts() {
  static const std::vector<CompletionScript> scripts = {
      {.shell = "bash", .file = "velo.bash", .text = bash_script},
      {.shell = "zsh", .file = "_velo", .text = zsh_script},
      {.shell = "fish", .file = "velo.fish", .text = fish_script}};
  return scripts;
}

Command completion_command() {
  auto shell = std::make_shared<std::string>();
  return {
      .name = "completion",
      .group = "Help",
      .summary = "Print the script that completes velo's words in a shell",
      .arguments = {{.name = "SHELL",
                     .help = "bash, zsh or fish",
                     .assign = into(*shell, "velo completion", shells()),
                     .complete = complete_words(shells())}},
      .examples = {{"source <(velo completion bash)", "in this shell; or in ~/.bashrc"},
                   {"velo completion zsh > \"${fpath[1]}/_velo\"", ""},
                   {"velo completion fish > ~/.config/fish/completions/velo.fish", ""}},
      .run = [shell](Context& context) -> Result<int> {
        const auto script =
            std::ranges::find(completion_scripts(), *shell, &CompletionScript::shell);
        context.answer(
            [&] { return json::texts({{"shell", *shell}, {"script", std::string(script->text)}}); },
            [&](const Look&) { return std::string(script->text); });
        return 0;
      }};
}

}  // namespace velo::cli
