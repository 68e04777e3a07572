# shellcheck shell=bash
# Sourced by test.sh, bench.sh and demo.sh: rights, and the Debian packages that are needed.

# What compiling Velo and running a server takes.
# (Debian's postgresql starts a cluster of its own on port 5432: Velo leaves it alone.)
# shellcheck disable=SC2034  # used by those who source this
build_packages=(
  g++ cmake ninja-build ccache
  libcli11-dev nlohmann-json3-dev libfmt-dev libsqlitecpp-dev libsqlite3-dev
  libpq-dev libssl-dev libcurl4-openssl-dev libbtrfsutil-dev libzstd-dev libhowardhinnant-date-dev
  postgresql btrfs-progs
)
# shellcheck disable=SC2034
# zsh and fish: to ask them what they complete.
# shellcheck disable=SC2034
test_packages=(libgtest-dev libgmock-dev xfsprogs postgresql-15-cron busybox-static zsh fish libfaketime)
# pgbench comes with postgresql.
# shellcheck disable=SC2034
bench_packages=(xfsprogs)
# A Docker daemon, and what its images are made with (tests/docker).
# shellcheck disable=SC2034
docker_packages=(docker.io iproute2 iptables mmdebstrap podman catatonit runc uidmap slirp4netns rootlesskit)
# shellcheck disable=SC2034
lint_packages=(clang-19 clang-tidy-19 clang-format-19 cppcheck)
# shellcheck disable=SC2034
fuzz_packages=(clang-19 libclang-rt-19-dev)

say() { printf '%s\n' "$*" >&2; }

is_root() { [ "$(id -u)" -eq 0 ]; }

# Whether as_root works: root itself, sudo without a password, or a person who can type one.
can_be_root() {
  is_root && return 0
  command -v sudo >/dev/null || return 1
  sudo -n true 2>/dev/null && return 0
  [ -t 0 ] && sudo -v
}

as_root() {
  if is_root; then "$@"; else sudo "$@"; fi
}

# Those of the given packages that are not installed, a line each. One dpkg-query for all of them: a
# run that has nothing to install must not take time.
missing_packages() {
  comm -23 <(printf '%s\n' "$@" | sort -u) \
    <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
      sed -n 's/^installed //p' | sort)
}

# Installs what is missing of the given packages.
install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ "${#missing[@]}" -eq 0 ] && return 0
  say "Installing ${missing[*]}"
  if ! command -v apt-get >/dev/null; then
    say "This machine has no apt-get: install the counterparts of these packages yourself."
    return 1
  fi
  if ! can_be_root; then
    say "Installing them needs root: sudo apt-get install ${missing[*]}"
    return 1
  fi
  as_root apt-get -qq update
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install --yes --no-install-recommends "${missing[@]}" >/dev/null
}

# Configures (once) and builds a preset: build_preset release [target…]
# What another clone compiled counts for this one too: ccache sees paths relative to the repository.
build_preset() {
  local preset=$1
  shift
  local targets=()
  local -x CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
  [ "$#" -gt 0 ] && targets=(--target "$@")
  cmake --preset "$preset" >/dev/null
  cmake --build --preset "$preset" "${targets[@]}"
}
