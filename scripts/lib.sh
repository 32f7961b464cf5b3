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

# Runs a command as root, by sudo where needed.
as_root() {
  if [[ $(id -u) -eq 0 ]]; then "$@"; elif have sudo; then sudo "$@"; else say "Needs root: $*"; return 1; fi
}

# cargo with the committed lock file, so that a build is the same everywhere.
run_cargo() { cargo "$1" --locked "${@:2}"; }
