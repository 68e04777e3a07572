# shellcheck shell=bash
# Sourced by test.sh and build.sh: the virtual machine of lane zfs, built once and cached.

# In the machine, besides what these need. (sudo: ordinary users mount through it.)
vm_packages=(zfsutils-linux postgresql-15 iproute2 kmod busybox procps psmisc sudo)
# On this machine, for building and running it.
# shellcheck disable=SC2034  # used by test.sh
vm_host_packages=(qemu-system-x86 mmdebstrap busybox-static gcc-12 make e2fsprogs)

vm_directory=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
vm_cache="${XDG_CACHE_HOME:-$HOME/.cache}/velo-tests"

# A private apt: this machine's Debian sources with contrib. Its lists are fetched once a day.
vm_apt_begin() {
  vm_apt_directory=$vm_cache/zfs-apt
  local sources=/etc/apt/sources.list.d/debian.sources
  [ -r "$sources" ] || return 1
  mkdir -p "$vm_apt_directory"/{parts,lists/partial,cache/archives/partial}
  sed 's/^Components:.*/Components: main contrib/' "$sources" >"$vm_apt_directory/parts/debian.sources"
  vm_apt=(-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$vm_apt_directory/parts"
    -o Dir::State::Lists="$vm_apt_directory/lists" -o Dir::Cache="$vm_apt_directory/cache"
    -o APT::Sandbox::User=root)
  [ -n "$(find "$vm_apt_directory/fetched" -mtime -1 2>/dev/null)" ] && return 0
  apt-get "${vm_apt[@]}" update -qq && touch "$vm_apt_directory/fetched"
}
vm_depends() {
  apt-cache "${vm_apt[@]}" depends --no-recommends --no-suggests "$1" | awk '/Depends: linux-/{ print $2 }'
}
vm_kernel() { # e.g. 6.1.0-56-cloud-amd64
  local image
  image=$(vm_depends linux-image-cloud-amd64)
  echo "${image#linux-image-}"
}

# What an image follows from: the versions of kernel and ZFS, the packages in it, and these scripts.
vm_key() {
  {
    vm_kernel
    apt-cache "${vm_apt[@]}" policy zfs-dkms | awk '/Candidate:/{ print $2 }'
    printf '%s\n' "${vm_packages[@]}"
    cat "$vm_directory"/{build.sh,init,initramfs}
  } | sha256sum | cut -c1-16
}

# Finds or builds the image; sets vm_image. An image that exists is whole: it is renamed last.
vm_image_provide() {
  vm_apt_begin || return 1
  vm_image=$vm_cache/zfs-$(vm_key)
  [ -d "$vm_image" ] && return 0
  rm -rf "$vm_cache"/zfs-????????????????
  "$vm_directory/build.sh" "$vm_image.new" && mv -T "$vm_image.new" "$vm_image"
}

# vm_job_make <directory> <build tree>: what the tests need in the machine, without debug information,
# and the libraries that the image does not have.
vm_job_make() {
  local job=$1 tree=$2 file
  mkdir -p "$job/bin" "$job/lib"
  cp "$vm_directory/inside.sh" "$vm_directory/power_inside.sh" "$job/"
  for file in velo velo-faults velo-mount-helper contract_tests zfs_tests e2e_tests ledger_tests \
    kill_tests parents_tests defects_tests trouble_tests; do
    strip -o "$job/bin/$file" "$tree/$file"
  done
  ldd "$job"/bin/* | awk '$3 ~ /^\// { print $3 }' | sort -u |
    grep -vE '/(libc|libm|libdl|libpthread|librt|libresolv)\.so' | xargs cp -Lt "$job/lib"
}
