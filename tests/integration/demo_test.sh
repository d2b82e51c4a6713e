#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The demo as a new user runs it, on a data directory of its own: start, look, act, pull the plug, stop, start again.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${FLEETLOG_BUILD:-$top/build/dev}
fleetlog=$build/fleetlog
[[ -x ${FLEETLOG_UPSD:-/lib/nut/upsd} ]] || { echo 'skipped: there is no upsd on this machine' && exit 77; }

scratch=$(mktemp -d "${TMPDIR:-/tmp}/fleetlog-demo.XXXXXX")
export FLEETLOG_DATA=$scratch/data
owner=olivia@northwind.example provider=max@brightline.example
demo() { "$top/dev" demo --data "$FLEETLOG_DATA" --preset "${build##*/}" --no-build "$@"; }
clean_up() {
  demo --stop >/dev/null 2>&1 || true
  rm -rf "$scratch"
}
trap clean_up EXIT

failed=''
expect() { # WHAT COMMAND...
  local what=$1
  shift
  if "$@"; then printf 'ok   %s\n' "$what"; else printf 'FAIL %s\n' "$what" && failed=1; fi
}
within() { # SECONDS COMMAND...
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}
rows() { "$fleetlog" device list --json "${@}" | grep -c '"deviceId"'; }
has_rows() { # COUNT OPTION...
  local count=$1
  shift
  [[ $(rows "$@") == "$count" ]]
}
mail_tells() { grep -rqs "$1" "$FLEETLOG_DATA/demo/mail"; }
events_show() { "$fleetlog" events --as "$owner" --limit 500 | grep -q "$1"; }

demo --detach >"$scratch/out" 2>&1 || { cat "$scratch/out" && exit 1; }
expect 'the owner sees 24 devices' has_rows 24 --as "$owner"
expect 'the provider sees its own 3' has_rows 3 --as "$provider"
expect 'and the 5 that are shared' has_rows 5 --as "$provider" --shared
expect 'a second start says what to try and changes nothing' demo --detach
expect 'and the owner still has 24' has_rows 24 --as "$owner"
expect 'a self-test succeeds because its result was seen' \
  "$fleetlog" command self-test hq-lab --as "$owner"
expect 'one of a worn battery fails' bash -c "! '$fleetlog' command self-test hq-reception --as $owner"
expect 'a firmware image is installed and read back' \
  "$fleetlog" command firmware-upgrade hq-rack-a1 "$(<"$FLEETLOG_DATA/demo/firmware-id")" --as "$owner"
"$fleetlog" invite pat@northwind.example --as "$owner" >/dev/null
expect 'an invitation is a mail in a file' within 60 mail_tells '^Subject: .fleetlog. Invitation to join Northwind Grocers'
expect 'the plug' demo --outage
expect 'a low battery is one too' within 90 mail_tells '^Subject: .fleetlog. Low battery: '
for what in 'on battery' 'low battery' 'power restored'; do
  expect "the Event Log shows $what" within 60 events_show "$what"
done
expect 'the views hold together' "$fleetlog" check
expect 'verify finds no difference' "$fleetlog" verify
expect 'a second devices view is the same' "$fleetlog" rebuild devices --quiet
expect 'the device that is offered becomes the provider'"'"'s' \
  "$fleetlog" transfer accept "$(<"$FLEETLOG_DATA/demo/transfer-token")" --as "$provider"
expect 'it stops' demo --stop
expect 'and starts again on the same data' demo --detach
expect 'with the same devices' has_rows 23 --as "$owner"
expect 'and the one that was given away' has_rows 4 --as "$provider"
[[ -z $failed ]]
