#!/bin/sh
# as_user.sh <test binary> [argument…]: runs a test binary as the ordinary user that ./test.sh made.
#
# VELO_TEST_USER is that user; VELO_TEST_USER_BIN holds copies of the test binary and of velo that it
# can reach (the repository may lie in a home that it cannot enter). Listing tests needs neither.
set -eu

case " $* " in
  *" --gtest_list_tests "*) exec "$@" ;;
esac
if [ -z "${VELO_TEST_USER:-}" ]; then
  echo "[  SKIPPED ] no VELO_TEST_USER: ./test.sh makes one when it is root or has sudo"
  exit 0
fi
binary="$VELO_TEST_USER_BIN/$(basename "$1")"
shift
home=$(getent passwd "$VELO_TEST_USER" | cut -d: -f6)
cd /
exec setpriv --reuid "$VELO_TEST_USER" --regid "$(id -g "$VELO_TEST_USER")" --clear-groups \
  env HOME="$home" USER="$VELO_TEST_USER" VELO_TEST_BINARIES="$VELO_TEST_USER_BIN" "$binary" "$@"
