# shellcheck shell=bash
# Sourced by test.sh, after daemon.sh and podman.sh: services that are an ordinary user's own, and map the
# users of containers into those of /etc/subuid. They get the images of 17 of the tests' Docker daemon.

podman_rootless_host=
docker_rootless_host=
rootless_places=()
rootless_user=velo-rootless
rootless_made=

rootless_user_begin() {
  getent passwd "$rootless_user" >/dev/null && return 0
  as_root useradd --create-home --shell /bin/sh "$rootless_user" &&
    as_root usermod --add-subuids 2000000-2065535 --add-subgids 2000000-2065535 "$rootless_user" || return 1
  rootless_made=yes
}

# rootless_begin <place> <name>: starts <place>/start, which standard input holds, as that user, whose home
# the place is, and waits until a daemon answers at its socket. Says why when none does. /dev/net/tun, which
# on some machines is root's alone, is its own, in a mount namespace.
rootless_begin() {
  local place=$1 name=$2
  as_root mkdir -p "$place"
  as_root tee "$place/start" >/dev/null
  as_root chmod 0755 "$place/start"
  rootless_user_begin || return 1
  rootless_places+=("$place")
  as_root mknod -m 0666 "$place/tun" c 10 200
  as_root chown "$rootless_user:" "$place"
  # shellcheck disable=SC2016  # for the inner shell
  as_root setsid unshare --mount --propagation slave sh -c '
    echo "$$" >"$0/pid"
    mount --bind "$0/tun" /dev/net/tun || exit 1
    exec setpriv --reuid="$1" --regid="$1" --init-groups \
      env -i PATH="$PATH" HOME="$0" XDG_RUNTIME_DIR="$0" "$0/start"' \
    "$place" "$(id -u "$rootless_user")" >"$place.log" 2>&1 &
  local tries
  for ((tries = 0; tries < 600; ++tries)); do
    as_root env "DOCKER_HOST=unix://$place/socket" docker version >/dev/null 2>&1 && return 0
    [ "$tries" -lt 20 ] || as_root test -d "/proc/$(as_root cat "$place/pid" 2>/dev/null)/cwd" || break
    read -r -t 0.1 <> <(:) || true
  done
  say "$name without root does not run here: $(grep -v level=info "$place.log" | tail -n 3)"
  return 1
}

# podman_rootless_begin <directory>
podman_rootless_begin() {
  local place="$1/podman-rootless"
  as_root mkdir -p "$place"
  as_docker save postgres:17-alpine | as_root tee "$place/image.tar" >/dev/null
  podman_runtime | as_root tee "$place/runtime" >/dev/null
  as_root chmod 0755 "$place/runtime"
  rootless_begin "$place" podman <<'END' || return 1
#!/bin/sh
cd "$HOME" || exit 1
set -- podman --root "$HOME/root" --runroot "$HOME/run" --tmpdir "$HOME/tmp" \
  --storage-driver overlay --cgroup-manager cgroupfs --runtime "$HOME/runtime"
"$@" load --input image.tar && exec "$@" system service --time 0 "unix://$HOME/socket"
END
  podman_rootless_host="unix://$place/socket"
}

# docker_rootless_begin <directory>: by Docker's own script for it, which its set-up tool has systemd start.
docker_rootless_begin() {
  local place="$1/docker-rootless"
  rootless_begin "$place" "a Docker daemon" <<'END' || return 1
#!/bin/sh
cd "$HOME" || exit 1
PATH=$PATH:/usr/sbin:/sbin exec /usr/share/docker.io/contrib/dockerd-rootless.sh \
  --host "unix://$HOME/socket" --data-root "$HOME/data" --exec-root "$HOME/run" --pidfile "$HOME/dockerd.pid" \
  --iptables=false --ip6tables=false
END
  as_docker save postgres:17-alpine postgres:17-busybox |
    as_root env "DOCKER_HOST=unix://$place/socket" docker load >/dev/null || return 1
  docker_rootless_host="unix://$place/socket"
}

# The containers that are left, the services, and what keeps podman's namespace.
rootless_end() {
  local place pid file docker_host
  for place in "${rootless_places[@]}"; do
    docker_host="unix://$place/socket"
    for pid in $(as_docker ps --all --quiet 2>/dev/null); do as_docker rm --force "$pid" >/dev/null || true; done
    for file in "$place/pid" "$place/tmp/pause.pid"; do
      pid=$(as_root cat "$file" 2>/dev/null) || continue
      as_root kill "$pid" 2>/dev/null && as_root timeout 30 tail --pid="$pid" -f /dev/null || true
    done
  done
  rootless_places=()
  [ -z "$rootless_made" ] || as_root userdel --remove "$rootless_user" 2>/dev/null || true
  rootless_made=
}
