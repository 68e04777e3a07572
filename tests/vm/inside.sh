#!/usr/bin/env bash
# In the virtual machine, as root: a pool, a user, the programs, then one test binary.
#
#   inside.sh BINARY FILTER
set -euo pipefail
# initdb takes five seconds here and a copy of what it made a third of one. So each set of arguments is
# carried out once for each user, and copied from then on, as PostgreSQL's own tests do (INITDB_TEMPLATE): all
# clusters of a machine have one system identifier, which no test here looks at.
cd /usr/lib/postgresql/15/bin
mv initdb initdb.real
cat >initdb <<'SCRIPT'
#!/bin/sh
set -eu
[ "${1:-}" = -D ] || exec /usr/lib/postgresql/15/bin/initdb.real "$@"
data=$2
shift 2
template=/var/tmp/initdb-$(id -u)-$(printf %s "$*" | md5sum | cut -c1-16)
if [ ! -d "$template" ]; then
  /usr/lib/postgresql/15/bin/initdb.real -D "$template.$$" "$@"
  mv -T "$template.$$" "$template" 2>/dev/null || rm -rf "$template.$$"
fi
mkdir -p "$data"
chmod 0700 "$data"
cp -a "$template/." "$data"
SCRIPT
chmod 0755 initdb
cd /job
binary=$1 filter=$2
cp -n /job/lib/* /usr/local/lib/
ldconfig
zpool create -f -o ashift=12 -O mountpoint=none tank /dev/vdd1
mkdir -m 1777 /var/tmp/homes
useradd --create-home --shell /bin/bash velo-test
exec env -i PATH="$PATH" HOME=/root LANG=C.UTF-8 VELO_TEST_REQUIRE=1 VELO_TEST_ZFS=tank \
  VELO_TEST_BINARIES=/job/bin VELO_TEST_HOMES=/var/tmp/homes VELO_TEST_LIGHT=1 VELO_TEST_PATIENCE=900 \
  VELO_TEST_MAY_INSTALL=1 VELO_TEST_USER=velo-test "/job/bin/$binary" --gtest_filter="$filter"
