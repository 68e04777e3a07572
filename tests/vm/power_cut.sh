#!/usr/bin/env bash
# The power of a virtual machine fails, three times (VELO_TEST_POWER_CUTS), while demo/main on ZFS is written
# to and branches are made, reset and deleted: qemu is killed. What was on its disk is booted again each time.
#
#   power_cut.sh IMAGE JOB
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
image=$1 job=$2
work=$(mktemp -d "${VELO_TEST_PARENT:-/var/tmp}/velo-power.XXXXXX")
export VELO_VM_POOL=$work/pool.raw VELO_VM_PIDFILE=$work/pid
machine=
finish() {
  [ -z "$machine" ] || [ ! -s "$work/pid" ] || kill -KILL "$(cat "$work/pid")" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

# wait_for PATTERN HOW_OFTEN: until the machine has printed so many such lines.
wait_for() {
  awk -v pattern="$1" -v wanted="$2" '$0 ~ pattern && ++seen == wanted { found = 1; exit } END { exit !found }' \
    < <(timeout 1200 tail -n +1 --pid="$machine" -f "$work/out") && return 0
  cat "$work/out"
  echo "The machine did not print '$1' $2 times."
  exit 1
}

acknowledged=0
for ((round = 1; round <= ${VELO_TEST_POWER_CUTS:-3}; round++)); do
  : >"$work/out"
  "$here/run.sh" "$image" "$job" 1500 bash power_inside.sh "$acknowledged" go-on >"$work/out" 2>&1 &
  machine=$!
  wait_for '^begun' 1
  wait_for '^acknowledged' $((RANDOM % 60 + 5))
  kill -KILL "$(cat "$work/pid")"
  wait "$machine" || true
  machine=
  grep -a '^tally' "$work/out" || true
  # The last line may be half a number.
  acknowledged=$(grep -a '^acknowledged [0-9]* \.' "$work/out" | tail -1 | awk '{ print $2 }')
  echo "Round $round: cut off after $acknowledged acknowledged rows, at: $(grep -a '^does ' "$work/out" | tail -1)"
done
"$here/run.sh" "$image" "$job" 1500 bash power_inside.sh "$acknowledged" end
