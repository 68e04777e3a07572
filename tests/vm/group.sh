#!/usr/bin/env bash
# One group of lane zfs, in a virtual machine (VELO_TEST_VM_IMAGE, VELO_TEST_VM_JOB: test.sh sets them)
# or, with VELO_TEST_ZFS_POOL, on a pool of this machine. Exit status 77: neither is there.
#
#   group.sh contract|family|pools|defects|ledger|kill-create
#   group.sh user|flow|recovery|trouble|setup|kill-change|kill-snapshot|kill-rest|power-cut|defects-rest|side-by-side|moments|parents|
#            parents-state|state|hands|signals|reset-clients                           (only with --whole)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

case "$1" in
  contract) binary=contract_tests filter='*zfs*' ;;
  family) binary=zfs_tests filter='ZfsFamily.*' ;;
  pools) binary=zfs_tests filter='ZfsPools.*' ;;
  trouble) binary=zfs_tests filter='ZfsTrouble.*' ;;
  user) binary=zfs_tests filter='ZfsUser.*' ;;
  setup) binary=zfs_tests filter='ZfsSetup.*' ;;
  flow) binary=e2e_tests filter='*MainFlow*zfs*' ;;
  recovery) binary=e2e_tests filter='*/Recovery.*zfs*' ;;
  # What of the earlier Velo's defects is about volumes and storage errors, and not in `family`; then the others.
  defects) binary=defects_tests filter='*Defect.Number10*zfs*:*Defect.Number21Storage*zfs*' ;;
  defects-rest) binary=defects_tests filter='*Defect*zfs*:-*Number10*:*Number21Storage*' ;;
  ledger) binary=ledger_tests filter='*BranchesHold*zfs*' ;;
  side-by-side) binary=ledger_tests filter='*SideBySide*zfs*' ;;
  kill-create) binary=kill_tests filter='*/Kill.*Create_zfs' ;;
  kill-change) binary=kill_tests filter='*/Kill.*BranchReset_zfs:*/Kill.*BranchDelete_zfs' ;;
  kill-snapshot) binary=kill_tests filter='*/Kill.*SnapshotCreate_zfs' ;;
  moments) binary=e2e_tests filter='*/Recovery.UnderLoad*zfs*' ;;
  # Lane parents, but for what needs another major than Debian's.
  parents) binary=parents_tests filter='*/Files.*zfs*:*/Guarded.*zfs*:*/Configured.*zfs*:*/Newcomer.*zfs*' ;;
  parents-state)
    binary=parents_tests filter='*/State.*zfs*:*/Replicating.*zfs*:*/Standby.*zfs*:*/Subscribed.*zfs*:*/Collations.*zfs*:*/Shape.*zfs*'
    ;;
  hands) binary=trouble_tests filter='*/ManyHands.FiftyCommandsAtOnce/zfs*' ;;
  signals) binary=trouble_tests filter='*/Signals.*zfs*' ;;
  reset-clients) binary=trouble_tests filter='*/ResetUnderClients.*zfs*' ;;
  kill-rest)
    binary=kill_tests filter='*/Kill.*_zfs:-*Create_zfs:*BranchReset_zfs:*BranchDelete_zfs'
    ;;
  power-cut) binary='' filter='' ;; # power_cut.sh
  state) binary=e2e_tests filter='*/State.*zfs*' ;;
  *) exit 2 ;;
esac

if [ -n "${VELO_TEST_ZFS_POOL:-}" ]; then
  [ "$1" != power-cut ] || exit 77 # not with somebody's machine
  unset VELO_TEST_BTRFS # tests that name no driver take the best that there is
  export VELO_TEST_ZFS=$VELO_TEST_ZFS_POOL VELO_TEST_BINARIES=$VELO_BINARY_DIR
  exec "$VELO_BINARY_DIR/$binary" --gtest_filter="$filter"
fi
[ -n "${VELO_TEST_VM_IMAGE:-}" ] || exit 77

# Emulation takes ten times as long. What is left out there is no different on ZFS, or is done once
# where it would be done for each operation.
case "$1" in
  contract)
    filter+=':-*ATreeThatChanges*:*ManyFilesAndDirectories*:*AnAtomicSnapshot*_by_commands:*Sparse*_by_commands'
    ;;
  kill-create) filter='*KillOnZfs*BranchCreate_zfs' ;; # a project's takes ten minutes, nearly all of it initdb
  defects-rest) filter='*Number5*zfs*:*Number16*zfs*:*Number21Aliases*zfs*' ;;
  kill-snapshot) filter='*KillOnZfs*SnapshotCreate_zfs' ;;
  kill-change) filter='*KillOnZfs*BranchReset_zfs:*KillOnZfs*BranchDelete_zfs' ;;
  # It has no pg_cron and no sources; and of 5,000 tables and 200 databases there making them would take too long.
  parents) filter+=':-*Newcomer*:*Cron*' ;;
  parents-state) filter+=':-*TwoHundred*:*FiveThousand*' ;;
  kill-rest) # of those that make or remove a volume, without an initdb for each point
    filter='*KillOnZfs*/BranchRestore_zfs:*KillOnZfs*/SnapshotDelete_zfs:*KillOnZfs*/BranchUnreset_zfs'
    ;;
  recovery) filter='*/Recovery.Holds*zfs*:*/Recovery.InPlace*zfs*' ;;
  flow) filter='*MainFlow*BranchDiverge*zfs*:*MainFlow*ComeBack*zfs*' ;;
esac
command=("$here/run.sh" "$VELO_TEST_VM_IMAGE" "$VELO_TEST_VM_JOB" 2300 bash inside.sh "$binary" "$filter")
if [ "$1" = power-cut ]; then
  command=("$here/power_cut.sh" "$VELO_TEST_VM_IMAGE" "$VELO_TEST_VM_JOB")
fi
# What the sweep counts goes to the table at its end (tests/kill/table.sh).
"${command[@]}" | tee >(grep -a '^tally' >>"${VELO_TEST_TALLY:-/dev/null}" || true)
