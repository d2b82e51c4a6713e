# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the scripts behind ./dev share. Sourced, never run.

# shellcheck disable=SC2034
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SKIP=77 # ctest's SKIP_RETURN_CODE: what is needed cannot be had here; no fault of the code

say() { printf '%s\n' "$*" >&2; }

die() {
  say "${0##*/}: $*"
  exit 1
}

usage_error() {
  say "$*"
  exit 2
}

skip() {
  say "skipped: $*"
  exit "$SKIP"
}

have() { command -v "$1" >/dev/null 2>&1; }

# help_wanted ARGS...: true if one of the words before `--` asks for help.
help_wanted() {
  local word
  for word in "$@"; do
    case $word in
      --) return 1 ;;
      -h | --help) return 0 ;;
    esac
  done
  return 1
}
