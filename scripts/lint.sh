#!/usr/bin/env bash
# clang-format on every source, cppcheck and clang-tidy on every source that changed since it last passed.
#
# A file passes once: what it was when it passed (its text, that of the headers it includes, and the
# configuration) is kept as a hash in ~/.cache/velo-tests/tidy, and the same text is not checked again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mapfile -t headers < <(find src tests bench -name '*.h' 2>/dev/null | sort)
mapfile -t sources < <(find src tests bench -name '*.cpp' 2>/dev/null | sort)
clang-format-19 --dry-run --Werror "${headers[@]}" "${sources[@]}"

# A tree of its own, configured for clang: gcc's precompiled headers are nothing that it can read.
cmake -S . -B build/lint -G Ninja -DCMAKE_BUILD_TYPE=Debug -DVELO_TESTS=ON -DVELO_BENCH=ON \
  -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19 \
  -DCMAKE_CXX_COMPILER_LAUNCHER= >/dev/null
mapfile -t generated < <(ninja -C build/lint -t targets all |
  sed -n 's/^\([^:]*\(cmake_pch\.hxx\.pch\|catalog_schema\.cpp\)\): .*/\1/p')
ninja -C build/lint "${generated[@]}" >/dev/null

export stamps="${XDG_CACHE_HOME:-$HOME/.cache}/velo-tests/tidy"
mkdir -p "$stamps"
# cppcheck keeps what it said of each file in its own directory. Left out: that readdir(3) is not
# reentrant, which is so only for threads that share a directory's stream, and none do.
mkdir -p "$stamps/cppcheck"
cppcheck --quiet --error-exitcode=1 -j "$(nproc)" --cppcheck-build-dir="$stamps/cppcheck" \
  --std=c++20 --language=c++ --library=std,posix,gnu --enable=warning,performance,portability \
  --inline-suppr --suppress=readdirCalled -I tests/checks/cppcheck -I src src

# PostgreSQL's headers are told of, so that they count as the system's: hashed are only the project's.
postgres_include=$(pg_config --includedir)
export postgres_include

# tidy_one <source>
tidy_one() {
  local hash
  hash=$(clang++-19 -std=gnu++23 -MM -MG -I. -Isrc -Itests -isystem "$postgres_include" "$1" | sed 's/^[^:]*: //; s/\\$//' |
    xargs cat .clang-tidy | sha256sum | cut -d' ' -f1)
  [ -e "$stamps/$hash" ] && return 0
  clang-tidy-19 --quiet -p build/lint "$1" 2>/dev/null || {
    printf 'clang-tidy: %s does not pass\n' "$1"
    return 1
  }
  : >"$stamps/$hash"
}
export -f tidy_one
printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -I{} bash -euo pipefail -c 'tidy_one {}'
