#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The checks that take longer than a developer waits between two edits.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'TXT'
usage: ./dev check [NAME]...

Runs the named checks, or all; each prints one line, the output of a failed one before it. Closes with
`N passed, N failed, N skipped`. Full output: build/check/NAME.log

  shell     shellcheck over all scripts
  contracts protos and API documents under buf and redocly (npm, pinned); what of the HTTP API the system tests have met
  release   the release preset builds without a warning
  slow      the tests labelled slow (dev preset)
  tsan      unit, scenario, sim and conformance tests under the race detector
  analyze   gcc's and clang's static analysers
  fuzz      each fuzz target for FLEETLOG_FUZZ_SECONDS (default 20) on top of its corpus
  coverage  line coverage of the tests that need no service (build/coverage/coverage.txt); not part of "all"
TXT
}

CHECKS=(shell contracts release slow tsan analyze fuzz)
jobs=${FLEETLOG_JOBS:-$(nproc)}

check_shell() {
  git -C "$top" ls-files -z --cached --others --exclude-standard dev .ci producers/simulator/upsd-run tests/model/run \
    '*.sh' | xargs -0 shellcheck -x
}

# FLEETLOG_MET names what a run of the tests has met already; else they are run for it.
check_contracts() {
  local met=${FLEETLOG_MET:-}
  "$top/tests/contracts/run.sh"
  if [[ -z $met ]]; then
    met=$top/build/check/met
    rm -rf "$met" && mkdir -p "$met"
    FLEETLOG_MET=$met "$top/tests/tools/test.sh" --no-kafka -R '^system_'
  fi
  python3 "$top/tests/contracts/met.py" "$met"
}

check_release() { "$top/tests/tools/build.sh" release; }

check_slow() {
  "$top/tests/tools/build.sh" dev
  [[ $(ctest --test-dir "$top/build/dev" -N -L '^slow$' | sed -n 's/^Total Tests: //p') -gt 0 ]] || skip "no test is slow"
  "$top/tests/tools/test.sh" -L '^slow$'
}

check_tsan() {
  "$top/tests/tools/test.sh" --preset tsan --no-kafka -L '^(unit|scenario|sim|conformance)$' -LE '^slow$'
}

# Everything is compiled anew, because a compiler says nothing about what it does not compile; findings are judged
# together at the end, because each analyser is wrong about something (tests/tidy/analysis.txt).
check_analyze() {
  local logs=$top/build/analyze-logs
  "$top/tests/tools/build.sh" dev # clang reads its commands: it does not know -fanalyzer
  mkdir -p "$logs"
  cmake --preset analyze >"$logs/configure.log"
  cmake --build "$top/build/analyze" --clean-first --parallel "$jobs" >"$logs/gcc.log" 2>&1 ||
    { cat "$logs/gcc.log" && return 1; }
  git ls-files 'core/*.c' 'schemas/*.c' 'projections/*.c' 'consumers/*.c' 'producers/*.c' 'replay/*.c' |
    xargs -P "$jobs" -n 4 clang-tidy-14 --quiet --config-file=tests/tidy/clang-tidy.yaml -p build/dev \
      >"$logs/clang-tidy.log" 2>"$logs/clang-tidy.err" || true # its findings are errors to it; they are judged below
  [[ -s $logs/clang-tidy.err ]] || die "clang-tidy did not run"
  python3 tests/tidy/analysis.py "$logs/gcc.log" "$logs/clang-tidy.log"
}

check_fuzz() {
  local seconds=${FLEETLOG_FUZZ_SECONDS:-20} target name corpus
  local -a targets seeds
  "$top/tests/tools/build.sh" fuzz
  mapfile -t targets < <(find "$top/build/fuzz" -type f -name 'fuzz_*' -perm -u+x | sort)
  [[ ${#targets[@]} -gt 0 ]] || skip "no fuzz target"
  for target in "${targets[@]}"; do
    name=${target##*/}
    corpus=$top/tests/fuzz/corpus/${name#fuzz_}
    seeds=()
    [[ ! -d $corpus ]] || seeds=("$corpus")
    # New inputs go to the build directory; only those worth keeping are copied into the repository by hand.
    mkdir -p "$top/build/fuzz/found/$name"
    say "$name: $seconds s"
    (cd "$top/build/fuzz" && "$target" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
      -artifact_prefix="$top/build/fuzz/$name-" "found/$name" "${seeds[@]}")
  done
}

# gcov 12 gives some branches of cold code a negative count, which gcovr is told to pass over.
check_coverage() {
  [[ ! -d build/coverage ]] || find build/coverage -name '*.gcda' -delete
  "$top/tests/tools/test.sh" --preset coverage --no-kafka -L '^(unit|scenario|sim|conformance)$' -LE '^slow$'
  gcovr --root "$top" --object-directory "$top/build/coverage" --exclude "$top/tests/" --exclude "$top/build/" \
    --gcov-ignore-parse-errors --print-summary --output "$top/build/coverage/coverage.txt" "$top/build/coverage"
}

main() {
  local name rc begun passed=0 failed=0 skipped=0 log
  help_wanted "$@" && usage && return
  [[ $# -gt 0 ]] || set -- "${CHECKS[@]}"
  for name in "$@"; do
    [[ $(type -t "check_$name") == function ]] || usage_error "check: unknown name: $name (./dev check --help)"
  done
  "$top/tests/tools/setup.sh" build test check
  mkdir -p "$top/build/check"
  for name in "$@"; do
    log=$top/build/check/$name.log
    begun=$SECONDS
    rc=0
    # A shell of its own: in an `if` or after `||` the functions would run without `set -e`.
    bash "${BASH_SOURCE[0]}" --one "$name" >"$log" 2>&1 </dev/null || rc=$?
    case $rc in
      0) passed=$((passed + 1)) && printf 'check %s: passed (%d s)\n' "$name" $((SECONDS - begun)) ;;
      "$SKIP") skipped=$((skipped + 1)) && printf 'check %s: %s\n' "$name" "$(tail -n 1 "$log")" ;;
      *)
        failed=$((failed + 1))
        tail -n 60 "$log"
        printf 'check %s: FAILED (%d s), the whole output is %s\n' "$name" $((SECONDS - begun)) "${log#"$top"/}"
        ;;
    esac
  done
  printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  [[ $failed == 0 ]]
}

cd "$top"
if [[ ${1:-} == --one ]]; then
  "check_$2"
else
  main "$@"
fi
