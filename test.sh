#!/usr/bin/env bash
# Builds Velo and runs its tests: ./test.sh [--whole] [lane…]
#
#   unit       functions, no server            contract   every storage driver, every PostgreSQL major
#   e2e        the binary, as root             e2e-user   the same, as an ordinary user
#   parents    databases as production has them, on every driver
#   ledger     no acknowledged commit is lost  kill       kill -9 at each step of each operation, and no power
#   defects    what the earlier Velo got wrong, on every driver and runtime
#   trouble    fifty commands at once; pools, memory, clocks and servers that fail
#   docker     servers in containers, on a Docker daemon of its own
#   zfs        ZFS, in virtual machines; or on a pool of this machine: VELO_TEST_ZFS_POOL=tank ./test.sh zfs
#   fuzz       what Velo reads and did not write, a minute each (VELO_FUZZ_SECONDS says otherwise)
#   checks     layers, docs, scripts           lint       clang-format, clang-tidy and cppcheck
#   asan tsan  unit and contract under the sanitizers
#   all        all but lint, asan and tsan (the default)      everything   all of them
#
# Tests that are repeated for drivers and PostgreSQL majors run on those that make a difference; with --whole
# on all of them (tests/CMakeLists.txt says which), which takes much longer: most of it is the sweep, at whose
# end a table says what was killed, failed and cut off, and what became of it.
#
# Needs root or sudo for some of it (packages, loop-mounted btrfs and XFS); without, it runs what it
# can and says what it left out. Everything that it makes is gone when it ends, however it ends.
# What it downloads and compiles is cached: ccache, and ~/.cache/velo-tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. scripts/install.sh
. scripts/places.sh
. scripts/postgres_builds.sh
. tests/docker/daemon.sh
. tests/docker/podman.sh
. tests/docker/rootless.sh
. tests/docker/images.sh
. tests/vm/image.sh

default_lanes=(unit contract checks e2e e2e-user parents ledger kill trouble defects docker zfs fuzz)
case "${1:-all}" in
  -h | --help)
    sed -n '2,/^set /s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
esac
lanes=()
whole=
if [ "${1:-}" = --whole ]; then
  whole=yes
  shift
fi
for lane in "${@:-all}"; do
  case "$lane" in
    all) lanes+=("${default_lanes[@]}") ;;
    everything) lanes+=(lint "${default_lanes[@]}" asan tsan) ;;
    unit | contract | checks | e2e | e2e-user | parents | ledger | kill | trouble | defects | docker | zfs | fuzz | \
      lint | asan | tsan) lanes+=("$lane") ;;
    *)
      say "There is no lane $lane; ./test.sh --help lists them."
      exit 2
      ;;
  esac
done
wanted() {
  local lane
  for lane in "${lanes[@]}"; do [ "$lane" = "$1" ] && return 0; done
  return 1
}
skipped=()
skip() {
  skipped+=("$1")
  lanes=("${lanes[@]/#%$2/}") # the lane's name becomes empty, which no label equals
}
any_wanted() {
  local lane
  for lane in "$@"; do wanted "$lane" && return 0; done
  return 1
}

# --- Packages -------------------------------------------------------------------------------------
packages=("${build_packages[@]}" "${test_packages[@]}")
wanted lint && packages+=("${lint_packages[@]}")
wanted fuzz && packages+=("${fuzz_packages[@]}")
any_wanted docker defects && packages+=("${docker_packages[@]}")
if any_wanted zfs defects && [ -z "${VELO_TEST_ZFS_POOL:-}" ]; then packages+=("${vm_host_packages[@]}"); fi
command -v npm >/dev/null || packages+=(npm)
install_packages "${packages[@]}"

# Those tests of lanes docker and zfs that show a defect of the earlier Velo to be gone are its lane's too.
if any_wanted docker defects; then lanes+=(docker-daemon); fi
if any_wanted zfs defects; then lanes+=(zfs-defects); fi

# --- Build ----------------------------------------------------------------------------------------
trees=(build/test)
build_preset test
for sanitizer in asan tsan; do
  wanted "$sanitizer" || continue
  build_preset "$sanitizer" unit_tests contract_tests
  trees+=("build/$sanitizer")
done

if wanted fuzz; then
  build_preset fuzz
  trees+=(build/fuzz)
fi

# --- Places ---------------------------------------------------------------------------------------
root=()
finish() {
  local status=$?
  trap - EXIT
  # ctest as root under sudo leaves files of root's in the build tree.
  is_root || [ "${#root[@]}" -eq 0 ] || as_root chown -R "$(id -u):$(id -g)" build || true
  rootless_end
  podman_end
  docker_end
  places_end || status=1
  user_end
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

places_begin_in_memory
environment=(
  "VELO_TEST_HOMES=$places/homes"
  "VELO_TEST_EXT4=$places/plain"
  "VELO_TEST_POSTGRES=$places/postgres"
)
[ -z "${CI:-}" ] || environment+=(VELO_TEST_REQUIRE=1)
any_wanted kill docker zfs && environment+=("VELO_TEST_TALLY=$places/tally")

if any_wanted contract e2e e2e-user parents ledger kill trouble defects docker asan tsan; then
  provide_builds "$places/postgres" || skipped+=("some PostgreSQL majors: npm could not fetch them")
  if can_be_root; then
    is_root || root=(sudo)
    if place_make btrfs; then
      environment+=("VELO_TEST_BTRFS=$places/btrfs")
    else
      skipped+=("btrfs: no loop device could be mounted")
    fi
    if place_make xfs; then
      environment+=("VELO_TEST_XFS=$places/xfs")
    else
      skipped+=("reflink: no XFS could be mounted")
    fi
  else
    skipped+=("btrfs and reflink: mounting them needs root or sudo")
  fi
fi
if any_wanted docker defects; then
  if ! can_be_root; then
    skip "lane docker: a Docker daemon of its own needs root or sudo" docker
  elif docker_begin "$places" && docker_images "$places/postgres"; then
    environment+=("VELO_TEST_DOCKER=$docker_host")
    if docker_userns_begin "$places"; then
      environment+=("VELO_TEST_DOCKER_USERNS=$docker_userns_host")
    else
      skipped+=("a Docker daemon that maps users: above is why")
    fi
    if podman_begin "$places"; then
      environment+=("VELO_TEST_PODMAN=$podman_host")
    else
      skipped+=("podman: above is why")
    fi
    if podman_rootless_begin "$places"; then
      environment+=("VELO_TEST_PODMAN_ROOTLESS=$podman_rootless_host")
    else
      skipped+=("podman without root: above is why")
    fi
    if docker_rootless_begin "$places"; then
      environment+=("VELO_TEST_DOCKER_ROOTLESS=$docker_rootless_host")
    else
      skipped+=("a Docker daemon without root: above is why")
    fi
  else
    skip "lane docker: this machine cannot run a Docker daemon (above is why)" docker
  fi
fi
if any_wanted zfs defects; then
  if [ -n "${VELO_TEST_ZFS_POOL:-}" ]; then
    if can_be_root; then
      is_root || root=(sudo)
      environment+=("VELO_TEST_ZFS_POOL=$VELO_TEST_ZFS_POOL")
    else
      skip "lane zfs: making datasets on $VELO_TEST_ZFS_POOL needs root or sudo" zfs
    fi
  elif ! is_root; then
    skip "lane zfs: building its virtual machine needs root" zfs
  elif vm_image_provide && vm_job_make "$places/vm-job" build/test; then
    environment+=("VELO_TEST_VM_IMAGE=$vm_image" "VELO_TEST_VM_JOB=$places/vm-job")
  else
    skip "lane zfs: its virtual machine could not be built (above is why)" zfs
  fi
fi
if wanted e2e-user; then
  if ! can_be_root; then
    skip "lane e2e-user: lane e2e is run by an ordinary user already" e2e-user
  elif ! user_begin; then
    skip "lane e2e-user: the user velo-test could not be made" e2e-user
  else
    # That user may be unable to enter the directory that this repository is in.
    mkdir -p "$places/bin"
    cp build/test/velo build/test/velo-faults build/test/e2e_tests "$places/bin/"
    environment+=("VELO_TEST_USER=velo-test" "VELO_TEST_USER_BIN=$places/bin")
  fi
fi

# --- Run ------------------------------------------------------------------------------------------
# One ctest over all the build trees, so that its summary covers everything.
mkdir -p build/all
for tree in "${trees[@]}"; do printf 'subdirs("%s")\n' "$PWD/$tree"; done >build/all/CTestTestfile.cmake
if wanted lint; then
  printf 'add_test(lint "%s/scripts/lint.sh")\n' "$PWD"
  printf 'set_tests_properties(lint PROPERTIES LABELS lint PROCESSORS 2 TIMEOUT 2400)\n'
fi >>build/all/CTestTestfile.cmake

for reason in "${skipped[@]}"; do say "Left out: $reason"; done
if [ -n "${CI:-}" ] && [ "${#skipped[@]}" -gt 0 ]; then
  say "Nothing may be left out here."
  exit 1
fi

labels=$(printf '%s|' "${lanes[@]}" | sed 's/|\{2,\}/|/g; s/^|//; s/|$//')
status=0
"${root[@]}" env "${environment[@]}" ctest --test-dir build/all --label-regex "^($labels)${whole:+(-whole)?}\$" \
  --parallel "${VELO_TEST_JOBS:-$(($(nproc) + 1))}" --output-on-failure --no-tests=error || status=$?
[ ! -s "$places/tally" ] || {
  say "What was killed, failed and cut off, at how many points:"
  tests/kill/table.sh "$places/tally"
}
exit "$status"
