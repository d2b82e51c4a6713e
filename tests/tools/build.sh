#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Configures and builds one preset.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'TXT'
usage: ./dev build [PRESET] [TARGET]...

Builds build/<preset>/fleetlog and everything else of that preset, or only the targets named.
Presets: release (default), dev (ASan and UBSan), tsan, analyze (gcc -fanalyzer), fuzz (libFuzzer), coverage.
FLEETLOG_JOBS sets how many compilers run at once (default: one per processor).
TXT
}

main() {
  local preset=${1:-release} targets=()
  help_wanted "$@" && usage && return
  [[ $# == 0 ]] || shift
  [[ $# == 0 ]] || targets=(--target "$@")
  "$top/tests/tools/setup.sh" build
  [[ $preset != fuzz ]] || "$top/tests/tools/setup.sh" check
  cd "$top"
  # CMake says much when all is well; it is shown when it is not.
  local out
  out=$(cmake --preset "$preset" 2>&1) || { say "$out" && die "cannot configure the preset $preset"; }
  local quiet=()
  [[ -t 2 ]] || quiet=(-- --quiet) # in a log only what went wrong is worth a line
  cmake --build "build/$preset" --parallel "${FLEETLOG_JOBS:-$(nproc)}" "${targets[@]}" "${quiet[@]}" >&2
}

main "$@"
