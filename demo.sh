#!/usr/bin/env bash
# A tour of Velo on a real PostgreSQL server: installs what is missing, builds, and shows a project, a
# branch of it, the two going apart, and the branch reset. Takes away again all that it made; your own
# ~/.velo is not touched.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. scripts/install.sh

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' plain=$'\e[0m'
else
  bold='' dim='' green='' plain=''
fi

tell() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

# seconds <since>: the time that went by, with two decimals.
seconds() {
  local now=${EPOCHREALTIME/[.,]/} then=${1/[.,]/}
  local hundredths=$(((now - then) / 10000))
  printf '%d.%02d s' "$((hundredths / 100))" "$((hundredths % 100))"
}

# show <velo's arguments…>: prints the command as one would type it, runs it, prints its time.
show() {
  local word line="velo" before
  for word in "$@"; do
    case "$word" in
      *[!a-zA-Z0-9/_=.-]*) line+=" \"$word\"" ;;
      *) line+=" $word" ;;
    esac
  done
  printf '\n%s$%s %s%s%s\n' "$green" "$plain" "$bold" "$line" "$plain"
  before=$EPOCHREALTIME
  velo "$@"
  printf '%s%s%s\n' "$dim" "$(seconds "$before")" "$plain"
}

velo() { "$velo_binary" "$@"; }

# --- What is needed -------------------------------------------------------------------------------
install_packages "${build_packages[@]}"
say "Building Velo (build/release/velo)…"
build_log=$(mktemp)
if ! build_preset release >"$build_log" 2>&1; then
  cat "$build_log" >&2
  rm -f "$build_log"
  exit 1
fi
rm -f "$build_log"
velo_binary=$PWD/build/release/velo

# --- A VELO_HOME and a pool for the tour ----------------------------------------------------------
work=$(mktemp -d /var/tmp/velo-demo.XXXXXX)
chmod 0711 "$work" # servers that root starts run as another user, and pass through it
mounted=
finish() {
  local status=$?
  trap - EXIT
  velo config set grace 0 >/dev/null 2>&1 || true
  velo project delete demo --force >/dev/null 2>&1 || true
  if [ -n "$mounted" ]; then
    as_root "$velo_binary" setup --undo --force --record "$work/setup.json" --quiet >/dev/null ||
      as_root umount "$work/pool" || status=1
  fi
  if [ -n "$mounted" ]; then as_root rm -rf --one-file-system "$work"; else rm -rf "$work"; fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
export VELO_HOME=$work/home

# can_clone <directory>: whether its file system shares blocks between files.
can_clone() {
  local can=0
  : >"$1/block"
  cp --reflink=always "$1/block" "$1/clone" 2>/dev/null || can=1
  rm -f "$1/block" "$1/clone"
  return "$can"
}

mkdir "$work/pool"
chmod 0711 "$work/pool"
if can_clone "$work"; then
  say "Your disk has a copy-on-write file system: the tour uses it."
elif can_be_root; then
  say "Making a btrfs pool in a file for the tour (it is gone afterwards)."
  # Nobody's groups are changed: setup does not know who asks.
  as_root env -u SUDO_USER "$velo_binary" setup --size 2G --sparse --file "$work/pool.btrfs" \
    --mount "$work/pool" --fstab "$work/fstab" --record "$work/setup.json" --quiet >/dev/null
  mounted=yes
else
  say "No copy-on-write file system here, and no sudo to make one: branches will be full copies."
fi
velo config set pool "$work/pool" >/dev/null
velo config set runtime native >/dev/null # no image is fetched for a demonstration

# --- The tour -------------------------------------------------------------------------------------
people="SELECT * FROM people ORDER BY id"

tell "A project is a PostgreSQL server of its own. Its first branch is main."
show project create demo
show psql demo/main -- -qc "CREATE TABLE people (id serial PRIMARY KEY, name text);
INSERT INTO people (name) VALUES ('Alice'), ('Bob'), ('Charlie')"

tell "A branch is a copy of all of it, with a server, a port and a password of its own."
show branch create demo/dev

tell "Both can change, and neither sees the other."
show psql demo/dev -- -qc "DELETE FROM people WHERE name = 'Bob'; INSERT INTO people (name) VALUES ('Dave')"
show psql demo/main -- -qc "INSERT INTO people (name) VALUES ('Erin')"
show psql demo/main -- -c "$people"
show psql demo/dev -- -c "$people"
show status

tell "Reset takes the branch back to what its parent is now. Its URL stays the same."
show branch reset demo/dev --force
show psql demo/dev -- -c "$people"

tell "And away with it."
show branch delete demo/dev
show project delete demo --force

tell "That is Velo. Yours is build/release/velo; README.md tells the rest."
