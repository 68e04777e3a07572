#!/usr/bin/env bash
# Builds the virtual machine of lane zfs: Debian's kernel, OpenZFS and PostgreSQL.
#
#   build.sh DIRECTORY            leaves there: vmlinuz initrd.img root.ext4 versions
#
# Needs root and Debian 12. No module, KVM, loop device or mount is needed on this machine: the kernel,
# its headers and zfs-dkms are unpacked and never installed, the modules are built with configure and
# make (the long part, some five minutes), and mke2fs writes the image without a mount.
# Packages come from the mirror that the machine's own apt sources name, with the component contrib,
# where Debian keeps ZFS. The modules are built where they are used and published nowhere (licences).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/image.sh"
out=$(realpath -m "$1")
work=$out.work # removed and made anew
started=$(date +%s)
lap() { echo "[zfs machine, $(($(date +%s) - started)) s] $*" >&2; }

rm -rf "$work"
mkdir -p "$work" "$out"
trap 'rm -rf "$work"' EXIT
vm_apt_begin
cd "$work"

# --- Kernel, headers, module source: unpacked, never installed ---------------------------------------
kernel=$(vm_kernel)
headers=linux-headers-$kernel
common=$(vm_depends "$headers" | grep -- -common)
kbuild=$(vm_depends "$headers" | grep linux-kbuild)
mkdir debs
(cd debs && apt-get "${vm_apt[@]}" download -qq \
  "linux-image-$kernel" "$headers" "$common" "$kbuild" zfs-dkms)
for package in debs/*.deb; do dpkg -x "$package" unpacked; done
zfs_version=$(cd unpacked/usr/src && echo zfs-*)
zfs_version=${zfs_version#zfs-}
# The headers' Makefile names its sibling by an absolute path.
sed -i "s#^include /usr/src/#include $work/unpacked/usr/src/#" "unpacked/usr/src/$headers/Makefile"
lap "Linux $kernel, OpenZFS $zfs_version"

# --- The root file system, beside the modules --------------------------------------------------------
make_root() {
  mmdebstrap --mode=root --variant=minbase --format=dir --quiet \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/i18n/*' \
    --dpkgopt='path-exclude=/usr/lib/x86_64-linux-gnu/libLLVM*' \
    --dpkgopt='path-exclude=/usr/lib/postgresql/*/lib/llvmjit*' \
    --dpkgopt='path-exclude=/usr/lib/postgresql/*/lib/bitcode/*' \
    --include="$(printf '%s,' "${vm_packages[@]}" | sed 's/,$//')" \
    bookworm root "$vm_apt_directory"/parts/*.sources
  rm -rf root/var/lib/postgresql/* root/etc/postgresql/* # the cluster that the package made
}
make_root >root.log 2>&1 &
root_pid=$!

cp -a "unpacked/usr/src/zfs-$zfs_version" zfs
(cd zfs && ./configure -q --with-config=kernel --with-linux="$work/unpacked/usr/src/$common" \
  --with-linux-obj="$work/unpacked/usr/src/$headers") >configure.log 2>&1 || {
  tail -20 configure.log >&2
  exit 1
}
lap "modules configured"
make -C zfs -s -j"$(nproc)" >make.log 2>&1 || {
  tail -20 make.log >&2
  exit 1
}
lap "modules built"
wait "$root_pid" || {
  tail -20 root.log >&2
  exit 1
}

# --- Modules: ZFS and the few drivers that the machine has -------------------------------------------
from=unpacked/lib/modules/$kernel
to=root/lib/modules/$kernel
mkdir -p "$to/extra"
cp "$from"/modules.{builtin,builtin.modinfo,order} "$to/"
for path in drivers/virtio drivers/block/virtio_blk.ko drivers/block/loop.ko; do
  [ -e "$from/kernel/$path" ] || continue
  mkdir -p "$to/kernel/$(dirname "$path")"
  cp -r "$from/kernel/$path" "$to/kernel/$path"
done
find zfs/module -name '*.ko' -exec cp -t "$to/extra" {} +
find "$to/extra" -name '*.ko' -exec strip --strip-debug {} +
chroot root depmod "$kernel"

# --- The image, and what starts it -------------------------------------------------------------------
install -m 755 "$here/init" root/vm-init
size=$(($(du -sm root | cut -f1) * 5 / 4 + 1200))M # sparse, and most of it never written
mke2fs -q -t ext4 -O ^has_journal -m 0 -E lazy_itable_init=1 -d root "$out/root.ext4" "$size" >/dev/null

mkdir -p initrd/bin initrd/modules initrd/root initrd/dev
cp "$(command -v busybox)" initrd/bin/busybox
number=10
while read -r file; do
  cp "root$file" "initrd/modules/$number-$(basename "$file")"
  number=$((number + 1))
done < <(for module in virtio_pci virtio_blk; do
  chroot root modprobe -S "$kernel" --show-depends "$module"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }')
install -m 755 "$here/initramfs" initrd/init
(cd initrd && find . | busybox cpio -o -H newc 2>/dev/null) | gzip -1n >"$out/initrd.img"
cp "unpacked/boot/vmlinuz-$kernel" "$out/vmlinuz"
printf 'Linux %s\nOpenZFS %s\n' "$kernel" "$zfs_version" >"$out/versions"
lap "done: $(du -sh "$out" | cut -f1)"
