#!/usr/bin/env bash
# Runs one command in the virtual machine; its output is this script's, and so is its exit status.
#
#   run.sh IMAGE JOB SECONDS COMMAND [ARGUMENT…]
#
# The directory JOB is copied in (as a tar) to /job, where the command runs as root. /dev/vdd1 is an
# empty disk for a pool, the zfs module is loaded, and there is no network but lo. What is left in
# /job/out comes back to $VELO_VM_OUT, if that is set. Nothing changes the image. With $VELO_VM_POOL the
# pool's disk is that file, made where it is not there, and stays; $VELO_VM_PIDFILE takes qemu's pid.
# Exit status 125: the machine itself failed.
set -euo pipefail
image=$1 job=$2 limit=$3
shift 3
work=$(mktemp -d "${VELO_TEST_PARENT:-/var/tmp}/velo-vm.XXXXXX")
trap 'rm -rf "$work"' EXIT

printf '%q ' "$@" >"$work/command"
tar -cf "$work/in.tar" -C "$work" ./command -C "$job" .
truncate -s 64M "$work/out.tar"
: >"$work/status"

# ZFS labels a whole disk only where udev runs, so the disk comes with one partition (an MBR by hand:
# type bf, from sector 2048 to the end).
gib=4
pool=${VELO_VM_POOL:-$work/pool.raw}
sectors=$((gib * 2097152 - 2048))
bytes=$(printf '\\x%02x' $((sectors & 255)) $((sectors >> 8 & 255)) \
  $((sectors >> 16 & 255)) $((sectors >> 24 & 255)))
if [ ! -e "$pool" ]; then
  truncate -s "${gib}G" "$pool"
  printf '\0\0\0\0\xbf\xff\xff\xff\0\x08\0\0%b' "$bytes" |
    dd of="$pool" bs=1 seek=446 conv=notrunc status=none
  printf '\x55\xaa' | dd of="$pool" bs=1 seek=510 conv=notrunc status=none
fi

drive() { # in order they are vda, vdb, vdc and vdd
  echo "-drive if=none,id=$1,format=raw,cache=unsafe,file=$2${3:-} -device virtio-blk-pci,drive=$1"
}
# Software emulation, which needs no /dev/kvm; one processor is the fastest under it for one stream of
# work. On a busy machine the kernel measures its clocks wrongly: it is told the processor's speed, and
# not to doubt the timer.
khz=$(awk '/^cpu MHz/ { printf "%d", $4 * 1000; exit }' /proc/cpuinfo)
# shellcheck disable=SC2046
timeout "$limit" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 1 -m 2048 \
  -nodefaults -display none -no-reboot -kernel "$image/vmlinuz" -initrd "$image/initrd.img" \
  -append "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on tsc=reliable tsc_early_khz=$khz no_timer_check" \
  $(drive root "$image/root.ext4" ,snapshot=on) $(drive in "$work/in.tar" ,readonly=on) \
  $(drive out "$work/out.tar") $(drive pool "$pool") \
  ${VELO_VM_PIDFILE:+-pidfile "$VELO_VM_PIDFILE"} \
  -serial "file:$work/console" -serial stdio -serial "file:$work/status" </dev/null || true

status=$(tr -dc 0-9 <"$work/status")
if [ -z "$status" ]; then
  echo "The machine did not report within $limit s; its console:" >&2
  tail -40 "$work/console" >&2
  exit 125
fi
if [ -n "${VELO_VM_OUT:-}" ]; then
  mkdir -p "$VELO_VM_OUT"
  tar -C "$VELO_VM_OUT" -xf "$work/out.tar"
fi
exit "$status"
