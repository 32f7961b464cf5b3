#!/usr/bin/env bash
# Runs the demo many times over and sums up: demo-loop.sh [times] [--fleet | --both]. Each run has a system of its own.
set -uo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." || exit
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

times=20 shapes=(single)
for word in "$@"; do
  case $word in
    --fleet) shapes=(fleet) ;;
    --both) shapes=(single fleet) ;;
    *[!0-9]* | '' | 0*) die "Usage: scripts/demo-loop.sh [times] [--fleet | --both]" ;;
    *) times=$word ;;
  esac
done

# Once by ./mc, which installs and builds what is missing; then the binary alone, so that the times are the demo's.
MC_BUILD_FLEET=1 ./mc demo --help >/dev/null || exit
logs=$(mktemp -d "${TMPDIR:-/tmp}/mc-demo-loop-XXXXXX")
nowhere=$logs/no-system
failed=0 report=()

# Prints seconds: the nearest-rank percentile of sorted milliseconds: percentile <percent> <milliseconds...>.
percentile() {
  local rank=$((($1 * ($# - 1) + 99) / 100))
  printf '%d.%03d s' $((${@:rank + 1:1} / 1000)) $((${@:rank + 1:1} % 1000))
}

for shape in "${shapes[@]}"; do
  options=() passes=0 took=()
  [[ $shape == single ]] || options=(--fleet)
  for ((round = 1; round <= times; round++)); do
    log=$logs/$shape-$round.log started=${EPOCHREALTIME/./}
    if MC_DATA_DIR=$nowhere "$MC_BIN" demo ${options[@]+"${options[@]}"} >"$log" 2>&1 </dev/null; then
      verdict=passed passes=$((passes + 1))
    else
      verdict="FAILED ($?), see $log" failed=1
    fi
    took+=($(((${EPOCHREALTIME/./} - started) / 1000)))
    printf '%s %d/%d %s: %s\n' "$shape" "$round" "$times" "$verdict" "$(grep -E 'checks (hold|do not hold)' "$log" | tail -1)"
  done
  mapfile -t sorted < <(printf '%s\n' "${took[@]}" | sort -n)
  report+=("$(printf '%-7s %d of %d passed; p50 %s, max %s (start, demo and stop of a system)' "$shape" "$passes" "$times" \
    "$(percentile 50 "${sorted[@]}")" "$(percentile 100 "${sorted[@]}")")")
done
printf '\n'
printf '%s\n' "${report[@]}"
if [[ $failed == 0 ]]; then rm -rf -- "$logs"; fi
exit "$failed"
