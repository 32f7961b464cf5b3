#!/usr/bin/env bash
# Measures on private servers, in an optimised build: bench.sh engine [--peers], bench.sh queue, or bench.sh waiting.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh
# shellcheck source=scripts/tools.sh
source scripts/tools.sh

usage="Usage: ./mc bench engine [--peers] | queue | waiting"

if [[ ${1:-} =~ ^(queue|waiting)$ && $# -eq 1 ]]; then
  need_rust
  need_postgres
  provide || exit
  run_cargo build --quiet -p mission-control --bin mission-control
  run_cargo build --quiet --release -p mc-tasks --example "$1_bench"
  # shellcheck disable=SC2016 # the command that is started knows the address
  exec "$CARGO_TARGET_DIR/debug/mission-control" dev servers --durable -- \
    sh -c '"$0" "$MC_TEST_DATABASE_URL"' "$CARGO_TARGET_DIR/release/examples/$1_bench"
fi

[[ ${1:-} == engine && $# -le 2 && ${2:---peers} == --peers ]] || die "$usage"

# Restate's SDK needs a newer Node than our own build does.
need_peers() { NODE_OLDEST=22.12.0 need_node; need_python; }

# Restate, graphile-worker and DBOS, each at the version that is written down, outside the repository.
install_peers() {
  local wanted
  wanted=$(cat bench/peers/package-lock.json bench/peers/requirements.txt | cksum)
  [[ -f $peers/ready && $(<"$peers/ready") == "$wanted" ]] && return
  say "Installing the peers with npm and pip into $peers"
  rm -rf -- "$peers"
  mkdir -p "$peers"
  cp bench/peers/package.json bench/peers/package-lock.json "$peers"
  (cd "$peers" && npm ci --silent --ignore-scripts --no-audit --no-fund)
  python3 -m venv "$peers/python"
  "$peers/python/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: -r bench/peers/requirements.txt
  printf '%s\n' "$wanted" >"$peers/ready"
}

peers=$MC_TOOLS/peers
need_rust
need_postgres
need_redis
[[ ${2:-} != --peers ]] || need_peers
provide || exit
if [[ ${2:-} == --peers ]]; then install_peers; fi
run_cargo build --quiet -p mission-control --bin mission-control
run_cargo build --quiet --release -p mc-tasks --example engine_bench

# Commits must reach the disk, as they do in earnest.
with_servers() { "$CARGO_TARGET_DIR/debug/mission-control" dev servers --durable --redis -- "$@"; }
# shellcheck disable=SC2016 # the command that is started knows the addresses
ours='"$0" "$MC_TEST_DATABASE_URL" "$MC_TEST_REDIS_URL"'
bench=$CARGO_TARGET_DIR/release/examples/engine_bench
[[ ${2:-} == --peers ]] || exec "$CARGO_TARGET_DIR/debug/mission-control" dev servers --durable --redis -- sh -c "$ours" "$bench"

# One after another on the same machine; each peer on a server that nobody has used.
told=$(mktemp -d)
trap 'rm -rf -- "$told"' EXIT
# What is read beside the table's figures is the peers' own; their node modules are beside the scripts.
cp bench/peers/*.mjs bench/peers/*.py "$told"
ln -s "$peers/node_modules" "$told/node_modules"
MC_BENCH_TOLD=$told/lines with_servers sh -c "$ours" "$bench"
say "Restate ..."
RESTATE_LOGGING=ERROR node "$told/restate.mjs" >>"$told/lines"
say "graphile-worker ..."
# shellcheck disable=SC2016 # the command that is started knows the address
with_servers sh -c 'node "$0" "$MC_TEST_DATABASE_URL"' "$told/graphile.mjs" >>"$told/lines"
say "DBOS, about two minutes ..."
# shellcheck disable=SC2016 # the command that is started knows the address
with_servers sh -c '"$0" "$1" "$MC_TEST_DATABASE_URL"' "$peers/python/bin/python" "$told/dbos_peer.py" >>"$told/lines"
node "$told/table.mjs" "$told/lines"
