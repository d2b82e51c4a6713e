#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole platform on this machine, with two companies and a fleet behind real upsds, and the words to try it with.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../../tests/tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../tests/tools/lib.sh"
here=$top/producers/simulator

usage() {
  cat <<'TXT'
usage: ./dev demo [--kafka] [--detach] [--data DIR] [--preset PRESET] [--no-build]
       ./dev demo --outage|--status|--stop [--kafka] [--data DIR]

  (none)     install what is missing, build, start everything, enrol the fleet, say what to try; Ctrl-C ends it.
             Started again it goes on with what is there; while it runs, a second one only says what to try.
  --detach   the same, but come back once it is ready
  --kafka    on a real Apache Kafka on this machine instead of the embedded journal (data beside the default's: DIR-kafka)
  --outage   pull the running demo's plug until batteries run low, put it back, show the Event Log
  --status   what runs, and where
  --stop     end a running demo; its data stay
  --data     default: /var/lib/fleetlog as root, else $XDG_DATA_HOME/fleetlog
TXT
}

owner_company='Northwind Grocers' owner=olivia@northwind.example
provider_company='Brightline Power Services' provider=max@brightline.example
# Shared by the owner with the provider.
shared=(hq-rack-a1 hq-phones hq-reception north-till-1 south-freezer)
reseller=sales@volt-and-co.example
licensed=(hq-rack-a1 hq-phones)
leaving=east-archive # is offered to the provider's company
speed=4          # scenario seconds per second
outage_speed=60  # while the plug is out: what takes half an hour takes half a minute
wait_seconds=90

action=start kafka='' detach='' data='' preset=release build=1
while (($#)); do
  case $1 in
    -h | --help) usage && exit ;;
    --kafka) kafka=1 ;;
    --detach) detach=1 ;;
    --outage | --status | --stop) action=${1#--} ;;
    --no-build) build='' ;;
    --data | --preset)
      [[ $# -ge 2 ]] || usage_error "$1 takes a word"
      printf -v "${1#--}" '%s' "$2"
      shift
      ;;
    *) usage >&2 && usage_error "./dev demo: unknown: $1" ;;
  esac
  shift
done

if [[ $(id -u) == 0 ]]; then default_data=/var/lib/fleetlog; else default_data=${XDG_DATA_HOME:-$HOME/.local/share}/fleetlog; fi
default_data+=${kafka:+-kafka}
data=${data:-$default_data}
demo=$data/demo
fleetlog=$top/build/$preset/fleetlog
driver=$top/build/$preset/fleetlog-demo-driver
jobs_started=()

export FLEETLOG_DATA=$data # also how a process left behind by a killed demo is known again

f() { FLEETLOG_JOURNAL=$(journal) "$fleetlog" "$@"; }
journal() { if [[ -n $kafka ]]; then printf 'kafka://%s' "$(remembered bootstrap)"; else printf 'embedded'; fi; }

# --- what is remembered between runs: one small file per fact below DATA/demo -------------------------------------

remember() { mkdir -p "$demo" && printf '%s\n' "$2" >"$demo/$1.new" && mv "$demo/$1.new" "$demo/$1"; }
remembered() { cat "$demo/$1" 2>/dev/null || true; }
once() { # STEP COMMAND...: only if it has not been done before on this data directory
  local step=$1
  shift
  [[ -e $demo/done-$step ]] && return
  "$@" || return
  remember "done-$step" yes
}

runs() { # the demo's own process, if it lives and is one
  local pid
  pid=$(remembered pid)
  [[ -n $pid ]] && grep -qzF 'demo.sh' "/proc/$pid/cmdline" 2>/dev/null
}

wait_until() { # SECONDS WHAT TEST...
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || die "$what"
    all_live || die "$what"
    sleep 0.1
  done
}

all_live() {
  local entry
  for entry in "${jobs_started[@]}"; do
    kill -0 "${entry%% *}" 2>/dev/null || { say "ended: ${entry#* }" && tail -n 5 "$demo/${entry##* }.log" >&2 && return 1; }
  done
}

# --- starting -----------------------------------------------------------------------------------------------------

free_port() { # WANTED: that one if nobody listens on it, else a free one
  if (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then "$driver" --free-port; else printf '%s\n' "$1"; fi
}

background() { # NAME COMMAND...: output to DATA/demo/NAME.log; ended by clean_up, the last started first
  local name=$1
  shift
  "$@" >"$demo/$name.log" 2>&1 </dev/null &
  jobs_started=("$! $name" "${jobs_started[@]}")
  printf '%s\n' "${jobs_started[@]}" >"$demo/children"
}

# What a demo that was killed has left running: ours only if it works on the same data directory.
end_leftovers() {
  local pid name
  while read -r pid name; do
    grep -qzxF "FLEETLOG_DATA=$data" "/proc/$pid/environ" 2>/dev/null || continue
    say "ending $name (process $pid), left behind by an earlier demo"
    kill "$pid" 2>/dev/null || continue
    wait_until 30 "process $pid does not end" gone "$pid"
  done < <(remembered children)
}

clean_up() {
  trap '' INT TERM HUP
  local entry
  for entry in "${jobs_started[@]}"; do
    kill "${entry%% *}" 2>/dev/null || continue
    wait "${entry%% *}" 2>/dev/null || true
  done
  [[ -z $kafka ]] || "$top/tests/tools/kafka.sh" stop --dir "$demo/kafka" >/dev/null 2>&1 || true
  rm -f "$demo/pid" "$demo/ready" "$demo/children"
}

start_kafka() {
  local out
  out=$("$top/tests/tools/kafka.sh" start --dir "$demo/kafka") || exit
  remember bootstrap "$(sed -n 's/^bootstrap=//p' <<<"$out")"
}

# Mails of the demo go to files, and nowhere else.
start_mail() {
  local port
  port=$(free_port "$(remembered mail-port | grep . || "$driver" --free-port)")
  remember mail-port "$port"
  : >"$demo/mail.log"
  background mail python3 "$here/mail_sink.py" --folder "$demo/mail" --port "$port"
  wait_until 30 "the demo's mail server does not start (see $demo/mail.log)" grep -q '^smtp=' "$demo/mail.log"
  export FLEETLOG_MAIL_SMTP=smtp://127.0.0.1:$port FLEETLOG_MAIL_STARTTLS=never FLEETLOG_MAIL_FROM=no-reply@fleetlog.example
}

start_up() {
  local port
  port=$(free_port "$(remembered gateway-port | grep . || printf 7700)")
  remember gateway-port "$port"
  export FLEETLOG_GATEWAY_LISTEN=127.0.0.1:$port
  port=$(free_port "$(remembered api-port | grep . || printf 7701)")
  remember api-port "$port"
  export FLEETLOG_GATEWAY_API_LISTEN=127.0.0.1:$port FLEETLOG_GATEWAY_PUBLIC_URL=http://127.0.0.1:$port
  port=$(free_port "$(remembered metrics-port | grep . || printf 7702)")
  remember metrics-port "$port"
  export FLEETLOG_GATEWAY_METRICS_LISTEN=127.0.0.1:$port
  FLEETLOG_FIRMWARE_KEY=$(make_publisher)
  export FLEETLOG_FIRMWARE_KEY
  [[ -s $demo/checkout-secret ]] || (umask 077 && head -c 24 /dev/urandom | base64 >"$demo/checkout-secret")
  export FLEETLOG_GATEWAY_CHECKOUT_STAND_IN=yes FLEETLOG_GATEWAY_CHECKOUT_SECRET_FILE=$demo/checkout-secret
  background up env FLEETLOG_JOURNAL="$(journal)" "$fleetlog" up
  wait_until "$wait_seconds" "fleetlog up is not ready (see $demo/up.log)" ready_answers
}

# Who signs firmware; prints the public half of his key.
make_publisher() { "$fleetlog" firmware key "$demo/publisher.key"; }

# What an agent calls to install an image: here it only lets the simulated UPS say the new version.
write_installer() {
  cat >"$demo/$1-installer" <<SH
#!/bin/sh
"$driver" --ask "$(remembered "$1-upsd-control")" set "\${FLEETLOG_UPS%%@*}" ups.firmware "UPS \$FLEETLOG_FIRMWARE_VERSION / ID=18" >/dev/null
SH
  chmod 700 "$demo/$1-installer"
}

ready_answers() { curl -fsS -m 2 "http://127.0.0.1:$(remembered gateway-port)/readyz"; }

start_upsd() { # NAME FLEET [ARG]...
  local name=$1 fleet=$2 port
  shift 2
  port=$(free_port "$(remembered "$name-port" | grep . || "$driver" --free-port)")
  remember "$name-port" "$port"
  : >"$demo/$name.log"
  background "$name" "$here/upsd-run" --driver "$driver" --fleet "$here/fleets/$fleet.fleet" --port "$port" \
    --speed "$speed" "$@"
  wait_until 60 "upsd does not start (see $demo/$name.log)" grep -q '^upsd=' "$demo/$name.log"
  remember "$name-control" "$(sed -n 's/^upsd=.* control=\([^ ]*\).*/\1/p' "$demo/$name.log")"
}

make_company() { f company create "$1" >/dev/null; }
make_account() { f account create "$1" --company "$2" >/dev/null; }

start_agent() { # NAME ACCOUNT: with a claim code of its own the first time
  local name=$1 account=$2 claim=()
  if [[ ! -e $demo/done-$name ]]; then
    claim=(--claim "$(f claim issue --as "$account")")
  fi
  (umask 077 && printf 'demo\n' >"$demo/upsd-password")
  write_installer "$name"
  background "$name" "$fleetlog" agent run "${claim[@]}" --upsd "127.0.0.1:$(remembered "$name-upsd-port")" \
    --user fleetlog --password-file "$demo/upsd-password" --poll 1 --state "$demo/$name" \
    --gateway "http://127.0.0.1:$(remembered gateway-port)" \
    --firmware-installer "$demo/$name-installer" --firmware-key "$FLEETLOG_FIRMWARE_KEY"
}

device_count() { f device list --as "$1" --json | grep -c '"name"'; }
has_devices() { [[ $(device_count "$1") -ge $2 ]]; }

enrol() { # NAME ACCOUNT COUNT
  start_agent "$1" "$2"
  # Later it may have given some away.
  [[ -e $demo/done-$1 ]] || wait_until "$wait_seconds" "the agent does not bring $3 devices of $2 (see $demo/$1.log)" has_devices "$2" "$3"
  remember "done-$1" yes
}

share_some() {
  local answer
  answer=$(f share "${shared[@]}" --with "$provider" --as "$owner" --json) || return
  remember share-id "$(text_of shareId <<<"$answer")"
  f share accept "$(text_of token <<<"$answer")" --as "$provider" >/dev/null
}

# A license of the owner's: on the device that the provider looks after, and on one more.
license_some() {
  local answer
  answer=$(f license mint --company "$owner_company" --plan advanced --nodes 5 --installer "$owner" --net 49000 \
    --order PO-4711 --json) || return
  remember license-code "$(text_of code <<<"$answer")"
  f license apply "$(remembered license-code)" "${licensed[@]}" --as "$owner" >/dev/null
}

# Two nodes bought by the price list, and paid at the stand-in's page; their code goes by mail.
buy_some() {
  local answer
  printf '[{"region":"EU","currency":"EUR","plan":"standard","termDays":365,"netMinor":4900,"taxBasisPoints":1900}]\n' >"$demo/prices.json"
  f prices set "$demo/prices.json" >/dev/null || return
  answer=$(f license buy --region EU --plan standard --nodes 2 --installer "$owner" --as "$owner" --json) || return
  curl -fsS -m 20 -d do=pay "$(text_of checkout <<<"$answer")" >/dev/null
}

# A reseller, who is to know when batteries are due and nothing else; he accepts by the link of his mail.
link_reseller() {
  local answer
  answer=$(f reseller link "$reseller" --as "$owner" --json) || return
  remember reseller-link "$(text_of linkId <<<"$answer")"
  f reseller accept "$(text_of token <<<"$answer")" >/dev/null || return
  f lifecycle set hq-phones battery-replacement "$(date -u -d '+20 days' +%F)" --as "$owner" >/dev/null
}

# An offer of ownership, still to be accepted.
offer_one() {
  local answer
  answer=$(f transfer offer "$leaving" --to "$provider" --as "$owner" --json) || return
  remember transfer-token "$(text_of token <<<"$answer")"
}

publish_firmware() {
  local answer
  head -c 300000 /dev/zero >"$demo/firmware.bin"
  answer=$(f firmware publish "$demo/firmware.bin" --key "$demo/publisher.key" --model 'Smart-UPS 1500' --version 09.8 \
    --from 09.3 --json) || return
  remember firmware-id "$(text_of firmwareId <<<"$answer")"
}

text_of() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; } # MEMBER of one line of JSON

# --- saying -------------------------------------------------------------------------------------------------------

what_to_try() {
  local prefix='' flag=''
  [[ -z $kafka ]] || { prefix=" FLEETLOG_JOURNAL=$(journal)" && flag=' --kafka'; }
  [[ $data == "$default_data" ]] || flag+=" --data $data"
  say "
  export PATH=\"${fleetlog%/*}:\$PATH\" FLEETLOG_DATA=\"$data\"$prefix FLEETLOG_AS=$owner"
  cat >&2 <<TXT

  data directory  $data
  gateway         http://127.0.0.1:$(remembered gateway-port) (agents), $data/run/operator.sock (commands)
  HTTP API        http://127.0.0.1:$(remembered api-port)/v1, measurements http://127.0.0.1:$(remembered metrics-port)/metrics
  upsd            127.0.0.1:$(remembered owner-upsd-port) of $owner_company, 127.0.0.1:$(remembered provider-upsd-port) of $provider_company
  mail            $demo/mail: every mail that is sent, as a file
  people          $owner ($owner_company), $provider ($provider_company; sees ${#shared[@]} shared devices)
TXT
  say "
Try:"
  try 'fleetlog device list' 'every device of the owner, and how it is'
  try "fleetlog device list --as $provider --shared" 'those that the owner shares with the provider'
  try 'fleetlog device show hq-rack-a1' 'facts, readings, every string as it came'
  try 'fleetlog events' 'the Event Log: by severity, then newest'
  try "fleetlog invite pat@northwind.example" 'a co-worker; the mail is a file now, see above'
  try 'fleetlog notify set --severity warning' 'mail from on battery on, not only critical conditions'
  try "fleetlog share hq-lab --with $provider" 'one more device'
  try "fleetlog unshare $(remembered share-id) hq-phones" "either side may; the owner's log says who"
  try "fleetlog license apply $(remembered license-code) hq-reception" 'one of three nodes that are left'
  try 'fleetlog license ledger' 'what was bought, where it is, until when; also --format csv'
  try "fleetlog license buy --region EU --plan standard --installer $owner" 'pay (or fail) at the page that it names'
  try 'fleetlog license purchases' 'what became of it; the code comes by mail'
  try "fleetlog reseller remind $(remembered reseller-link) hq-phones" "a mail to $reseller: model, part, date"
  try "fleetlog lifecycle list hq-phones" 'what is due, and when somebody is told'
  try "fleetlog command self-test hq-lab" 'reaches upsd, succeeds when its result is seen'
  try "fleetlog command self-test hq-reception" 'this battery is worn out'
  try "fleetlog command firmware-upgrade hq-rack-a1 $(remembered firmware-id)" 'a signed image, installed once, read back'
  try 'fleetlog transfer list' "$leaving is offered to $provider_company"
  try "fleetlog transfer accept $(remembered transfer-token) --as $provider" 'it is theirs now, its history stays'
  try 'fleetlog tail' 'the last ten events, then live'
  try 'fleetlog topics' 'what the log holds'
  try 'fleetlog lag' 'how far each view is behind'
  try 'fleetlog rebuild devices' 'a second view beside the first, compared, switched to'
  try 'fleetlog verify' 're-reads, re-decides and compares everything'
  try "./dev demo$flag --outage" 'pull the plug'
  try "./dev demo$flag --stop" 'end it; the data stay'
}

# What is too long for its column says the rest on a line of its own.
try() { if ((${#1} > 76)); then printf '  %s\n  %-76s %s\n' "$1" '' "$2" >&2; else printf '  %-76s %s\n' "$1" "$2" >&2; fi; }

status_line() {
  local total fresh
  total=$("$driver" --ask "$(remembered owner-upsd-control)" list 2>/dev/null | wc -l)
  fresh=$("$driver" --ask "$(remembered owner-upsd-control)" list 2>/dev/null | grep -c ' fresh$') || true
  printf 'running (pid %s): %s simulated UPSes of %s, %s of them answer\n' "$(remembered pid)" "$total" "$owner_company" "$fresh"
}

# --- the words ----------------------------------------------------------------------------------------------------

start() {
  if runs; then
    status_line
    [[ ! -e $demo/ready ]] || what_to_try
    return
  fi
  [[ -z $build ]] || { "$top/tests/tools/setup.sh" build demo && "$top/tests/tools/build.sh" "$preset" fleetlog fleetlog-demo-driver; }
  [[ -x $fleetlog && -x $driver ]] || die "there is no $fleetlog (./dev build $preset)"
  if [[ -n $detach ]]; then
    start_detached
    return
  fi
  mkdir -p "$demo" && chmod 700 "$data" "$demo"
  remember pid $$
  rm -f "$demo/ready"
  end_leftovers
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 0' TERM HUP
  say "data directory $data"
  [[ -z $kafka ]] || { say "starting Apache Kafka …" && start_kafka; }
  say "starting fleetlog …" && start_mail && start_up
  say "starting two upsds and $(grep -c '^ups ' "$here/fleets/demo.fleet" "$here/fleets/provider.fleet" | awk -F: '{n += $2} END {print n + 1}') simulated UPSes …"
  start_upsd owner-upsd demo --no-dummy
  start_upsd provider-upsd provider
  once owner-company make_company "$owner_company"
  once provider-company make_company "$provider_company"
  once owner-account make_account "$owner" "$owner_company"
  once provider-account make_account "$provider" "$provider_company"
  say "enrolling …"
  enrol owner "$owner" "$(grep -c '^ups ' "$here/fleets/demo.fleet")"
  enrol provider "$provider" "$(($(grep -c '^ups ' "$here/fleets/provider.fleet") + 1))"
  once share share_some
  once license license_some
  once purchase buy_some
  once reseller link_reseller
  once transfer offer_one
  once firmware publish_firmware
  remember ready yes
  say "ready"
  what_to_try
  say "
Ctrl-C ends it; the data stay."
  watch_children
}

watch_children() {
  while all_live; do
    wait -n 2>/dev/null || true
  done
  die "one of the demo's processes has ended"
}

start_detached() {
  local arguments=(--no-build --data "$data" --preset "$preset")
  [[ -z $kafka ]] || arguments+=(--kafka)
  mkdir -p "$demo"
  rm -f "$demo/ready"
  setsid bash "${BASH_SOURCE[0]}" "${arguments[@]}" >"$demo/demo.log" 2>&1 </dev/null &
  local child=$!
  until [[ -e $demo/ready ]]; do
    kill -0 "$child" 2>/dev/null || { cat "$demo/demo.log" >&2 && die "the demo does not start"; }
    sleep 0.2
  done
  status_line
  what_to_try
}

needs_running() {
  runs || die "no demo runs on $data (./dev demo)"
  [[ -e $demo/ready ]] || die "the demo on $data is not ready yet"
}

outage() {
  needs_running
  control=$(remembered owner-upsd-control)
  trap mains_back EXIT # whatever happens now
  say "the plug is out …"
  "$driver" --ask "$control" speed "$outage_speed"
  "$driver" --ask "$control" outage begin
  wait_until 60 'no battery runs low' low_somewhere
  wait_until 30 'the Event Log does not show it' event_shows ': low battery'
  "$driver" --ask "$control" outage end
  say "… and in again; the batteries charge …"
  wait_until 30 'the Event Log does not show it' event_shows 'power restored'
  wait_until 60 'the batteries do not charge' low_nowhere
  say "The Event Log, first what is critical or a warning, then what came to an end:"
  f events --as "$owner" --severity warning --limit 16
  f events --as "$owner" --limit 1000 | grep -E 'restored|no longer|ended' | head -n 12 || true
}

mains_back() {
  "$driver" --ask "$control" outage end || true
  "$driver" --ask "$control" speed "$speed" || true
}
low_somewhere() { "$driver" --ask "$control" list | grep -q 'OB.* LB'; }
low_nowhere() { ! low_somewhere && ! "$driver" --ask "$control" list | grep -q ' LB'; }
event_shows() { f events --as "$owner" --limit 500 | grep -q "$1"; }

stop() {
  runs || { say "no demo runs on $data" && return; }
  local pid
  pid=$(remembered pid)
  kill "$pid"
  wait_until 60 "the demo does not end (process $pid)" gone "$pid"
  say "stopped; its data stay in $data"
}
gone() { ! kill -0 "$1" 2>/dev/null; }

status() {
  needs_running
  status_line
  what_to_try
}

"$action"
