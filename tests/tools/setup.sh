#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what a task needs from Debian 12, and only what is missing.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'TXT'
usage: ./dev setup [-n] [build|demo|test|kafka|check]...

Installs the Debian 12 packages that are missing for the named tasks (default: all), as root or through sudo.
The other commands call it for what they need; when nothing is missing it takes a moment and changes nothing.

  -n, --dry-run   only print what is missing
TXT
}

# PACKAGE or PACKAGE:PROGRAM; of the second kind another provider's program will do as well.
packages() { # TASK
  case $1 in
    build)
      printf '%s\n' ca-certificates cmake gcc libc6-dev ninja-build pkg-config protobuf-compiler protobuf-c-compiler \
        fonts-dejavu-core libcairo2-dev libcmocka-dev libcurl4-openssl-dev libidn2-dev libjansson-dev liblmdb-dev libmicrohttpd-dev libprotobuf-c-dev \
        libpango1.0-dev librdkafka-dev libsodium-dev libssl-dev libutf8proc-dev libxlsxwriter-dev
      ;;
    demo) printf '%s\n' curl nut-client nut-server procps python3 ;;
    test) printf '%s\n' clang-format-14 curl libnss3-tools:certutil npm:npm nut-client nut-server openssl poppler-utils procps python3 python3-aiosmtpd python3-openpyxl spin strace ;;
    kafka) printf '%s\n' kcat maven:mvn openjdk-17-jre-headless:java procps ;;
    check) printf '%s\n' clang-14 clang-tidy-14 gcovr libclang-rt-14-dev shellcheck spin ;;
    *) usage_error "setup: unknown task: $1 (./dev setup --help)" ;;
  esac
}

missing() { # PACKAGE[:PROGRAM]...
  local installed word
  for word in "$@"; do
    shift
    [[ $word == *:* ]] && have "${word#*:}" && continue
    set -- "$@" "${word%%:*}"
  done
  [[ $# -gt 0 ]] || return 0
  # A name that it does not know is an error to dpkg-query and just missing to us.
  installed=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "$@" 2>/dev/null | sed -n 's/^ii *//p' | sort -u) || true
  comm -23 <(printf '%s\n' "$@" | sort -u) <(printf '%s\n' "$installed")
}

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif have sudo && { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
    sudo "$@"
  else
    die "these packages are missing and only root can install them: apt-get install ${lacking[*]}"
  fi
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 --no-install-recommends \
    install "${lacking[@]}" >&2 </dev/null
}

main() {
  local dry=no tasks=() wanted=() task lacking
  help_wanted "$@" && usage && return
  for task in "$@"; do
    case $task in
      -n | --dry-run) dry=yes ;;
      *) tasks+=("$task") ;;
    esac
  done
  [[ ${#tasks[@]} -gt 0 ]] || tasks=(build demo test kafka check)
  for task in "${tasks[@]}"; do
    packages "$task" >/dev/null # an unknown task ends here; in the substitution below it would not
    mapfile -t -O "${#wanted[@]}" wanted < <(packages "$task")
  done
  have dpkg-query || die "only Debian 12 is set up by itself; elsewhere install: ${wanted[*]%%:*}"
  mapfile -t lacking < <(missing "${wanted[@]}")
  [[ ${#lacking[@]} -gt 0 ]] || return 0
  if [[ $dry == yes ]]; then
    printf '%s\n' "${lacking[@]}"
    return
  fi
  say "installing ${lacking[*]}"
  # A fresh machine has no package lists, an old one stale ones: the first try may fail for want of them.
  if ! apt_install 2>/dev/null; then
    as_root apt-get -q -o DPkg::Lock::Timeout=300 update >&2 </dev/null || die "apt-get update failed"
    apt_install || die "apt-get could not install: ${lacking[*]}"
  fi
}

main "$@"
