#!/bin/sh
# Rules for this tree that no compiler knows.
set -eu

failed=0
# refuse <why> <pattern> <path…>
refuse() {
  why=$1 pattern=$2
  shift 2
  if grep -rnE --include='*.cpp' --include='*.h' --include='*.sh' --exclude=style_test.sh \
    "$pattern" "$@"; then
    echo "^ $why"
    failed=1
  fi
}
refuse "tests wait for a condition with a deadline" 'sleep_for|usleep|nanosleep|\bsleep [0-9]' tests
refuse "processes are ended by their own pid" 'killall|pkill' tests scripts bench test.sh demo.sh bench.sh
refuse "an issue or a test says what is missing, not a comment" 'TODO|FIXME|XXX:' src tests scripts bench

long=$(find src tests scripts bench -type f -exec wc -l {} + |
  awk '$2 != "total" && $1 > 450 { print "  " $2 ": " $1 " lines" }')
if [ -n "$long" ]; then
  printf 'These files are probably two ideas:\n%s\n' "$long"
  failed=1
fi
for script in test.sh demo.sh bench.sh .ci/run scripts/*.sh; do
  bash -n "$script" || failed=1
done
exit "$failed"
