# shellcheck shell=bash
# Sourced by test.sh: Docker daemons of the tests' own, beside one that the machine may have.
#
# Each has its own socket, data, bridge and network; no iptables rules, which are the whole machine's:
# ports are published by its proxy alone.

as_docker() { as_root env "DOCKER_HOST=$docker_host" docker "$@"; }

docker_host=
docker_bridges=()
docker_places=()

# docker_bridge <subnet>: makes one, and prints its name.
docker_bridge() {
  local bridge="velo${1//./-}"
  as_root ip link add name "$bridge" type bridge && as_root ip address add "$1.1/24" dev "$bridge" &&
    as_root ip link set "$bridge" up && printf '%s\n' "$bridge"
}

# docker_daemon_begin <directory> <subnet> <starter…> -- <more options…>: starts one in the directory,
# by the starter (unshare…), and waits until it answers. Says why when it cannot.
docker_daemon_begin() {
  local place=$1 subnet=$2 bridge starter=()
  shift 2
  while [ "$1" != -- ]; do
    starter+=("$1")
    shift
  done
  shift
  as_root mkdir -p "$place"
  if ! bridge=$(docker_bridge "$subnet" 2>"$place.why"); then
    say "No bridge for a Docker daemon: $(cat "$place.why")"
    return 1
  fi
  docker_bridges+=("$bridge")
  docker_places+=("$place")
  # In a session of its own, so that Ctrl-C does not end it before the tests' containers.
  as_root setsid "${starter[@]}" dockerd --host "unix://$place/socket" --data-root "$place/data" \
    --exec-root "$place/run" --pidfile "$place/pid" --bridge "$bridge" \
    --iptables=false --ip6tables=false --ip-masq=false "$@" >"$place.log" 2>&1 &
  local tries
  for ((tries = 0; tries < 300; ++tries)); do
    as_root env "DOCKER_HOST=unix://$place/socket" docker version >/dev/null 2>&1 && return 0
    as_root test -e "$place/pid" || [ "$tries" -lt 50 ] || break
    read -r -t 0.1 <> <(:) || true
  done
  say "dockerd does not run here: $(grep -v level=info "$place.log" | tail -n 3)"
  return 1
}

# docker_begin <directory>: the one that most tests use.
docker_begin() {
  docker_daemon_begin "$1/docker" "10.213.$(($$ % 200))" -- || return 1
  docker_host="unix://$1/docker/socket"
}

# docker_userns_begin <directory>: one that maps the users of containers, with the image of 17 of the
# first. /etc/subuid and /etc/subgid are its own, in a mount namespace: the machine's stay as they are.
docker_userns_begin() {
  local place="$1/userns"
  as_root mkdir -p "$place"
  printf 'daemon:1000000:65536\n' | as_root tee "$place/subid" >/dev/null
  # shellcheck disable=SC2016  # for the inner shell
  docker_daemon_begin "$place" "10.214.$(($$ % 200))" unshare --mount --propagation slave sh -c '
    for file in /etc/subuid /etc/subgid; do [ -e "$file" ] || : >"$file"; done
    mount --bind "$0" /etc/subuid && mount --bind "$0" /etc/subgid && exec "$@"' "$place/subid" \
    -- --userns-remap=daemon || return 1
  docker_userns_host="unix://$place/socket"
  as_docker save postgres:17-alpine | as_root env "DOCKER_HOST=$docker_userns_host" docker load >/dev/null
}

docker_end() {
  local place pid containers
  for place in "${docker_places[@]}"; do
    pid=$(as_root cat "$place/pid" 2>/dev/null) || continue
    docker_host="unix://$place/socket"
    mapfile -t containers < <(as_docker ps --all --quiet 2>/dev/null)
    [ "${#containers[@]}" -eq 0 ] || as_docker rm --force --volumes "${containers[@]}" >/dev/null || true
    as_root kill "$pid" 2>/dev/null && as_root timeout 30 tail --pid="$pid" -f /dev/null || true
  done
  for place in "${docker_bridges[@]}"; do as_root ip link delete "$place" 2>/dev/null || true; done
  docker_bridges=()
  docker_places=()
}
