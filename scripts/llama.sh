#!/usr/bin/env bash
# Runs the LLM gateway's tests against a real llama.cpp server with a tiny model of random weights.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh
# shellcheck source=scripts/tools.sh
source scripts/tools.sh

folder=services/llm/tests/llama
venv=$MC_TOOLS/llama
wanted=$(cksum <"$folder/requirements.txt")
if [[ ! -f $venv/ready || $(<"$venv/ready") != "$wanted" ]]; then
  need_python
  provide || exit
  say "Installing llama.cpp for Python with pip into $venv"
  python3 -m venv "$venv"
  # Without a wheel for this platform there is nothing to test against, and building llama.cpp is not our business.
  if ! "$venv/bin/pip" install --quiet --only-binary :all: -r "$folder/requirements.txt"; then
    echo "NOTICE: no llama.cpp for this platform; the llm service was NOT tried against a real server."
    exit 0
  fi
  printf '%s\n' "$wanted" >"$venv/ready"
fi

# The server stops when its standard input ends, so it cannot outlive this script.
coproc LLAMA { exec "$venv/bin/python" "$folder/serve.py" 2>"$CARGO_TARGET_DIR/llama.log"; }
# shellcheck disable=SC2153 # bash sets LLAMA and LLAMA_PID
exec {output}<&"${LLAMA[0]}"
read -r -t 120 _ url <&"$output" || { tail -5 "$CARGO_TARGET_DIR/llama.log"; die "llama.cpp did not start"; }
echo "llama.cpp answers at $url"
MC_TEST_LLAMA_URL=$url "$CARGO_TARGET_DIR/debug/mission-control" dev servers --redis -- \
  cargo nextest run --locked -p mc-llm --all-features -E 'test(llama)' --no-fail-fast
