# shellcheck shell=bash
# Sourced by test.sh: a podman service of the tests' own, which speaks Docker's API.

podman_place=

as_podman() {
  as_root podman --root "$podman_place/root" --runroot "$podman_place/run" --tmpdir "$podman_place/tmp" \
    --network-config-dir "$podman_place/net" --cgroup-manager cgroupfs --runtime "$podman_place/runtime" "$@"
}

# Podman asks for the highest limits there are, which not every root may set, and crun refuses machines
# with both versions of cgroups: runc, without those limits.
podman_runtime() {
  cat <<'END'
#!/bin/sh
before= bundle=
for word; do
  case $before in -b | --bundle) bundle=$word ;; esac
  before=$word
done
[ -z "$bundle" ] || sed -i 's/"rlimits":\[[^]]*\],*//' "$bundle/config.json"
exec runc "$@"
END
}

# podman_begin <directory>: starts it, with the image of 17 of the tests' Docker daemon.
podman_begin() {
  podman_place="$1/podman"
  as_root mkdir -p "$podman_place/tmp" "$podman_place/net"
  podman_runtime | as_root tee "$podman_place/runtime" >/dev/null
  as_root chmod 0755 "$podman_place/runtime"
  if ! as_docker save postgres:17-alpine | as_podman load >"$podman_place.log" 2>&1; then
    say "podman does not run here: $(tail -n 3 "$podman_place.log")"
    return 1
  fi
  # shellcheck disable=SC2016  # for the inner shell
  as_root setsid sh -c 'echo "$$" >"$0/pid"; exec "$@"' "$podman_place" \
    podman --root "$podman_place/root" --runroot "$podman_place/run" --tmpdir "$podman_place/tmp" \
    --network-config-dir "$podman_place/net" --cgroup-manager cgroupfs --runtime "$podman_place/runtime" \
    system service --time 0 "unix://$podman_place/socket" >"$podman_place.log" 2>&1 &
  local tries
  for ((tries = 0; tries < 100; ++tries)); do
    if as_root env "DOCKER_HOST=unix://$podman_place/socket" docker version >/dev/null 2>&1; then
      podman_host="unix://$podman_place/socket"
      return 0
    fi
    read -r -t 0.1 <> <(:) || true
  done
  say "podman's service does not answer here: $(tail -n 3 "$podman_place.log")"
  return 1
}

podman_end() {
  local pid
  [ -n "$podman_place" ] || return 0
  as_podman rm --all --force --volumes >/dev/null 2>&1 || true
  if pid=$(as_root cat "$podman_place/pid" 2>/dev/null); then
    as_root kill "$pid" 2>/dev/null && as_root timeout 30 tail --pid="$pid" -f /dev/null || true
  fi
  podman_place=
}
