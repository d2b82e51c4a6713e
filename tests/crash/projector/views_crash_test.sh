#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The views of the real program under load, their writers killed at marked points and at random: afterwards every view
# passes its check, and a rebuild, which compares each row with a fresh fold of the log, finds the same rows.
set -euo pipefail

program=${FLEETLOG_BUILD:?}/fleetlog
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fleetlog-views.XXXXXX")
up='' load=''
trap '[[ -z $up ]] || kill -KILL "$up" 2>/dev/null || true; [[ -z $load ]] || kill -KILL "$load" 2>/dev/null || true
  rm -rf "$scratch"' EXIT
export FLEETLOG_DATA=$scratch/data FLEETLOG_GATEWAY_LISTEN=127.0.0.1:0
export FLEETLOG_GATEWAY_API_LISTEN=127.0.0.1:0 FLEETLOG_GATEWAY_METRICS_LISTEN=127.0.0.1:0
export FLEETLOG_JOURNAL_MAP_SIZE=1GiB FLEETLOG_VIEWS_MAP_SIZE=1GiB
RANDOM=${FLEETLOG_SEED:-$RANDOM}
printf 'FLEETLOG_SEED=%s\n' "$RANDOM"

die() { printf '%s\n' "$*" && tail -30 "$scratch/up.log" && exit 1; }

start_up() {
  mkfifo "$scratch/ready"
  "$program" up >"$scratch/ready" 2>>"$scratch/up.log" &
  up=$!
  read -r -t 60 _ <"$scratch/ready" || die "up ended before it was ready"
  rm "$scratch/ready"
}

stop_up() {
  kill -TERM "$up"
  wait "$up" || true
  up=''
}

lag_field() { # VIEW FIELD
  "$program" --json lag 2>/dev/null | sed -n "s/.*\"view\":\"$1\".*\"$2\":\([0-9]*\).*/\1/p"
}

wait_until() { # SENTENCE COMMAND...: looks again and again, for a minute
  local sentence=$1 deadline=$((SECONDS + 60))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || die "$sentence"
  done
}

has_caught_up() { [[ $(lag_field "$1" behindRecords) == 0 ]]; }
has_other_writer() { # VIEW PROCESS
  local process
  process=$(lag_field "$1" process)
  [[ -n $process && $process != 0 && $process != "$2" ]]
}

start_up
"$program" simulate --devices 60 --rate 400 --seed 7 --seconds 12 --scenario outage --quiet >"$scratch/load" 2>&1 &
load=$!
wait_until "no view came into being" has_other_writer devices -1
wait_until "no registry came into being" has_other_writer registry -1
for _ in 1 2 3 4 5 6; do
  for view in devices registry; do
    ((RANDOM % 2)) || continue
    process=$(lag_field $view process)
    kill -KILL "$process" 2>/dev/null || true
    wait_until "nobody started $view's writer again" has_other_writer $view "$process"
  done
done
wait "$load" || die "simulate failed: $(tail -3 "$scratch/load")"
load=''
views=$("$program" --json lag | sed -n 's/.*"view":"\([a-z]*\)".*/\1/p')
for view in $views; do wait_until "$view did not catch up" has_caught_up "$view"; done
"$program" check >"$scratch/check" 2>&1 || die "check: $(cat "$scratch/check")"
# The detector's rows are its own: it catches up, nobody rebuilds them.
for view in $("$program" --json check | sed -n 's/.*"view":"\([a-z]*\)".*/\1/p'); do
  "$program" rebuild "$view" >"$scratch/rebuild" 2>&1 || die "rebuild $view: $(cat "$scratch/rebuild")"
done
"$program" check >"$scratch/check" 2>&1 || die "check after the rebuild: $(cat "$scratch/check")"
stop_up
printf 'the views survived: %s\n' "$(tr '\n' ' ' <"$scratch/check")"
