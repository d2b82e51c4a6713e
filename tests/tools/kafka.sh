#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A real Apache Kafka (KRaft, 1 or 3 brokers) on this machine, for tests and for trying things out.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=kafka_secure.sh
. "$(dirname "${BASH_SOURCE[0]}")/kafka_secure.sh"

usage() {
  cat <<'TXT'
usage: ./dev kafka start|stop|status|restart|kill|pause|resume [--dir DIR] [--broker N]
       ./dev kafka start [--dir DIR] [--brokers 1|3] [--secure] [--set KEY=VALUE]...
       ./dev kafka run [--brokers 1|3] [--secure] [--set KEY=VALUE]... -- COMMAND [ARG]...
       ./dev kafka fetch|pin

  start    start the cluster in DIR, making it if it is new (default DIR: build/kafka of this checkout); prints
           bootstrap=HOST:PORT[,…] once it answers. Started again it keeps its ports, topics and settings.
  stop     end it; its data stay
  status   print each broker's state; exit 0 all running, 1 not all, 3 no cluster in DIR
  restart  stop and start again on the same ports and data (also after kill); one broker with --broker N
  kill     SIGKILL; pause, resume: SIGSTOP, SIGCONT
  run      start a cluster of its own in a temporary directory, run COMMAND with
             FLEETLOG_TEST_KAFKA      its bootstrap servers
             FLEETLOG_TEST_KAFKA_DIR  its directory: broker-N/pid, broker-N/log, and ctl, which takes the words above:
                                      "$FLEETLOG_TEST_KAFKA_DIR/ctl" kill && "$FLEETLOG_TEST_KAFKA_DIR/ctl" restart
             FLEETLOG_TEST_KAFKA_PID  the first broker's process at the start
           then remove it; the exit code is COMMAND's
           --secure makes it one of TLS, passwords and access control; what its clients need is in DIR/secure
           (passwords, fleetlog.conf, admin.properties, bin/kafka-acls.sh)
  fetch    only fetch the jars (Maven, checked against tests/tools/kafka/jars.sha256) into the cache
  pin      write jars.sha256 anew, after a change of tests/tools/kafka/pom.xml; look at the diff

Exit 77: java, kcat or mvn is missing, the registry is out of reach, or FLEETLOG_NO_KAFKA=1 says so. The cache is
${XDG_CACHE_HOME:-$HOME/.cache}/fleetlog/kafka-VERSION; FLEETLOG_KAFKA_LIBS names another.
TXT
}

here=$top/tests/tools/kafka
version=$(sed -n '/kafka_2.13/,/version/s/.*<version>\(.*\)<\/version>.*/\1/p' "$here/pom.xml")
libs=${FLEETLOG_KAFKA_LIBS:-${XDG_CACHE_HOME:-$HOME/.cache}/fleetlog/kafka-$version}
COPY=org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies
START_SECONDS=90 # three brokers on two busy cores need 12 to 30

# --- the jars --------------------------------------------------------------------------------------------------

jars_good() { [[ -d $1 ]] && (cd "$1" && sha256sum --quiet --strict -c "$here/jars.sha256" >/dev/null 2>&1); }

# mvn's many words cut down to what went wrong.
mvn_reason() {
  sed -n 's/\x1b\[[0-9;]*m//g; /ERROR/{s/ -> \[Help.*//; s/transfer failed for [^ ]*: //; s/.*Could not transfer //; p; q}'
}

copy_jars() { # DIR
  local out
  have mvn || skip "Apache Kafka $version is not in the cache and mvn is missing (./dev setup installs it)"
  if ! out=$(timeout 600 mvn -q -B -f "$here/pom.xml" "$COPY" -DincludeScope=runtime -DoutputDirectory="$1" \
    2>&1 </dev/null); then
    rm -rf "$1"
    out=$(mvn_reason <<<"$out")
    skip "Apache Kafka $version cannot be fetched: ${out:-mvn failed or timed out}"
  fi
}

fetch() {
  [[ ${FLEETLOG_NO_KAFKA:-} != 1 ]] || skip "no Kafka is wanted here (FLEETLOG_NO_KAFKA)"
  have java || skip "Apache Kafka needs java, which is missing (./dev setup installs it)"
  have kcat || skip "the Kafka scripts need kcat, which is missing (./dev setup installs it)"
  jars_good "$libs" && return
  mkdir -p "${libs%/*}"
  exec 8>"$libs.lock" # two checkouts may want it at once
  flock 8
  if ! jars_good "$libs"; then
    local staging=$libs.new
    rm -rf "$staging"
    say "fetching Apache Kafka $version with mvn (45 jars, 43 MB) …"
    copy_jars "$staging"
    if ! jars_good "$staging"; then
      (cd "$staging" && sha256sum --quiet --strict -c "$here/jars.sha256" >&2) || true
      die "the jars in $staging are not those that tests/tools/kafka/jars.sha256 pins"
    fi
    rm -rf "$libs"
    mv "$staging" "$libs"
  fi
  exec 8>&-
}

pin() {
  local staging
  staging=$(mktemp -d)
  copy_jars "$staging"
  (cd "$staging" && sha256sum -- *.jar) >"$here/jars.sha256"
  rm -rf "$staging"
  say "tests/tools/kafka/jars.sha256: $(wc -l <"$here/jars.sha256") jars"
}

# Only pinned jars are on the class path, whatever else lies in the cache.
class_path() { sed "s|^[0-9a-f]*  |$libs/|" "$here/jars.sha256" | paste -sd:; }

# --- one broker ------------------------------------------------------------------------------------------------

# Ports lie below the range that the kernel hands out to clients, so that nobody takes them while a broker is down.
free_port() {
  local port
  while :; do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 10000))
    if ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      printf '%d\n' "$port"
      return
    fi
  done
}

broker_pid() { # N: its process, if that lives and is this very broker (numbers are reused)
  local pid
  pid=$(cat "$dir/broker-$1/pid" 2>/dev/null) || return 1
  grep -qzF "$dir/broker-$1/server.properties" "/proc/$pid/cmdline" 2>/dev/null || return 1
  printf '%d\n' "$pid"
}

broker_state() { # N
  local pid state
  pid=$(broker_pid "$1") || { printf 'stopped\n' && return; }
  state=$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null) || true
  [[ $state == T ]] && printf 'paused\n' || printf 'running\n'
}

write_properties() { # N
  local n=$1 at=$dir/broker-$1
  {
    cat "$here/server.properties"
    printf '\nnode.id=%d\ncontroller.quorum.voters=%s\n' "$n" "$voters"
    printf 'listeners=PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d\n' "${ports[n]}" "${quorum_ports[n]}"
    printf 'advertised.listeners=PLAINTEXT://127.0.0.1:%d\nlog.dirs=%s\n' "${ports[n]}" "$at/data"
    local rf=$brokers isr=1
    [[ $brokers == 1 ]] || isr=2
    printf 'offsets.topic.replication.factor=%d\ndefault.replication.factor=%d\n' "$rf" "$rf"
    printf 'transaction.state.log.replication.factor=%d\ntransaction.state.log.min.isr=%d\n' "$rf" "$isr"
    printf 'share.coordinator.state.topic.replication.factor=%d\nshare.coordinator.state.topic.min.isr=%d\n' "$rf" "$isr"
    printf 'min.insync.replicas=%d\n' "$isr"
    [[ ! -d $dir/secure ]] || secure_properties "$n"
    [[ ! -f $dir/extra.properties ]] || cat "$dir/extra.properties"
  } >"$at/server.properties"
}

format_broker() { # N
  java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$(class_path)" kafka.tools.StorageTool format \
    -t "$cluster_id" -c "$dir/broker-$1/server.properties" >"$dir/broker-$1/format.log" 2>&1 ||
    die "cannot format $dir/broker-$1/data: $(tail -n 3 "$dir/broker-$1/format.log")"
}

spawn_broker() { # N
  local at=$dir/broker-$1 heap=(-Xmx512m)
  [[ $brokers == 1 ]] || heap=(-Xmx256m -XX:+UseSerialGC)
  (
    cd "$at"
    exec 8>&- 9>&-
    setsid java "${heap[@]}" -Dorg.slf4j.simpleLogger.showDateTime=true \
      -Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS -cp "$(class_path)" kafka.Kafka "$at/server.properties" \
      >>"$at/log" 2>&1 </dev/null &
    printf '%d\n' $! >"$at/pid"
  )
  # Until the new process has become java it does not look like this broker.
  until broker_pid "$1" >/dev/null || ! kill -0 "$(cat "$at/pid")" 2>/dev/null; do sleep 0.01; done
}

end_broker() { # N SIGNAL
  local pid
  pid=$(broker_pid "$1") || return 0
  kill -s "$2" "$pid" 2>/dev/null || return 0
  kill -s CONT "$pid" 2>/dev/null || true # a paused one does not hear TERM
  timeout 15 tail -s 0.05 --pid="$pid" -f /dev/null || kill -s KILL "$pid" 2>/dev/null || true
  tail -s 0.05 --pid="$pid" -f /dev/null
}

# --- the cluster -----------------------------------------------------------------------------------------------

numbers() { if [[ -n $broker ]]; then printf "%d\n" "$broker"; else seq 1 "$brokers"; fi; }

choose_ports() {
  local n
  ports=() quorum_ports=() voters='' bootstrap=''
  for ((n = 1; n <= brokers; n++)); do
    ports[n]=$(free_port)
    quorum_ports[n]=$(free_port)
    voters+=${voters:+,}$n@127.0.0.1:${quorum_ports[n]}
    bootstrap+=${bootstrap:+,}127.0.0.1:${ports[n]}
  done
}

new_cluster_id() { # 16 random bytes in URL-safe base64, as Kafka's own tool prints them; none may begin with '-'
  local id
  id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
  printf '%s\n' "${id/#-/A}"
}

make_cluster() {
  local n
  cluster_id=$(new_cluster_id)
  choose_ports
  [[ $secure == no || -d $dir/secure ]] || make_secure
  for ((n = 1; n <= brokers; n++)); do
    mkdir -p "$dir/broker-$n"
    write_properties "$n"
    format_broker "$n"
  done
  printf 'exec %q "$@" --dir %q\n' "$top/tests/tools/kafka.sh" "$dir" >"$dir/ctl"
  sed -i '1i #!/bin/sh' "$dir/ctl"
  chmod +x "$dir/ctl"
  printf 'brokers=%d\nbootstrap=%s\n' "$brokers" "$bootstrap" >"$dir/cluster"
}

load_cluster() {
  [[ -f $dir/cluster ]] || { say "no cluster in $dir" && exit 3; }
  brokers=$(sed -n 's/^brokers=//p' "$dir/cluster")
  bootstrap=$(sed -n 's/^bootstrap=//p' "$dir/cluster")
  [[ -z $broker || ($broker =~ ^[0-9]+$ && $broker -ge 1 && $broker -le $brokers) ]] ||
    usage_error "--broker: 1 to $brokers"
}

registered() { # HOST:PORT: how many brokers it knows, from its own metadata answer
  (: <"/dev/tcp/${1%:*}/${1#*:}") 2>/dev/null || { printf '0\n' && return; }
  local options=()
  [[ ! -d $dir/secure ]] || options=(-F "$dir/secure/kcat.conf")
  kcat "${options[@]}" -b "$1" -L -m 2 2>/dev/null | sed -n 's/^ \([0-9]*\) brokers:.*/\1/p' | grep . || printf '0\n'
}

# Each started broker has to know as many as are running: only then do topics with all replicas come about.
await_cluster() { # N...
  local n want=0 deadline=$((SECONDS + START_SECONDS)) address
  for ((n = 1; n <= brokers; n++)); do
    [[ $(broker_state "$n") != running ]] || want=$((want + 1))
  done
  for n in "$@"; do
    address=$(cut -d, -f"$n" <<<"$bootstrap")
    until [[ $(registered "$address") -ge $want ]]; do
      broker_pid "$n" >/dev/null || return 1
      [[ $SECONDS -lt $deadline ]] || return 1
      sleep 0.1
    done
  done
}

start_failed() {
  local n
  for n in $(numbers); do
    [[ ! -f $dir/broker-$n/log ]] || tail -n 5 "$dir/broker-$n/log" >&2
    end_broker "$n" KILL
  done
  die "the broker did not start; its log is $dir/broker-*/log"
}

start() {
  local try n fresh=no started
  mkdir -p "$dir"
  exec 9>"$dir/lock"
  flock 9
  if [[ -f $dir/cluster ]]; then
    load_cluster
  else
    fresh=yes
    [[ ${#extra[@]} == 0 ]] || printf '%s\n' "${extra[@]}" >"$dir/extra.properties"
    make_cluster
  fi
  for try in 1 2 3 4; do
    started=()
    for n in $(numbers); do
      broker_pid "$n" >/dev/null || { spawn_broker "$n" && started+=("$n"); }
    done
    [[ ${#started[@]} == 0 ]] || await_cluster "${started[@]}" || {
      # Somebody may have taken a port between the look and the bind; a new cluster can take others.
      if [[ $fresh == yes && $try -lt 4 ]] && grep -qs 'BindException\|Address already in use' "$dir"/broker-*/log; then
        for n in $(numbers); do end_broker "$n" KILL; done
        rm -rf "$dir"/broker-*
        make_cluster
        continue
      fi
      start_failed
    }
    break
  done
  exec 9>&-
}

signal_brokers() { # SIGNAL
  local n pid
  for n in $(numbers); do
    pid=$(broker_pid "$n") || { say "broker $n is not running" && continue; }
    kill -s "$1" "$pid"
  done
}

stop() { # SIGNAL
  local n
  for n in $(numbers); do end_broker "$n" "$1" & done
  wait
}

status() {
  local n state rc=0
  printf 'bootstrap=%s\n' "$bootstrap"
  for n in $(numbers); do
    state=$(broker_state "$n")
    printf 'broker %d %s%s\n' "$n" "$state" "$([[ $state == stopped ]] || printf ' pid=%s' "$(broker_pid "$n")")"
    [[ $state == running ]] || rc=1
  done
  return "$rc"
}

# Removes the cluster when the process that ran it is gone, however it went: a SIGKILL runs no trap.
watch_owner() { # PID DIR
  tail -s 0.05 --pid="$1" -f /dev/null
  dir=$2 broker=''
  if [[ -f $dir/cluster ]]; then
    load_cluster
    stop KILL
  fi
  rm -rf "$dir"
}

run() { # COMMAND...
  local rc=0
  dir=$(mktemp -d "${TMPDIR:-/tmp}/fleetlog-kafka.XXXXXX")
  (setsid "$top/tests/tools/kafka.sh" watch-owner $$ "$dir" >/dev/null 2>&1 </dev/null &)
  trap 'stop KILL; rm -rf "$dir"' EXIT
  start
  FLEETLOG_TEST_KAFKA=$bootstrap FLEETLOG_TEST_KAFKA_DIR=$dir FLEETLOG_TEST_KAFKA_PID=$(broker_pid 1) "$@" || rc=$?
  return "$rc"
}

main() {
  local verb=${1:-}
  [[ $# -gt 0 ]] || { usage >&2 && exit 2; }
  help_wanted "$@" && usage && return
  shift
  dir=$top/build/kafka broker='' brokers='' secure=no extra=()
  [[ $verb != watch-owner ]] || { watch_owner "$@" && return; }
  while [[ $# -gt 0 ]]; do
    case $1 in
      --dir | --broker | --brokers | --set) [[ $# -ge 2 ]] || usage_error "$1: its value is missing" ;;&
      --dir) dir=$2 && shift 2 ;;
      --broker) broker=$2 && shift 2 ;;
      --brokers) brokers=$2 && shift 2 ;;
      --set) extra+=("$2") && shift 2 ;;
      --secure) secure=yes && shift ;;
      --) shift && break ;;
      *) usage_error "kafka $verb: unknown word: $1" ;;
    esac
  done
  [[ ${brokers:-1} == 1 || $brokers == 3 ]] || usage_error "--brokers: 1 or 3"
  [[ $# -gt 0 && $verb != run ]] && usage_error "kafka $verb takes no command"
  dir=$(realpath -m -- "$dir")
  case $verb in # no && chains here: they would switch off `set -e` inside the functions
    start | restart | run | fetch) fetch ;;&
    stop | kill | pause | resume | restart | status) load_cluster ;;&
    stop) stop TERM ;;
    kill) stop KILL ;;
    pause) signal_brokers STOP ;;
    resume) signal_brokers CONT ;;
    status) status ;;
    restart) stop TERM ;;&
    start | restart)
      brokers=${brokers:-1}
      start
      printf 'bootstrap=%s\n' "$bootstrap"
      ;;
    run)
      [[ $# -gt 0 ]] || usage_error "kafka run: the command is missing"
      brokers=${brokers:-1}
      run "$@"
      ;;
    fetch) ;;
    pin) pin ;;
    *) usage_error "kafka: unknown word: $verb (./dev kafka --help)" ;;
  esac
}

main "$@"
