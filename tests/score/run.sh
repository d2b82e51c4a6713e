#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Rates the reading rules on a folder of real dumps.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tools/lib.sh"

usage() {
  cat <<'TXT'
usage: ./dev score [-v] [DIR]

Reads every .dev file below DIR (NUT's device dumps; default: the folder nut-ddl beside this checkout or in
../shared) and prints, per rule, how many of the values labelled #BAD it finds and how many values without a label it
blames on healthy units on mains. Exit 1: fewer than 95 % found, or more than 1 % blamed. -v names each value.
TXT
}

main() {
  local verbose=() dir='' candidate
  help_wanted "$@" && usage && return
  if [[ ${1:-} == -v ]]; then
    verbose=(-v)
    shift
  fi
  [[ $# -le 1 ]] || usage_error "score: one folder at most"
  for candidate in "${1:-}" "$top/../nut-ddl" "$top/../shared/nut-ddl"; do
    [[ -n $dir || -z $candidate || ! -d $candidate ]] || dir=$candidate
    [[ -z ${1:-} ]] || break
  done
  [[ -n $dir ]] || usage_error "score: no such folder: ${1:-nut-ddl}"
  local files=()
  mapfile -d '' -t files < <(find "$dir" -type f -name '*.dev' -print0 | sort -z)
  [[ ${#files[@]} -gt 0 ]] || usage_error "score: no .dev file below $dir"
  "$top/tests/tools/build.sh" release fleetlog-score
  "$top/build/release/tests/score/fleetlog-score" "${verbose[@]}" "${files[@]}"
}

main "$@"
