#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures the release build: on a real broker of its own, then on the embedded journal.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tools/lib.sh"

usage() {
  cat <<'TXT'
usage: ./dev bench [kafka|embedded]...    (default: both)

Rates of one run on this machine, and ratios between them; exit 1 if a floor is missed. Ratios of one run can be
compared with those of another, rates only on the same machine and when nothing else runs.
  FLEETLOG_BENCH_REPORTS (3000000), FLEETLOG_BENCH_DEVICES (300000), FLEETLOG_BENCH_ACTIONS (400000)
  FLEETLOG_TEST_KAFKA=HOST:PORT takes a broker that is there instead of one of its own; it must be empty
TXT
}

main() {
  local engines=("$@") engine rc=0
  help_wanted "$@" && usage && return
  [[ ${#engines[@]} -gt 0 ]] || engines=(kafka embedded)
  "$top/tests/tools/build.sh" release fleetlog fleetlog-bench
  local bench=$top/build/release/tests/bench/fleetlog-bench fleetlog=$top/build/release/fleetlog
  for engine in "${engines[@]}"; do
    case $engine in
      embedded) "$bench" "$fleetlog" embedded || rc=1 ;;
      kafka)
        if [[ -n ${FLEETLOG_TEST_KAFKA:-} ]]; then
          "$bench" "$fleetlog" "kafka://$FLEETLOG_TEST_KAFKA" || rc=1
        else
          "$top/tests/tools/setup.sh" kafka
          # shellcheck disable=SC2016 # expanded by the shell that has the broker
          "$top/tests/tools/kafka.sh" run -- \
            sh -c '"$1" "$2" "kafka://$FLEETLOG_TEST_KAFKA"' bench "$bench" "$fleetlog" || rc=$?
        fi
        ;;
      *) usage_error "bench: $engine is neither kafka nor embedded" ;;
    esac
  done
  return "$rc"
}

main "$@"
