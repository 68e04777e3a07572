#!/usr/bin/env bash
# Runs one fuzz target: run.sh BUILD_DIRECTORY TARGET [SECONDS]
#
# It begins with the target's corpus and grows a copy of it that is thrown away. What it finds is
# left in BUILD_DIRECTORY/findings/TARGET-…, and its path is in the output: README.md says what then.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$1 target=$2 seconds=${3:-${VELO_FUZZ_SECONDS:-60}}
grown=$(mktemp -d "$build/grown.XXXXXX")
trap 'rm -rf "$grown"' EXIT
mkdir -p "$build/findings"
options=(-max_total_time="$seconds" -timeout=60 -report_slow_units=60 -rss_limit_mb=2048 -print_final_stats=1 -max_len=4096
  -artifact_prefix="$build/findings/$target-")
if [ -e "$here/$target.dict" ]; then options+=(-dict="$here/$target.dict"); fi
# (Freed memory is kept for a while to find its users; of pieces of a mebibyte that costs more than it shows.)
ASAN_OPTIONS=quarantine_size_mb=8 "$build/${target}_fuzz" "${options[@]}" "$grown" "$here/corpus/$target" 2>&1 |
  grep -vE '#[0-9]+.(NEW|REDUCE|pulse)|NEW_FUNC|INFO: (Loaded|Running)|# Uses:|###### '
