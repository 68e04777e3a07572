#!/usr/bin/env bash
# In the virtual machine, as root: what power_cut.sh boots. Makes the pool, with VELO_HOME on it, or
# looks whether everything is there after the power failed; then works until it fails again.
#
#   power_inside.sh ACKNOWLEDGED go-on|end
#
# ACKNOWLEDGED: how many rows of demo/main were, before the power failed; 0: it is new.
set -euo pipefail
acknowledged=$1
cp -n /job/lib/* /usr/local/lib/
ldconfig
export VELO_HOME=/var/tmp/home/velo PATH=/job/bin:$PATH LANG=C.UTF-8

# Without the progress that a terminal is shown.
quietly() {
  "$@" >/tmp/line 2>&1 || {
    cat /tmp/line
    exit 1
  }
}

rows() { velo psql "$1" -- -At -c "SELECT count(*) || ' ' || coalesce(max(n), 0) FROM ledger"; }

# Each a line of its own: what does not hold.
wrong() {
  velo doctor >/tmp/doctor || true
  awk '/^[A-Z]/ { section = $0 } /⚠|✗/ && section ~ /^(State|Branches|Storage)/' /tmp/doctor
  velo status --json | grep -c '"unfinished_operations": \[\]' >/dev/null || echo "operations are unfinished"
  local branch count
  for branch in $(velo branch list --json | sed -n 's/.*"full_name": "\(.*\)".*/\1/p'); do
    count=$(rows "$branch") || count=none
    [ "${count% *}" = "${count#* }" ] || echo "$branch has a gap in its rows: $count"
  done
}

if [ "$acknowledged" = 0 ]; then
  zpool create -f -o ashift=12 -O mountpoint=none tank /dev/vdd1
  zfs create -o mountpoint=/var/tmp/home tank/home
  mkdir -m 0711 "$VELO_HOME"
  quietly velo project create demo --storage zfs --pool tank --runtime native
  velo psql demo/main -- -q -c "CREATE TABLE ledger (n bigint PRIMARY KEY, note text)"
  quietly velo config set grace 0
  quietly velo branch create demo/dev
else
  zpool import -f -d /dev tank
  mountpoint -q /var/tmp/home || zfs mount tank/home
  velo branch create demo/next --no-start >/tmp/next 2>&1 || {
    cat /tmp/next
    exit 1
  }
  quietly velo branch delete demo/next
  quietly velo up
  found=$(rows demo/main)
  echo "demo/main has the rows $found (count and last); acknowledged were $acknowledged"
  lost=0
  [ "${found% *}" = "${found#* }" ] && [ "${found#* }" -ge "$acknowledged" ] || lost=1
  wrong | tee /tmp/wrong
  undone=$(grep -c 'Undid an interrupted' /tmp/next || true)
  printf 'tally\tnative\tzfs\tpower cut\tWork\t1\t%d\t%d\t%d\t%d\n' "$undone" $((1 - undone)) "$lost" \
    "$(wc -l </tmp/wrong)"
  [ "$lost" = 0 ] && [ ! -s /tmp/wrong ]
fi
[ "$2" = go-on ] || exit 0

# The writer: psql says what it was told to once the row before is committed.
first=$(($(rows demo/main | cut -d' ' -f2) + 1))
for ((n = first; ; n++)); do
  echo "INSERT INTO ledger VALUES ($n, repeat(md5(random()::text), 20));"
  echo "\\echo acknowledged $n ."
done | velo psql demo/main -- -q -v ON_ERROR_STOP=1 | stdbuf -oL cat &
echo begun
for ((i = 0; ; i++)); do
  for line in "branch create demo/b" "branch reset demo/dev" "branch delete demo/b" "snapshot create demo/main"; do
    echo "does $line"
    # shellcheck disable=SC2086
    quietly velo $line
  done
done
