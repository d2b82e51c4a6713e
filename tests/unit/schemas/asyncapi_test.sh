#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: asyncapi_test.sh SAMPLES
# schemas/asyncapi.yaml is what the catalogue says today, its .proto texts compile, and redocly finds nothing in it.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../../tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../tools/lib.sh"

# Each definition in the document is a .proto file of its own.
compile_definitions() {
  awk -v dir="$dir" '
    /^      x-protobuf: \|/ { inside = 1; file = dir "/m" ++count ".proto"; next }
    inside && !/^        / { inside = 0; close(file) }
    inside { print substr($0, 9) > file }' "$top/schemas/asyncapi.yaml"
  local proto count=0
  for proto in "$dir"/*.proto; do
    protoc "-I$dir" --descriptor_set_out=/dev/null "$proto" || die "${proto##*/} does not compile"
    count=$((count + 1))
  done
  [[ $count -gt 50 ]] || die "only $count definitions"
}

# A message that fields.def forgot would not be in the document.
every_message_is_there() {
  local name
  while read -r name; do
    grep -q "^    $name:\$" "$top/schemas/asyncapi.yaml" || die "$name is not in the document"
  done < <(sed -n 's/^message \([A-Za-z]*\) .*/\1/p' "$top"/schemas/proto/fleetlog/v1/*.proto)
}

main() {
  dir=$(mktemp -d "${TMPDIR:-/tmp}/fleetlog-asyncapi.XXXXXX")
  trap 'rm -rf "$dir"' EXIT
  "$1" asyncapi | diff -u "$top/schemas/asyncapi.yaml" - ||
    die "schemas/asyncapi.yaml is old: run $1 asyncapi >schemas/asyncapi.yaml"
  every_message_is_there
  compile_definitions
  local modules
  modules=$("$top/tests/contracts/run.sh" --fetch) || exit
  export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
  cd "$dir" # the tool looks for a configuration where it runs
  # Who may read is the broker's affair (SASL, ACLs), not the document's.
  local lint=("$modules/.bin/node" "$modules/@redocly/cli/bin/cli.js" lint --max-problems=5 --skip-rule=security-defined)
  "${lint[@]}" "$top/schemas/asyncapi.yaml"
  sed 's/action: receive/action: recieve/' "$top/schemas/asyncapi.yaml" >bad.yaml
  ! "${lint[@]}" bad.yaml >out 2>&1 || die "redocly finds nothing at all"
}

main "$@"
