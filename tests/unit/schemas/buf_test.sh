#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The protos are lint-clean and break no released version; and the check would say so if they did. The version that the
# tree bears has its image: who changes the protos after a release raises the version.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../../tools/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../tools/lib.sh"

# breaks FILE SED-SCRIPT: a copy of the protos changed this way is found to break the released image.
breaks() {
  rm -rf "$dir/schemas"
  mkdir "$dir/schemas"
  cp -r "$top/schemas/proto" "$top/schemas/buf.yaml" "$dir/schemas/"
  sed -i "$2" "$dir/schemas/proto/fleetlog/v1/$1"
  cmp -s "$top/schemas/proto/fleetlog/v1/$1" "$dir/schemas/proto/fleetlog/v1/$1" && die "$2 changes nothing in $1"
  local rc=0
  "$buf" breaking "$dir/schemas" --against "$released" >"$dir/out" || rc=$?
  [[ $rc == 100 ]] || die "$1: $2: exit code $rc, expected 100"
}

# The image of this version holds what the protos say.
is_recorded() {
  local version image
  version=$(sed -n 's/^project(fleetlog VERSION \([0-9.]*\) .*/\1/p' "$top/CMakeLists.txt")
  image=schemas/released/v$version.binpb
  "$buf" build "$top/schemas" --exclude-source-info -o "$dir/now.binpb"
  cmp -s "$dir/now.binpb" "$top/$image" ||
    die "$image is not what the protos say: raise the version, or (not released yet) buf build schemas --exclude-source-info -o $image"
}

main() {
  buf=$("$top/tests/contracts/run.sh" --fetch)/@bufbuild/buf-linux-x64/bin/buf || exit
  local images=("$top"/schemas/released/*.binpb)
  dir=$(mktemp -d "${TMPDIR:-/tmp}/fleetlog-buf.XXXXXX")
  trap 'rm -rf "$dir"' EXIT
  "$buf" lint "$top/schemas"
  is_recorded
  for released in "${images[@]}"; do
    "$buf" breaking "$top/schemas" --against "$released"
  done
  breaks actions.proto '/string location = 2/d'
  breaks actions.proto 's/string location = 2/bytes location = 2/'
  breaks events.proto 's/name_before/name_previous/'
  breaks events.proto 's/uint32 device_number = 2/uint32 device_number = 12/'
  breaks common.proto '/ROLE_MEMBER/d'
  breaks actions.proto 's/message RenameDevice/message RelabelDevice/'
  printf '%s released images\n' "${#images[@]}"
}

main "$@"
