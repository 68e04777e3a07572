#!/usr/bin/env bash
# In the virtual machine, as root: a pool, a user, the programs, then one test binary.
#
#   inside.sh root|user BINARY FILTER
set -euo pipefail
as=$1 binary=$2 filter=$3
cp -n /job/lib/* /usr/local/lib/
ldconfig
zpool create -f -o ashift=12 -O mountpoint=none tank /dev/vdd1
mkdir -m 1777 /var/tmp/homes
useradd --create-home --shell /bin/bash velo-test
environment=(VELO_TEST_ZFS=tank VELO_TEST_BINARIES=/job/bin VELO_TEST_HOMES=/var/tmp/homes
  VELO_TEST_REQUIRE=1 VELO_TEST_MAY_INSTALL=1 VELO_TEST_USER=velo-test
  PATH="$PATH" LANG=C.UTF-8)
echo 1 >/proc/sys/kernel/printk
command=(env -i "${environment[@]}" HOME=/root "/job/bin/$binary")
if [ "$as" = user ]; then
  command=(setpriv --reuid=velo-test --regid=velo-test --init-groups
    env -i "${environment[@]}" HOME=/home/velo-test "/job/bin/$binary")
  echo "velo-test ALL=(root) NOPASSWD: /usr/sbin/zfs, /usr/sbin/zpool" >/etc/sudoers.d/velo-test
fi
exec "${command[@]}" --gtest_filter="$filter" --gtest_brief=0
