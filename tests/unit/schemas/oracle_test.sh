#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: oracle_test.sh protoc|buf SAMPLES
# Random messages of every type must be read and written by other people's tools as by ours.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../../tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../tools/lib.sh"

# Their text form and back gives our bytes.
by_protoc() { # TYPE
  local protoc=(protoc "-I$top/schemas/proto" "$top"/schemas/proto/fleetlog/v1/*.proto)
  "${protoc[@]}" "--decode=$1" <"$dir/$1.bin" >"$dir/$1.txt"
  grep -qE '^ *[0-9]+: ' "$dir/$1.txt" && die "$1: protoc does not know a field"
  "${protoc[@]}" "--encode=$1" <"$dir/$1.txt" | cmp - "$dir/$1.bin"
}

# Their JSON means the same as ours, theirs gives our bytes through our reader, ours gives them through theirs.
by_buf() { # TYPE
  "$buf" convert "$dir/image.binpb" --type "$1" --from "$dir/$1.bin#format=binpb" --to "$dir/$1.theirs.json"
  "$samples" read "$1" <"$dir/$1.theirs.json" | cmp - "$dir/$1.bin"
  "$buf" convert "$dir/image.binpb" --type "$1" --from "$dir/$1.json" --to "$dir/$1.theirs.bin#format=binpb"
  cmp "$dir/$1.theirs.bin" "$dir/$1.bin"
}

same_json() {
  python3 - "$dir"/*.theirs.json <<'PY'
import json, sys
for theirs in sys.argv[1:]:
    a, b = (json.load(open(name, encoding="utf-8")) for name in (theirs.replace(".theirs", ""), theirs))
    if a != b:
        sys.exit(f"{theirs}:\nours   {a}\ntheirs {b}")
PY
}

main() {
  local tool=$1 seed=${FLEETLOG_SEED:-$(date +%s)} file type count=0
  samples=$2
  dir=$(mktemp -d "${TMPDIR:-/tmp}/fleetlog-oracle.XXXXXX")
  trap 'rm -rf "$dir"' EXIT
  printf 'FLEETLOG_SEED=%s\n' "$seed"
  if [[ $tool == buf ]]; then
    buf=$("$top/tests/contracts/run.sh" --fetch)/@bufbuild/buf-linux-x64/bin/buf || exit
    "$buf" build "$top/schemas" -o "$dir/image.binpb"
  fi
  "$samples" write "$dir" "$seed"
  for file in "$dir"/*.bin; do
    type=${file##*/}
    type=${type%.bin}
    [[ $type == *.theirs ]] && continue
    "by_$tool" "$type" || die "$type differs from $tool's"
    count=$((count + 1))
  done
  [[ $tool != buf ]] || same_json
  [[ $count -gt 50 ]] || die "only $count types"
  printf '%s types\n' "$count"
}

main "$@"
