#!/usr/bin/env bash
# What scripts/fresh-root.sh runs inside the fresh root: README's commands, each timed: fresh-root-steps.sh <clone> <step...>.
set -uo pipefail
cd -- "$1" || exit
shift
failed=0 report=()

# run <what> <command...>: shows it, times it, and goes on.
run() {
  local what=$1 started=${EPOCHREALTIME/./} verdict=ok
  shift
  printf '\n$ %s      (%s)\n' "$*" "$what"
  "$@" </dev/null || { verdict="FAILED ($?)"; failed=1; }
  report+=("$(printf '%-34s %9.1f s  %s' "$what" "$((${EPOCHREALTIME/./} - started))e-6" "$verdict")")
}

# What a newcomer does after the machine, or a careless kill, has stopped `up` without a word.
killed_up() {
  local pid
  pid=$(./mc doctor | sed -n 's/.*Running.*(pid \([0-9]*\)).*/\1/p')
  printf 'killing %s\n' "${pid:?}"
  kill -9 "$pid"
}

for step in "$@"; do
  case $step in
    up)
      run 'up, cold' ./mc up -d
      run 'demo, cold' ./mc demo
      run 'down' ./mc down
      run 'up, warm' ./mc up -d
      run 'demo, warm' ./mc demo
      killed_up
      run 'up, after SIGKILL' ./mc up -d
      run 'down' ./mc down
      ;;
    test)
      run 'test, cold' ./mc test
      run 'test, warm' ./mc test
      ;;
  esac
done
# shellcheck source=/dev/null
printf '\n%s, %s cores, %s MB on disk, load %s\n' "$(. /etc/os-release && echo "$PRETTY_NAME")" "$(nproc)" \
  "$(du -xsm / 2>/dev/null | cut -f1)" "$(cut -d' ' -f1-3 /proc/loadavg)"
printf '%s\n' "${report[@]}"
exit "$failed"
