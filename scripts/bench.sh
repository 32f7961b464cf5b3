#!/usr/bin/env bash
# Measures on private servers, in an optimised build: bench.sh engine [options of the bench].
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
    run_cargo build --quiet -p mission-control --bin mission-control
    run_cargo bench -p mc-tasks --bench engine --no-run
    # Commits must reach the disk, as they do in earnest.
    exec "$CARGO_TARGET_DIR/debug/mission-control" dev servers --durable --redis -- \
      cargo bench --locked -p mc-tasks --bench engine -- "${@:2}"
    ;;
  *) die "Usage: ./mc bench engine" ;;
esac
