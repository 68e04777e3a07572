#!/usr/bin/env bash
# In the virtual machine, as root: a pool, a user, the programs, then one test binary.
#
#   inside.sh BINARY FILTER
set -euo pipefail
binary=$1 filter=$2
cp -n /job/lib/* /usr/local/lib/
ldconfig
zpool create -f -o ashift=12 -O mountpoint=none tank /dev/vdd1
mkdir -m 1777 /var/tmp/homes
useradd --create-home --shell /bin/bash velo-test
exec env -i PATH="$PATH" HOME=/root LANG=C.UTF-8 VELO_TEST_REQUIRE=1 VELO_TEST_ZFS=tank \
  VELO_TEST_BINARIES=/job/bin VELO_TEST_HOMES=/var/tmp/homes VELO_TEST_LIGHT=1 VELO_TEST_PATIENCE=900 \
  VELO_TEST_MAY_INSTALL=1 VELO_TEST_USER=velo-test "/job/bin/$binary" --gtest_filter="$filter"
