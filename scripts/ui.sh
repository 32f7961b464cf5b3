#!/usr/bin/env bash
# Drives the web page in a browser against a whole system of its own, through the gateway: ui.sh [--fleet].
# The tests find MC_E2E_URL, MC_E2E_SIGN_IN (a link that signs in once), MC_E2E_TOKEN, MC_DATA_DIR and MC_BIN of that system,
# MC_CHROMIUM, and MC_E2E_OUTPUT, where screenshots and traces go.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh
# shellcheck source=scripts/tools.sh
source scripts/tools.sh
# shellcheck source=scripts/web.sh
source scripts/web.sh

need_node
need_chromium
provide || exit
web_modules
web_is_fresh || web_build
MC_CHROMIUM=$(chromium) || die "Needs Chromium or Chrome; MC_CHROMIUM names another."
export MC_CHROMIUM MC_WEB_DIR=$PWD/$web_folder MC_E2E_OUTPUT=$CARGO_TARGET_DIR/mc-test/ui${1:-}
rm -rf -- "$MC_E2E_OUTPUT"
mkdir -p "$MC_E2E_OUTPUT"
# shellcheck disable=SC2016 # for the shell inside
"$MC_BIN" dev system "$@" -- bash -euc 'MC_E2E_SIGN_IN=$("$MC_BIN" link)
  export MC_E2E_SIGN_IN
  cd desktop && exec npm run --silent e2e' || {
  code=$?
  say "Screenshots and traces: $MC_E2E_OUTPUT"
  exit "$code"
}
