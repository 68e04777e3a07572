#!/usr/bin/env bash
# Measures what Velo costs, beside the bare floor and beside what people would use instead: ./bench.sh
#
#   --quick          little data, two rounds: does it still run? (a minute or two)
#   --sections A,B   only these: btrfs reflink copy rivals life status docker pool archive replay busy tps
#                    depth sizes at-once many many-reflink stopped
#   --scale N        pgbench's scale of the data that is branched, 15 MB each (50)
#   --rounds N       how often each thing is measured (7)
#   --branches N     the most branches that `velo status` is measured with (100)
#   --many N         how many running branches the sections many and many-reflink make (1000)
#   --stopped N      how many branches the section stopped makes (10000)
#   --seconds N      how long each run of pgbench takes in the sections tps and depth (10)
#   --out FILE       where the JSON goes (build/bench/results.json), and beside it the curves as SVG
#
# Prints tables. Needs root or sudo (packages, loop-mounted btrfs and XFS). Everything that it makes is
# gone when it ends, however it ends. docs/performance.md explains what is measured and how.
set -euo pipefail
here=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")"
. scripts/install.sh
. scripts/places.sh
. scripts/postgres_builds.sh
. tests/docker/daemon.sh
. tests/docker/images.sh

out=$PWD/build/bench/results.json
options=()
while [ "$#" -gt 0 ]; do
  case "$1" in
    -h | --help)
      sed -n '2,/^set /s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    --quick) options+=("$1") ;;
    --sections | --scale | --rounds | --branches | --seconds | --many | --stopped | --out)
      if [ "$#" -lt 2 ]; then
        say "$1 takes a value; ./bench.sh --help"
        exit 2
      fi
      if [ "$1" = --out ]; then
        case "$2" in
          /*) out=$2 ;;
          *) out=$here/$2 ;;
        esac
      else
        options+=("$1" "$2")
      fi
      shift
      ;;
    *)
      say "There is no option $1; ./bench.sh --help lists them."
      exit 2
      ;;
  esac
  shift
done
if ! can_be_root; then
  say "Mounting btrfs and XFS needs root or sudo."
  exit 1
fi

command -v npm >/dev/null || bench_packages+=(npm)
# The section docker, unless others are asked for.
wants_docker=yes
case " ${options[*]} " in *' --sections '*) [[ " ${options[*]} " == *docker* ]] || wants_docker= ;; esac
[ -z "$wants_docker" ] || bench_packages+=("${docker_packages[@]}")
install_packages "${build_packages[@]}" "${bench_packages[@]}"
build_preset bench velo velo_bench

finish() {
  local status=$?
  trap - EXIT
  docker_end
  places_end || status=1
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Room for the data, its WAL, and the copies that rivals make.
places_begin
place_make btrfs 16G
place_make xfs 16G
given=(--velo "$PWD/build/bench/velo" --homes "$places/homes" --btrfs "$places/btrfs"
  --xfs "$places/xfs" --plain "$places/plain" --out "$out")
if provide_builds "$places/postgres" 18; then
  given+=(--postgres "$places/postgres")
else
  say "Left out: what needs PostgreSQL 18"
fi
if [ -n "$wants_docker" ]; then
  if docker_begin "$places" && docker_image_of_15; then
    given+=(--docker "$docker_host")
  else
    say "Left out: the section docker (above is why)"
  fi
fi
# As root, so that the servers run as an unprivileged user, as root's servers do.
as_root build/bench/velo_bench "${given[@]}" "${options[@]}"
say "Written: $out"
