# bash completion for velo
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
