#!/bin/sh
# Arrows point down only: each room includes itself and the rooms below it, and drivers and runtimes do
# not include one another.
set -eu

failed=0

# allow <room> <room…>: the rooms that it may include.
allow() {
  room=$1
  pattern=$(printf '%s' "$*" | tr ' ' '|')
  if grep -rnE '^#include "[a-z_]+/' "src/$room" | grep -vE "#include \"($pattern)/"; then
    echo "src/$room may include only: $*"
    failed=1
  fi
}
allow base
allow postgres base
allow storage postgres base
allow runtime postgres base
allow catalog postgres base
allow archive postgres base
allow engine catalog archive storage runtime postgres base
allow helper storage base
allow cli engine catalog archive storage runtime postgres base

# No room but storage and runtime names a concrete driver or runtime.
if grep -rnE '#include "(storage/(btrfs|reflink|copy|builtin)|runtime/(native|docker|http))' src/engine src/cli; then
  echo "the engine and the cli know drivers and runtimes by their contracts only"
  failed=1
fi
# The engine does not print, and reads neither flags nor the environment.
if grep -rnE 'std::c(out|err)|printf\(|getenv\(' src/engine; then
  echo "the engine reports through its observer and is told its environment"
  failed=1
fi
exit "$failed"
