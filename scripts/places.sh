# shellcheck shell=bash
# Sourced by test.sh and bench.sh: the places that they work in, and taking them away again.
#
# Everything lies below one directory that every user can enter, since servers started by root run as
# another user. The loop devices are made by mount itself, so that umount lets go of them.

# Under /var/tmp: on the disk, where the databases of a real machine are.
places_begin() {
  places=$(mktemp -d "${VELO_TEST_PARENT:-/var/tmp}/velo-tests.XXXXXX")
  chmod 0755 "$places"
  place_images=$places
  mkdir -m 1777 "$places/homes" "$places/plain"
}

# The same, but the file systems are in memory where there is enough of it (VELO_TEST_ON_DISK=1: not):
# what tests show is the same there, and a third of their time is the disk's. Not for measuring.
places_begin_in_memory() {
  places=$(mktemp -d "${VELO_TEST_PARENT:-/var/tmp}/velo-tests.XXXXXX")
  place_images=$places
  local free
  free=$(df --output=avail -k /dev/shm 2>/dev/null | tail -1)
  if [ -z "${VELO_TEST_ON_DISK:-}" ] && can_be_root && [ "${free:-0}" -gt $((16 << 20)) ] &&
    [ "$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)" -gt $((16 << 20)) ]; then
    place_images=$(mktemp -d /dev/shm/velo-tests.XXXXXX)
    truncate -s 12G "$place_images/ext4.img"
    as_root mkfs.ext4 -q "$place_images/ext4.img"
    as_root mount -t ext4 -o loop,noatime,discard "$place_images/ext4.img" "$places" || return 1
  fi
  as_root chown "$(id -u):$(id -g)" "$places"
  chmod 0755 "$places"
  mkdir -m 1777 "$places/homes" "$places/plain"
}

# place_make btrfs|xfs [size]: a sparse file with that file system, mounted at $places/<kind>.
place_make() {
  local kind=$1 image="$place_images/$1.img" options
  truncate -s "${2:-4G}" "$image"
  case "$kind" in
    btrfs)
      as_root mkfs.btrfs --quiet "$image"
      options=loop,noatime,user_subvol_rm_allowed
      ;;
    xfs)
      as_root mkfs.xfs -q -m reflink=1 "$image"
      options=loop,noatime
      ;;
  esac
  mkdir "$places/$kind"
  as_root mount -t "$kind" -o "$options" "$image" "$places/$kind" || return 1
  as_root chmod 1777 "$places/$kind"
}

# Servers of a run that was interrupted: by the pid in each postmaster.pid below our own directory, and
# only while that process works in that very data directory.
places_stop_servers() {
  local file pid
  while IFS= read -r -d '' file; do
    pid=$(as_root head -n 1 "$file" 2>/dev/null) || continue
    [ "$(as_root readlink "/proc/$pid/cwd" 2>/dev/null)" = "$(dirname "$file")" ] || continue
    as_root kill -QUIT "$pid" 2>/dev/null || continue
    as_root timeout 20 tail --pid="$pid" -f /dev/null || true
  done < <(as_root find "$places" -name postmaster.pid -print0 2>/dev/null)
}

places_end() {
  [ -n "${places:-}" ] && [ -d "$places" ] || return 0
  local point failed=0
  as_root true 2>/dev/null || { # no root: nothing was mounted either
    rm -rf "$places"
    return 0
  }
  places_stop_servers
  # What tests mounted (their own small pools) lies below as well: the deepest first, our own last.
  while read -r point; do
    as_root umount "$point" || as_root umount --lazy "$point" || failed=1
  done < <(awk -v base="$places/" 'index($5 "/", base) == 1 { print $5 }' /proc/self/mountinfo | sort -r)
  if [ "$failed" -eq 0 ]; then as_root rm -rf --one-file-system "$places" "$place_images"; fi
  if losetup --list --noheadings --output BACK-FILE 2>/dev/null | grep -qF -e "$places/" -e "$place_images/"; then
    say "A loop device still holds a file below $places: see losetup --list"
  fi
}

# The ordinary user of lane e2e-user; removed again when this run made it.
user_made=
user_begin() {
  getent passwd velo-test >/dev/null && return 0
  as_root useradd --system --create-home --shell /bin/sh velo-test && user_made=yes
}
user_end() {
  [ -n "$user_made" ] || return 0
  as_root userdel --remove velo-test 2>/dev/null || say "The user velo-test could not be removed."
}
