#!/usr/bin/env bash
# Runs the stages of `./mc test` (all, or those named) and prints a summary with times; fails if one failed.
# Stages are called by name.
# shellcheck disable=SC2317
set -uo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." || exit
# shellcheck source=scripts/lib.sh
source scripts/lib.sh
# shellcheck source=scripts/tools.sh
source scripts/tools.sh
# shellcheck source=scripts/web.sh
source scripts/web.sh
# shellcheck source=scripts/desktop.sh
source scripts/desktop.sh

all=(tools shell fmt proto clippy build deny generated web test-pg15 test-pg16 doc llama demo demo-fleet ui ui-fleet native)
logs=$CARGO_TARGET_DIR/mc-test
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-$([[ -t 1 ]] && echo always || echo never)}
# One package set for every stage: cargo builds each dependency once.
everything=(--workspace --all-targets --all-features)
tested=(--locked --workspace --all-features --profile ci)

# What a stage needs, beside Rust.
needs_of() {
  case $1 in
    shell) echo shellcheck ;;
    proto) echo git buf ;;
    build | clippy) echo nextest ;;
    deny) echo git deny ;;
    test-pg15) echo nextest postgres redis ;;
    test-pg16) echo nextest postgres postgres_16 redis ;;
    llama) echo python nextest postgres redis ;;
    web) echo node ;;
    demo) echo postgres ;;
    demo-fleet) echo postgres redis ;;
    ui) echo node chromium postgres ;;
    native) echo node native postgres ;;
    ui-fleet) echo node chromium postgres redis ;;
  esac
}

# Installs what the stages of this run need and the machine lacks: one question for all of it.
stage_tools() {
  local name need
  need_rust
  for name in "${stages[@]}"; do
    for need in $(needs_of "$name"); do "need_$need"; done
  done
  provide && rustc --version
}

stage_shell() { shellcheck -x mc .ci/run scripts/*.sh; }

# The desktop window is a cargo workspace of its own.
workspaces=(. desktop/src-tauri)
in_workspaces() { local folder; for folder in "${workspaces[@]}"; do (cd "$folder" && "$@") || return 1; done; }

stage_fmt() { in_workspaces cargo fmt --all --check; }

# Breaking changes are reported and not forbidden until the contract is v1.
stage_proto() {
  buf lint proto || return 1
  local base
  base=$(git rev-parse -q --verify origin/main || git rev-parse -q --verify main) || base=
  [[ $base != $(git rev-parse HEAD) ]] || base=$(git rev-parse -q --verify HEAD~1) || base=
  if [[ -z $base ]]; then echo "No earlier commit to compare the contract with."; return 0; fi
  if buf breaking proto --against ".git#ref=$base,subdir=proto"; then
    echo "No breaking change against ${base:0:12}."
  else
    echo "NOTICE: breaking changes against ${base:0:12}, as listed (allowed until v1)."
  fi
}

stage_clippy() { run_cargo clippy "${everything[@]}" -- -D warnings; }

stage_build() { run_cargo build --workspace --bins && cargo nextest run --no-run "${tested[@]}"; }

stage_deny() {
  in_workspaces run_cargo deny check --hide-inclusion-graph licenses bans sources || return 1
  # The advisory database is a git repository: without a network there is nothing to compare with.
  if ! timeout 120 cargo deny fetch db >/dev/null 2>&1; then
    echo "NOTICE: the advisory database cannot be fetched here; advisories were NOT checked."
    return 0
  fi
  in_workspaces cargo deny check --disable-fetch advisories
}

stage_generated() { scripts/gen.sh check; }

# The interface: what is generated from the contract, its style and types, its tests, and the build that the gateway serves.
stage_web() {
  web_modules && (
    cd desktop && npm run --silent gen:check && npm run --silent check && npm run --silent test
  ) && web_build
}

# Runs a command with a private PostgreSQL and Redis: with_servers <folder with postgres> <command...>.
with_servers() { "$CARGO_TARGET_DIR/debug/mission-control" dev servers --postgres-bin "$1" --redis -- "${@:2}"; }

stage_test-pg15() { with_servers "$(postgres_bin)" cargo nextest run "${tested[@]}"; }

# Once more for what touches the database. `domain` modules are pure (held by tests/boundaries.rs) and the contract,
# the edge and the supervisor have no SQL.
stage_test-pg16() {
  local folder
  if [[ $(uname -sm) != "Linux x86_64" ]]; then echo "NOTICE: no PostgreSQL 16 for this platform; skipped."; return 0; fi
  folder=$(postgres_16_bin) || return 1
  with_servers "$folder" cargo nextest run "${tested[@]}" -E \
    'not (package(mc-proto) | package(mc-gateway) | package(mission-control) | test(/(^|::)domain::/))'
}

stage_doc() { RUSTDOCFLAGS="-D warnings" run_cargo doc --workspace --no-deps --all-features; }

stage_llama() { scripts/llama.sh; }

# On systems of their own, whatever runs on this machine.
demo() {
  local empty code
  empty=$(mktemp -d)
  MC_BUILD_FLEET=1 MC_DATA_DIR=$empty ./mc demo "$@"
  code=$?
  rmdir "$empty"
  return "$code"
}
stage_demo() { demo; }
stage_demo-fleet() { demo --fleet; }

# The binaries are those of the build stage.
stage_ui() { scripts/ui.sh; }
stage_ui-fleet() { scripts/ui.sh --fleet; }

# The desktop window: its own checks and tests, and then its main flow on a screen that nobody sees.
stage_native() {
  { web_is_fresh || web_build; } || return 1
  desktop_cargo clippy --all-targets -- -D warnings && desktop_cargo test || return 1
  if [[ $(uname) != Linux ]]; then echo "NOTICE: the window's flow is driven on Linux alone; skipped."; return 0; fi
  scripts/native.sh
}

# Runs one stage, keeps its output and its time, and goes on whatever happened.
failed=0 summary=()
run_stage() {
  local name=$1 started=$SECONDS verdict=ok notes
  printf '\n━━ %s\n' "$name"
  "stage_$name" > >(tee "$logs/$name.log") 2>&1 || { verdict=FAILED; failed=1; }
  wait $! 2>/dev/null
  notes=$(grep -hoE 'NOTICE: .*|Summary \[.*' "$logs/$name.log" | sed 's/\x1b\[[0-9;]*m//g' | paste -sd '|' -)
  summary+=("$(printf '%-11s %-6s %5ds  %s' "$name" "$verdict" $((SECONDS - started)) "$notes")")
  [[ $verdict == ok ]]
}

mkdir -p "$logs"
stages=("$@")
[[ $# -gt 0 ]] || stages=("${all[@]}")
[[ ${stages[0]} == tools ]] || stages=(tools "${stages[@]}")
for name in "${stages[@]}"; do
  declare -F "stage_$name" >/dev/null || die "There is no stage '$name'. Stages: ${all[*]}"
done
for name in "${stages[@]}"; do
  # What cannot be built cannot be tested; the other stages say more together than alone.
  run_stage "$name" || [[ $name != tools && $name != build ]] || break
done
printf '\n━━ summary: %s\n' "$([[ $failed == 0 ]] && echo 'all green' || echo 'FAILED')"
printf '%s\n' "${summary[@]}" "total              ${SECONDS}s"
exit "$failed"
