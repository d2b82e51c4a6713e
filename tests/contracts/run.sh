#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Lints the machine-readable contracts: protos with buf, API documents with redocly, both pinned in package-lock.json.
# usage: run.sh [--fetch]   (--fetch only fetches the tools and prints their node_modules)
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tools/lib.sh"

here=$top/tests/contracts
tools=$top/build/contracts
modules=$tools/node_modules
buf=$modules/@bufbuild/buf-linux-x64/bin/buf
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true

fetch() {
  [[ $(uname -m) == x86_64 ]] || skip "the linters are pinned for x86_64"
  ! cmp -s "$here/package-lock.json" "$tools/fetched.json" || return 0
  have npm || skip "npm is missing (./dev setup installs it)"
  mkdir -p "$tools"
  exec 9>"$tools/lock" # tests run side by side
  flock 9
  ! cmp -s "$here/package-lock.json" "$tools/fetched.json" || return 0
  cp "$here/package.json" "$here/package-lock.json" "$tools/"
  local out
  out=$(cd "$tools" && timeout 600 npm ci --prefer-offline --fetch-retries=1 --ignore-scripts --no-audit --no-fund 2>&1 </dev/null) ||
    skip "the linters cannot be fetched: $(grep -m1 -i 'err' <<<"$out" || printf 'npm failed or timed out')"
  cp "$here/package-lock.json" "$tools/fetched.json"
}

main() {
  fetch
  if [[ ${1:-} == --fetch ]]; then
    printf '%s\n' "$modules"
    return
  fi
  local released document rc=0
  local -a rules
  cd "$top"
  "$buf" lint schemas || rc=1
  for released in schemas/released/*.binpb; do
    "$buf" breaking schemas --against "$released" || rc=1
  done
  for document in schemas/asyncapi.yaml schemas/asyncapi.json schemas/openapi.yaml schemas/openapi.json; do
    # Who may use a topic is the broker's to say (`fleetlog topics acls`), not the document's.
    rules=()
    [[ $document != *asyncapi* ]] || rules=(--skip-rule=security-defined)
    [[ ! -f $document ]] || "$modules/.bin/node" "$modules/@redocly/cli/bin/cli.js" lint "${rules[@]}" "$document" || rc=1
  done
  return "$rc"
}

main "$@"
