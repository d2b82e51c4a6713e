#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A report that cannot be folded: it is listed, a retry leaves it, a skip lets the device go on, and a rebuild repeats
# the decision.
set -euo pipefail

program=${FLEETLOG_BUILD:?}/fleetlog
raw=$FLEETLOG_BUILD/tests/crash/projector/append_raw
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fleetlog-parked.XXXXXX")
up=''
trap '[[ -z $up ]] || kill -KILL "$up" 2>/dev/null || true; rm -rf "$scratch"' EXIT
export FLEETLOG_DATA=$scratch/data FLEETLOG_GATEWAY_LISTEN=127.0.0.1:0
export FLEETLOG_GATEWAY_API_LISTEN=127.0.0.1:0 FLEETLOG_GATEWAY_METRICS_LISTEN=127.0.0.1:0
export FLEETLOG_JOURNAL_MAP_SIZE=1GiB FLEETLOG_VIEWS_MAP_SIZE=1GiB

die() { printf '%s\n' "$*" && tail -20 "$scratch/up.log" && exit 1; }

wait_until() { # SENTENCE COMMAND...: looks again and again, for a minute
  local sentence=$1 deadline=$((SECONDS + 60))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || die "$sentence"
  done
}

expect() { # EXIT-CODE ARGUMENT...
  local wanted=$1 rc=0
  shift
  "$program" "$@" >"$scratch/out" 2>&1 || rc=$?
  [[ $rc == "$wanted" ]] || die "fleetlog $*: exit code $rc, expected $wanted: $(cat "$scratch/out")"
}

parked_count() { "$program" --json parked list devices | grep -c '"view":"devices"' || true; }
parked_is() { [[ $(parked_count) == "$1" ]]; }
attempts_are() { "$program" --json parked list devices | grep -q "\"attempts\":$1"; }

mkfifo "$scratch/ready"
"$program" up >"$scratch/ready" 2>"$scratch/up.log" &
up=$!
read -r -t 60 _ <"$scratch/ready" || die "up ended before it was ready"

expect 0 parked list
grep -q 'nothing is parked' "$scratch/out" || die "something is parked already"
offset=$("$raw" "$FLEETLOG_DATA/journal" telemetry 3 00000003 junk)
"$raw" "$FLEETLOG_DATA/journal" telemetry 3 00000003 'more junk' >/dev/null
wait_until "the report was not parked" parked_is 2
expect 0 parked list
grep -q "telemetry-3-$offset.*failed" "$scratch/out" || die "the list does not name it: $(cat "$scratch/out")"
grep -q "telemetry-3-$((offset + 1)).*waits" "$scratch/out" || die "the list does not name the one that waits"
expect 3 parked skip devices "telemetry-3-$((offset + 7))"
expect 1 parked skip devices "telemetry-3-$((offset + 1))"
expect 2 parked skip devices telemetry
expect 3 parked skip nothing "telemetry-3-$offset"
expect 0 parked retry devices "telemetry-3-$offset"
wait_until "it was not tried again" attempts_are 2
parked_is 2 || die "a retry cannot have helped"
expect 0 parked skip devices "telemetry-3-$offset"
wait_until "the first was not skipped" parked_is 1
expect 0 parked skip devices "telemetry-3-$((offset + 1))"
wait_until "the second was not skipped" parked_is 0
expect 0 check
expect 0 rebuild devices
parked_is 0 || die "the rebuild forgot the decisions"
kill -TERM "$up"
wait "$up" || true
up=''
printf 'parked, listed, retried, skipped, rebuilt\n'
