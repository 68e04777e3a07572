# shellcheck shell=bash
# Sourced by test.sh: a Docker daemon of the tests' own, beside one that the machine may have.
#
# Its own socket, data, bridge and network; no iptables rules, which are the whole machine's: ports are
# published by its proxy alone.

as_docker() { as_root env "DOCKER_HOST=$docker_host" docker "$@"; }

docker_host=
docker_bridge=

# docker_begin <directory>: starts it. Says why when it cannot.
docker_begin() {
  local below=$1 number=$(($$ % 200))
  docker_place="$below/docker"
  docker_bridge="velo$number"
  as_root mkdir -p "$docker_place"
  if ! as_root ip link add name "$docker_bridge" type bridge 2>"$below/docker-why" ||
    ! as_root ip address add "10.213.$number.1/24" dev "$docker_bridge" 2>"$below/docker-why" ||
    ! as_root ip link set "$docker_bridge" up 2>"$below/docker-why"; then
    say "No bridge for a Docker daemon: $(cat "$below/docker-why")"
    return 1
  fi
  # In a session of its own, so that Ctrl-C does not end it before the tests' containers.
  as_root setsid dockerd --host "unix://$docker_place/socket" --data-root "$docker_place/data" \
    --exec-root "$docker_place/run" --pidfile "$docker_place/pid" --bridge "$docker_bridge" \
    --iptables=false --ip6tables=false --ip-masq=false >"$below/dockerd.log" 2>&1 &
  docker_host="unix://$docker_place/socket"
  local tries
  for ((tries = 0; tries < 300; ++tries)); do
    as_docker version >/dev/null 2>&1 && return 0
    as_root test -e "$docker_place/pid" || [ "$tries" -lt 50 ] || break
    read -r -t 0.1 <> <(:) || true
  done
  say "dockerd does not run here: $(grep -v level=info "$below/dockerd.log" | tail -n 3)"
  return 1
}

docker_end() {
  [ -n "$docker_bridge" ] || return 0
  local pid containers
  pid=$(as_root cat "$docker_place/pid" 2>/dev/null) || pid=
  if [ -n "$pid" ]; then
    mapfile -t containers < <(as_docker ps --all --quiet 2>/dev/null)
    [ "${#containers[@]}" -eq 0 ] || as_docker rm --force --volumes "${containers[@]}" >/dev/null || true
    as_root kill "$pid" 2>/dev/null && as_root timeout 30 tail --pid="$pid" -f /dev/null || true
  fi
  as_root ip link delete "$docker_bridge" 2>/dev/null || true
  docker_bridge=
}
