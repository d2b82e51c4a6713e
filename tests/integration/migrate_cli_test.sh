#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `fleetlog migrate` from the embedded journal to a real broker, killed at each of its marked points and run again:
# afterwards both journals show the same records, the views go on where they were, and the old journal is closed.
set -euo pipefail

if [[ -z ${FLEETLOG_TEST_KAFKA:-} ]]; then
  printf 'skipped: no Kafka broker (FLEETLOG_TEST_KAFKA is not set; ./dev test starts one)\n'
  exit 77
fi
program=${FLEETLOG_BUILD:?}/fleetlog
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fleetlog-migrate.XXXXXX")
up=''
trap '[[ -z $up ]] || kill -KILL "$up" 2>/dev/null || true; rm -rf "$scratch"' EXIT
export FLEETLOG_DATA=$scratch/data FLEETLOG_JOURNAL_TOPIC_PREFIX=migrate-$$-$RANDOM. FLEETLOG_GATEWAY_LISTEN=127.0.0.1:0
export FLEETLOG_GATEWAY_API_LISTEN=127.0.0.1:0 FLEETLOG_GATEWAY_METRICS_LISTEN=127.0.0.1:0
export FLEETLOG_JOURNAL_MAP_SIZE=256MiB FLEETLOG_VIEWS_MAP_SIZE=256MiB
kafka=kafka://$FLEETLOG_TEST_KAFKA

die() { printf '%s\n' "$*" && exit 1; }

start_up() { # [OPTION]...
  mkfifo "$scratch/ready"
  "$program" "$@" up >"$scratch/ready" 2>>"$scratch/up.log" &
  up=$!
  # The first line says that it is ready; end of file says that it never will be.
  read -r -t 60 _ <"$scratch/ready" || { cat "$scratch/up.log" && die "up ended before it was ready"; }
  rm "$scratch/ready"
}

stop_up() {
  kill -TERM "$up"
  wait "$up" || true
  up=''
}

records() { # TOPIC [OPTION]...
  local topic=$1
  shift
  "$program" "$@" --json tail -t "$topic" -o beginning -e
}

expect_same() { # TOPIC
  records "$1" >"$scratch/before"
  records "$1" --journal "$kafka" >"$scratch/after"
  [[ -s $scratch/before ]] || die "$1: the source shows nothing"
  # Between partitions a reader promises no order.
  sort -o "$scratch/before" "$scratch/before"
  sort -o "$scratch/after" "$scratch/after"
  cmp "$scratch/before" "$scratch/after" || die "$1 differs between the journals"
}

behind() { # [OPTION]...: records that the slowest view has not read
  "$program" "$@" --json lag | sed -n 's/.*"behindRecords":\([0-9]*\).*/\1/p' | sort -n | tail -1
}

start_up
"$program" simulate --devices 40 --rate 200 --seed 5 --seconds 3 >/dev/null 2>&1
"$program" migrate --to "$kafka" 2>/dev/null && die "migrate ran beside up"
stop_up

rc=0
"$program" migrate 2>/dev/null || rc=$?
[[ $rc == 2 ]] || die "migrate without --to: exit code $rc, expected 2"

for point in migrate.append:3 migrate.appended:4 migrate.seal decider-appended migrate.append \
  migrate.appended migrate.sealed migrate.view migrate.viewed migrate.view:2 migrate.viewed:2; do
  rc=0
  FLEETLOG_FAULT_POINT=$point "$program" migrate --to "$kafka" >"$scratch/out" 2>&1 || rc=$?
  if [[ $rc != 137 ]]; then
    cat "$scratch/out"
    die "killed at $point: exit code $rc, expected 137"
  fi
done
"$program" migrate --to "$kafka" 2>"$scratch/out" || { cat "$scratch/out" && die "migrate failed at last"; }
for topic in actions events telemetry; do expect_same "$topic"; done
[[ $(records events | grep -c LogMoved) == 1 ]] || die "the log was moved more than once"
result=$("$program" --json migrate --to "$kafka" 2>/dev/null)
[[ $result == *'"copied":0,'* && $result == *'"viewsMoved":0}' ]] || die "run once more it changed something: $result"

start_up --journal "$kafka"
"$program" --journal "$kafka" simulate --devices 40 --rate 200 --seed 6 --seconds 1 >/dev/null 2>&1
for ((look = 0; look < 500; look++)); do # each look takes as long as the command does
  left=$(behind --journal "$kafka")
  [[ $left != 0 ]] || break
done
stop_up
[[ $left == 0 ]] || die "a view stays $left records behind on the new journal"

rc=0
timeout 60 "$program" up >"$scratch/out" 2>&1 || rc=$?
if [[ $rc != 2 ]] || ! grep -q LOG_MOVED "$scratch/out"; then die "the old journal was continued (exit code $rc)"; fi
rc=0
"$program" migrate --to "$kafka" >"$scratch/out" 2>&1 || rc=$?
[[ $rc == 1 ]] || die "a target that has gone on was taken (exit code $rc)"
