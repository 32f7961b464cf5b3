# shellcheck shell=bash
# What every script here starts from: where things are, how to speak, how to ask.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/mission-control
# Outside the clone, so that a clone stays small and several clones share one build.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}
export MC_TOOLS=$cache/tools
export MC_PROFILE=${MC_PROFILE:-dev}
profile_dir=$MC_PROFILE
[[ $MC_PROFILE == dev ]] && profile_dir=debug
export MC_BIN=$CARGO_TARGET_DIR/$profile_dir/mission-control
PATH=$MC_TOOLS/bin:$MC_TOOLS/node_modules/.bin:$HOME/.cargo/bin:$PATH

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Asks before something is installed. MC_YES=1 and CI=true answer yes; without a terminal the answer is no.
ask() {
  say "$1"
  [[ ${MC_YES:-} == 1 || ${CI:-} == true ]] && return 0
  [[ -t 0 ]] || { say "Nobody to ask: run with MC_YES=1 to allow it."; return 1; }
  local answer
  read -r -p "Go on? [Y/n] " answer
  [[ -z $answer || $answer == [Yy]* ]]
}

# Runs a command as root, by sudo where needed.
as_root() {
  if [[ $(id -u) -eq 0 ]]; then "$@"; elif have sudo; then sudo "$@"; else die "Needs root: $*"; fi
}

# cargo with the committed lock file, so that a build is the same everywhere.
run_cargo() { cargo "$1" --locked "${@:2}"; }
