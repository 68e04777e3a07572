#!/usr/bin/env bash
# The table of what was swept, from the lines that tests left in a file (VELO_TEST_TALLY; tally.h).
#
#   table.sh FILE
set -euo pipefail
sort "$1" | awk -F '\t' '
  $1 == "tally" {
    key = sprintf("%-8s %-8s %-22s", $2, $3, $4)
    if (!(key in points)) order[++rows] = key
    points[key] += $6; undone[key] += $7; finished[key] += $8; lost[key] += $9; orphans[key] += $10
    if (!((key, $5) in seen)) { seen[key, $5] = 1; operations[key]++ }
  }
  function row(key) {
    printf "%s %10d %7d %7d %9d %5d %8d\n", key, operations[key], points[key], undone[key], finished[key], \
      lost[key], orphans[key]
    all_points += points[key]; all_undone += undone[key]; all_finished += finished[key]
    all_lost += lost[key]; all_orphans += orphans[key]
  }
  END {
    if (rows == 0) exit
    printf "%-8s %-8s %-22s %10s %7s %7s %9s %5s %8s\n", "runtime", "driver", "what was done", "operations", \
      "points", "undone", "finished", "lost", "orphans"
    for (r = 1; r <= rows; r++) row(order[r])
    printf "%-40s %10s %7d %7d %9d %5d %8d\n", "all", "", all_points, all_undone, all_finished, all_lost, all_orphans
  }'
