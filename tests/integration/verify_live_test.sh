#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `fleetlog verify` while everything runs and writes: it finds nothing, again and again, and nothing at the end, when
# it says how much it has looked at. A changed byte and a missing log are told apart by the exit code. With the argument
# `kafka`: on a broker.
set -euo pipefail

if [[ ${1:-} == kafka && -z ${FLEETLOG_TEST_KAFKA:-} ]]; then
  printf 'skipped: no Kafka broker (FLEETLOG_TEST_KAFKA is not set; ./dev test starts one)\n'
  exit 77
fi
program=${FLEETLOG_BUILD:?}/fleetlog
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fleetlog-verify.XXXXXX")
up=''
load=''
cleanup() {
  [[ -z $load ]] || kill -KILL "$load" 2>/dev/null || true
  [[ -z $up ]] || kill -TERM "$up" 2>/dev/null || true
  [[ -z $up ]] || wait "$up" || true
  rm -rf "$scratch"
}
trap cleanup EXIT
export FLEETLOG_DATA=$scratch/data FLEETLOG_GATEWAY_LISTEN=127.0.0.1:0
export FLEETLOG_GATEWAY_API_LISTEN=127.0.0.1:0 FLEETLOG_GATEWAY_METRICS_LISTEN=127.0.0.1:0
export FLEETLOG_JOURNAL_MAP_SIZE=256MiB FLEETLOG_VIEWS_MAP_SIZE=256MiB
journal=embedded
if [[ ${1:-} == kafka ]]; then
  journal=kafka://$FLEETLOG_TEST_KAFKA
  export FLEETLOG_JOURNAL_TOPIC_PREFIX=verify-$$-$RANDOM.
fi

die() { printf '%s\n' "$*" && exit 1; }

expect_clean() { # WHEN
  local rc=0
  "$program" --journal "$journal" --json verify >"$scratch/out" 2>"$scratch/err" || rc=$?
  if [[ $rc != 0 ]]; then
    cat "$scratch/out" "$scratch/err"
    die "$1: exit code $rc"
  fi
}

count_of() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "$scratch/out"; }

rc=0
"$program" verify >/dev/null 2>&1 || rc=$?
[[ $rc == 3 ]] || die "verify of nothing: exit code $rc, expected 3"

mkfifo "$scratch/ready"
"$program" --journal "$journal" up >"$scratch/ready" 2>"$scratch/up.log" &
up=$!
# The first line says that it is ready; end of file says that it never will be.
read -r -t 60 _ <"$scratch/ready" || { cat "$scratch/up.log" && die "up ended before it was ready"; }
"$program" --journal "$journal" --quiet simulate --devices 60 --rate 1500 --seed 9 --seconds 8 >/dev/null &
load=$!
looks=0
while kill -0 "$load" 2>/dev/null; do
  expect_clean "while it runs"
  [[ $(count_of reports) == "$(count_of signatures)" ]] || die "signatures are left out: $(cat "$scratch/out")"
  looks=$((looks + 1))
done
wait "$load" || die "the load failed"
load=''
[[ $looks -ge 2 ]] || die "verify ran $looks times beside the load"

kill -TERM "$up"
wait "$up" || true
up=''
expect_clean "at rest"
[[ $(count_of events) -ge 60 && $(count_of reports) -gt 0 && $(count_of reports) == "$(count_of signatures)" ]] ||
  die "it looked at too little: $(cat "$scratch/out")"
[[ $(grep -o '"state":"compared"' "$scratch/out" | wc -l) -ge 4 ]] || die "views are missing: $(cat "$scratch/out")"
[[ ! -e $FLEETLOG_DATA/run/verify ]] || die "it left its scratch directory behind"

if [[ $journal == embedded ]]; then
  sed -i "s/Simulated 12/Simulated 99/" "$FLEETLOG_DATA"/journal/*events/data.mdb
  rc=0
  "$program" verify >"$scratch/out" 2>"$scratch/err" || rc=$?
  if [[ $rc != 4 ]] || ! grep -q '^events-0@[0-9.]*  crc  expected .*  found ' "$scratch/out"; then
    cat "$scratch/out" "$scratch/err"
    die "a changed byte: exit code $rc, expected 4 and the place"
  fi
fi
