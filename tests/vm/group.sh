#!/usr/bin/env bash
# One group of lane zfs, in a virtual machine (VELO_TEST_VM_IMAGE, VELO_TEST_VM_JOB: test.sh sets them)
# or, with VELO_TEST_ZFS_POOL, on a pool of this machine. Exit status 77: neither is there.
#
#   group.sh contract|family|pools|trouble|user|setup|flow|recovery|defects|ledger|kill-create|kill-change
#   group.sh defects-rest|side-by-side|kill-snapshot                          (only with --whole)
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
  # What of the earlier Velo's defects is about names, volumes and storage errors, and not in `family`.
  defects) binary=e2e_tests filter='Lifecycle.BranchesXAndXTemp*:Defect.Number21StorageErrors*' ;;
  defects-rest)
    binary=e2e_tests filter='Lifecycle.ProjectAndBranchNames*:Defect.Number16*:Defect.Number21Aliases*'
    ;;
  ledger) binary=ledger_tests filter='*BranchesHold*zfs*' ;;
  side-by-side) binary=ledger_tests filter='*SideBySide*zfs*' ;;
  kill-create) binary=kill_tests filter='*/Kill.*Create_zfs' ;;
  kill-change) binary=kill_tests filter='*/Kill.*Reset_zfs:*/Kill.*Delete_zfs' ;;
  kill-snapshot) binary=kill_tests filter='*/Kill.*SnapshotCreate_zfs' ;;
  *) exit 2 ;;
esac

if [ -n "${VELO_TEST_ZFS_POOL:-}" ]; then
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
  kill-snapshot) filter='*KillOnZfs*SnapshotCreate_zfs' ;;
  kill-change) filter='*KillOnZfs*Reset_zfs:*KillOnZfs*Delete_zfs' ;;
  recovery) filter='*/Recovery.Holds*zfs*:*/Recovery.InPlace*zfs*' ;;
  flow) filter='*MainFlow*BranchDiverge*zfs*:*MainFlow*ComeBack*zfs*' ;;
esac
exec "$here/run.sh" "$VELO_TEST_VM_IMAGE" "$VELO_TEST_VM_JOB" 2300 \
  bash inside.sh "$binary" "$filter"
