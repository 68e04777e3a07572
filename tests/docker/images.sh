# shellcheck shell=bash
# Sourced by test.sh: the images of lane docker, made without a registry (README.md beside this file).

# root_tar: prints the path of the root file system's tar, making it when the cache has none.
docker_root_tar() {
  local tar="${XDG_CACHE_HOME:-$HOME/.cache}/velo-tests/docker-root-1.tar"
  if [ ! -s "$tar" ]; then
    mkdir -p "$(dirname "$tar")"
    # Without what no test looks at: a smaller image is imported sooner.
    as_root mmdebstrap --quiet --format=tar --variant=minbase --include=postgresql-15,postgresql-client-15 \
      --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
      --dpkgopt='path-exclude=/usr/share/locale/*' \
      --customize-hook='rm -f "$1"/usr/lib/*/libLLVM-*.so.* "$1"/usr/lib/postgresql/15/lib/llvmjit.so' \
      --customize-hook='rm -rf "$1"/usr/lib/postgresql/15/lib/bitcode "$1"/var/lib/postgresql/15' \
      --customize-hook='chroot "$1" usermod -u 70 postgres' \
      --customize-hook='chroot "$1" groupmod -g 70 postgres' \
      --customize-hook='chroot "$1" mkdir -p /var/run/postgresql /docker-entrypoint-initdb.d' \
      --customize-hook='chroot "$1" chown -R 70:70 /var/lib/postgresql /etc/postgresql /var/log/postgresql' \
      bookworm "$tar.new" || return 1
    mv "$tar.new" "$tar"
  fi
  printf '%s\n' "$tar"
}

# docker_image_of_15: makes postgres:15-alpine alone.
docker_image_of_15() {
  local tar
  tar=$(docker_root_tar) || return 1
  as_docker import "$tar" velo-test-root:1 >/dev/null || return 1
  docker_image_of postgres:15-alpine 15 /usr/lib/postgresql/15/bin ""
}

# docker_images <builds>: makes postgres:15-alpine, and postgres:17-alpine of <builds>/17, on the
# daemon that DOCKER_HOST names.
docker_images() {
  local builds=$1
  docker_image_of_15 || return 1
  if [ -d "$builds/17" ]; then
    docker_image_of postgres:17-alpine 17 /usr/local/pgsql/bin "$builds/17" || return 1
    docker_busybox_image || return 1
  fi
}

# docker_busybox_image: postgres:17-busybox, like the image of 17 but that its shell and tools are
# busybox, as on Alpine, and that it lacks basic_archive.
docker_busybox_image() {
  local container
  # shellcheck disable=SC2016  # for the shell inside
  container=$(as_docker create --network none --user root --entrypoint /bin/busybox postgres:17-alpine sh -c '
    for tool in sh cp mv rm cmp sync; do
      for directory in /bin /usr/bin; do
        [ ! -e "$directory/$tool" ] || busybox ln -sf /bin/busybox "$directory/$tool"
      done
    done
    busybox rm /usr/local/pgsql/lib/postgresql/basic_archive.so') || return 1
  as_docker cp "$(command -v busybox)" "$container:/bin/busybox" >/dev/null 2>&1 &&
    as_docker start --attach "$container" &&
    as_docker commit -c 'USER root' -c 'ENTRYPOINT ["/usr/local/bin/docker-entrypoint.sh"]' \
      -c 'CMD ["postgres"]' "$container" postgres:17-busybox >/dev/null || return 1
  as_docker rm --volumes "$container" >/dev/null
}

# docker_image_of <tag> <major> <bin> <build>: the root with the entrypoint and perhaps a build of
# PostgreSQL unpacked in it.
docker_image_of() {
  local tag=$1 major=$2 bin=$3 build=$4 here container
  here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
  container=$(as_docker create --network none velo-test-root:1 /bin/true) || return 1
  as_docker cp "$here/entrypoint.sh" "$container:/usr/local/bin/docker-entrypoint.sh" >/dev/null 2>&1 || return 1
  [ -z "$build" ] || as_docker cp "$build/." "$container:/usr/local/pgsql" >/dev/null 2>&1 || return 1
  as_docker commit \
    -c "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$bin" \
    -c 'ENV PGDATA=/var/lib/postgresql/data' -c 'ENV LANG=C.UTF-8' -c "ENV PG_MAJOR=$major" \
    -c 'VOLUME /var/lib/postgresql/data' -c 'EXPOSE 5432' \
    -c 'ENTRYPOINT ["/usr/local/bin/docker-entrypoint.sh"]' -c 'CMD ["postgres"]' \
    "$container" "$tag" >/dev/null || return 1
  as_docker rm "$container" >/dev/null
}
