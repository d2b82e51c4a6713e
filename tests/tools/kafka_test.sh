#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What other tests rely on: a broker that is killed, paused or stopped comes back on its port with its records.
# Run by `kafka.sh run [--brokers 3] --set auto.create.topics.enable=true --`.
set -euo pipefail

servers=$FLEETLOG_TEST_KAFKA
ctl=$FLEETLOG_TEST_KAFKA_DIR/ctl
records=0

expect() { # WHAT WANTED FOUND
  [[ $2 == "$3" ]] || { printf '%s: expected %s, found %s\n' "$1" "$2" "$3" && exit 1; }
}

produce() {
  seq 1 1000 | kcat -q -P -b "$servers" -t records -X enable.idempotence=true -X acks=all
  records=$((records + 1000))
}

expect_records() { # AFTER_WHAT
  expect "records after $1" "$records" "$(kcat -q -C -b "$servers" -t records -o beginning -e | wc -l)"
}

state_of() { "$ctl" status --broker "$1" | awk '/^broker/ { print $3 }'; }

produce
expect_records produce
expect "process of broker 1" "$FLEETLOG_TEST_KAFKA_PID" "$(cat "$FLEETLOG_TEST_KAFKA_DIR/broker-1/pid")"

"$ctl" pause --broker 1
expect "state when paused" paused "$(state_of 1 || true)"
"$ctl" resume --broker 1
expect "state when resumed" running "$(state_of 1)"
produce
expect_records pause

"$ctl" kill --broker 1
expect "state when killed" stopped "$(state_of 1 || true)"
[[ $servers != *,* ]] || produce # two of three carry on
expect "address after kill" "bootstrap=$servers" "$("$ctl" restart --broker 1)"
produce
expect_records kill

"$ctl" stop
expect "state when stopped" stopped "$(state_of 1 || true)"
"$ctl" start >/dev/null
expect_records stop
printf 'kept %d records\n' "$records"
