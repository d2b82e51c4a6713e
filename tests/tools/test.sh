#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the dev preset (ASan, UBSan) and runs the tests, those that want one with a real Kafka.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'TXT'
usage: ./dev test [--preset P] [--no-kafka] [CTEST-ARG]...

Sets the machine up, builds the preset (default dev: ASan and UBSan) and runs its tests; the last line is
`N passed, N failed, N skipped`. Tests that need Kafka get a broker of their own run, unless FLEETLOG_TEST_KAFKA names
one already; where it cannot be had they are skipped, and named at the end with the reason. Without CTEST-ARGs the
tests labelled slow are left to `./dev check`.

Further words go to ctest:
  ./dev test -R journal        tests whose name matches
  ./dev test -L unit           one label: unit scenario conformance sim torture crash integration fuzz model tidy
  ./dev test --rerun-failed --output-on-failure
FLEETLOG_SEED=N repeats a random test, FLEETLOG_JOBS=N runs N at once.
TXT
}

wants_kafka() {
  local selected
  selected=$(ctest --test-dir "$build" -N -L '^(kafka|conformance|integration)$' "$@" | sed -n 's/^Total Tests: //p')
  [[ ${selected:-0} -gt 0 ]]
}

main() {
  local preset=dev kafka=yes args=() why_not='' wrap=() rc=0
  help_wanted "$@" && usage && return
  while [[ $# -gt 0 ]]; do
    case $1 in
      --preset) preset=${2:?--preset: its value is missing} && shift 2 ;;
      --no-kafka) kafka=no && shift ;;
      *) args+=("$1") && shift ;;
    esac
  done
  [[ ${#args[@]} -gt 0 ]] || args=(-LE '^slow$')
  "$top/tests/tools/setup.sh" build test
  "$top/tests/tools/build.sh" "$preset"
  build=$top/build/$preset
  if [[ $kafka == no ]]; then
    why_not='./dev test --no-kafka'
    unset FLEETLOG_TEST_KAFKA FLEETLOG_TEST_KAFKA_DIR
    export FLEETLOG_NO_KAFKA=1
  elif [[ -z ${FLEETLOG_TEST_KAFKA:-} ]] && wants_kafka "${args[@]}"; then
    "$top/tests/tools/setup.sh" kafka || say "goes on without Kafka's packages"
    if why_not=$("$top/tests/tools/kafka.sh" fetch 2>&1); then
      wrap=("$top/tests/tools/kafka.sh" run --)
    else
      [[ $? == "$SKIP" ]] || die "$why_not"
      export FLEETLOG_NO_KAFKA=1 # nobody need try again
    fi
    why_not=$(sed -n 's/^skipped: //p' <<<"$why_not")
  fi
  rm -f "$build/junit.xml" # an older one would be read as this run
  "${wrap[@]}" ctest --test-dir "$build" --output-on-failure --no-tests=error --output-junit "$build/junit.xml" \
    -j "${FLEETLOG_JOBS:-$(nproc)}" "${args[@]}" || rc=$?
  [[ -f $build/junit.xml ]] || exit 1 # ctest did not run: its reason stands above
  FLEETLOG_WHY_NO_KAFKA=$why_not python3 "$top/tests/tools/summary.py" "$build/junit.xml" || exit 1
  return "$rc"
}

main "$@"
