#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The detector of the real program, killed at each marked point around its append: what was appended and not committed
# is not told twice, and what was folded and not appended is not lost.
set -euo pipefail

program=${FLEETLOG_BUILD:?}/fleetlog
scratch=$(mktemp -d "${TMPDIR:-/tmp}/fleetlog-detector.XXXXXX")
up=''
trap '[[ -z $up ]] || kill -KILL "$up" 2>/dev/null || true; rm -rf "$scratch"' EXIT
export FLEETLOG_GATEWAY_LISTEN=127.0.0.1:0 FLEETLOG_JOURNAL_MAP_SIZE=1GiB FLEETLOG_VIEWS_MAP_SIZE=1GiB
export FLEETLOG_GATEWAY_API_LISTEN=127.0.0.1:0 FLEETLOG_GATEWAY_METRICS_LISTEN=127.0.0.1:0
DEVICES=20

die() { printf '%s\n' "$*" && tail -30 "$FLEETLOG_DATA/up.log" && exit 1; }

start_up() { # FAULT
  mkfifo "$FLEETLOG_DATA/ready"
  FLEETLOG_FAULT_POINT=$1 "$program" up >"$FLEETLOG_DATA/ready" 2>>"$FLEETLOG_DATA/up.log" &
  up=$!
  read -r -t 60 _ <"$FLEETLOG_DATA/ready" || die "up ended before it was ready"
}

stop_up() {
  kill -TERM "$up"
  wait "$up" || true
  up=''
}

lag_field() { # VIEW FIELD
  "$program" --json lag 2>/dev/null | sed -n "s/.*\"view\":\"$1\".*\"$2\":\([0-9]*\).*/\1/p"
}

behind() { # VIEW...: true while one of them is
  local view
  for view in "$@"; do [[ $(lag_field "$view" behindRecords) == 0 ]] || return 0; done
  return 1
}

events() { "$program" tail -t events -o beginning -e -J 2>/dev/null; }
changes() { events | grep '"CONDITION_KIND_ON_BATTERY"' | grep -c "fleetlog.v1.Condition$1" || true; }
all_told() { [[ $(changes Raised) == "$DEVICES" && $(changes Cleared) == "$DEVICES" ]]; }

try() { # FAULT
  local deadline=$((SECONDS + 90)) deaths
  export FLEETLOG_DATA=$scratch/$1
  mkdir "$FLEETLOG_DATA"
  start_up "$1"
  "$program" simulate --devices "$DEVICES" --rate 80 --seed 3 --seconds 8 --scenario outage --quiet >/dev/null 2>&1 ||
    die "simulate failed"
  # Killed before each append it never gets on; without the fault it has to make up for all of it.
  stop_up
  rm "$FLEETLOG_DATA/ready"
  start_up none
  until ! behind detector registry && all_told; do
    ((SECONDS < deadline)) || die "$1: $(changes Raised) raised and $(changes Cleared) cleared of $DEVICES"
  done
  deaths=$(grep -c 'event=CHILD_DIED.*detect' "$FLEETLOG_DATA/up.log" || true)
  ((deaths > 0)) || die "$1: the detector was never killed"
  # Each condition alternates: one told twice would have been refused, and then stands here.
  "$program" check >/dev/null 2>&1 || die "$1: check"
  stop_up
  printf '%s: died %s times, every outage was told once\n' "$1" "$deaths"
}

try detector.before_append
try detector.appended
