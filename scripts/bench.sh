#!/usr/bin/env bash
# Measures on private servers, in an optimised build: bench.sh engine.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh
# shellcheck source=scripts/tools.sh
source scripts/tools.sh

case ${1:-} in
  engine)
    need_rust
    need_postgres
    need_redis
    provide || exit
    run_cargo build --quiet -p mission-control --bin mission-control
    run_cargo build --quiet --release -p mc-tasks --example engine_bench
    # Commits must reach the disk, as they do in earnest.
    # shellcheck disable=SC2016 # the command that is started knows the addresses
    exec "$CARGO_TARGET_DIR/debug/mission-control" dev servers --durable --redis -- \
      sh -c '"$0" "$MC_TEST_DATABASE_URL" "$MC_TEST_REDIS_URL"' "$CARGO_TARGET_DIR/release/examples/engine_bench"
    ;;
  *) die "Usage: ./mc bench engine" ;;
esac
