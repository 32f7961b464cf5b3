#!/usr/bin/env bash
# Writes what is generated from the contract and committed, or checks that it is fresh: gen.sh write|check.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

stale=0
# generated <file> <verb of mc-gateway>
generated() {
  local fresh
  fresh=$(mktemp)
  run_cargo run --quiet -p mc-gateway --bin mc-gateway -- "$2" >"$fresh"
  if [[ $mode == write ]]; then
    cp "$fresh" "$1" && say "wrote $1"
  elif diff -q "$1" "$fresh" >/dev/null; then
    say "$1 is fresh"
  else
    diff -u "$1" "$fresh" | head -40 >&2 || true
    say "$1 is stale: run ./mc gen and commit it"
    stale=1
  fi
  rm -f "$fresh"
}

mode=${1:-check}
generated gateway/openapi.json openapi
generated gateway/ws-frames.schema.json ws-schema
exit "$stale"
