#!/usr/bin/env bash
# Kills workers at every point of what they do, and reads what is left: chaos.sh [--kills N] [--seed N] [--minutes N].
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh
# shellcheck source=scripts/tools.sh
source scripts/tools.sh

kills=1000 seed=$((EPOCHSECONDS % 100000)) minutes=90
while [[ $# -gt 0 ]]; do
  [[ ${2:-} =~ ^[1-9][0-9]{0,8}$ ]] || die "Usage: ./mc chaos [--kills N] [--seed N] [--minutes N]"
  case $1 in
    --kills) kills=$2 ;;
    --seed) seed=$2 ;;
    --minutes) minutes=$2 ;;
    *) die "There is no option '$1': ./mc chaos --help" ;;
  esac
  shift 2
done
[[ $(uname) == Linux ]] || die "Reads /proc, so it runs on Linux alone."
need_rust
need_postgres
need_redis
provide || exit
export MC_CHAOS_KILLS=$kills MC_CHAOS_SEED=$seed MC_CHAOS_MINUTES=$minutes
exec cargo test --locked --quiet -p mission-control --features faults --test chaos -- --ignored --nocapture --exact many_kills_are_survived
