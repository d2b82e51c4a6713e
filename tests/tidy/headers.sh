#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Each header compiles alone: what it needs it includes itself. usage: headers.sh BUILD_DIR [ROOT]
set -euo pipefail
build=${1:?usage: headers.sh BUILD_DIR [ROOT]}
cd "${2:-$(dirname "${BASH_SOURCE[0]}")/../..}"
read -r -a drawing < <(pkg-config --cflags-only-I pangocairo)
export build drawing_flags="${drawing[*]}"

try() { # HEADER
  # shellcheck disable=SC2086 # several words
  printf '#include "%s"\n' "$1" |
    ${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -I. -I"$build" -I"$build/schemas/gen" $drawing_flags -Wall -Wextra -Werror -fsyntax-only -x c - 2>&1 |
    sed -n '1,3p' | grep . >&2 && printf '%s:1: header: does not compile alone\n' "$1"
  return 0
}
export -f try

mapfile -t headers < <(git ls-files --cached --others --exclude-standard '*.h')
bad=$(printf '%s\0' "${headers[@]}" | xargs -0 -r -P "$(nproc)" -I{} bash -c 'try {}')
[[ -z $bad ]] || printf '%s\n' "$bad"
printf '%d headers, %d findings\n' "${#headers[@]}" "$(grep -c . <<<"$bad" || true)"
[[ -z $bad ]]
