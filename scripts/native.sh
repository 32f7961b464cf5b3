#!/usr/bin/env bash
# Drives the desktop window against a whole system of its own, on a screen that nobody sees, with a session bus and a keychain
# of its own: native.sh [--fleet]. The tests find MC_E2E_URL, MC_E2E_SIGN_IN (a link that signs in once), MC_DESKTOP_BIN, and
# MC_E2E_OUTPUT, where pictures of the window go.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh
# shellcheck source=scripts/tools.sh
source scripts/tools.sh
# shellcheck source=scripts/web.sh
source scripts/web.sh
# shellcheck source=scripts/desktop.sh
source scripts/desktop.sh

need_node
need_native
provide || exit
[[ $(uname) == Linux ]] || die "There is no WebDriver for the window of this system; these tests run on Linux."
web_modules
desktop_build

export MC_DESKTOP_BIN=$desktop_bin MC_E2E_OUTPUT=$CARGO_TARGET_DIR/mc-test/native${1:-}
rm -rf -- "$MC_E2E_OUTPUT"
mkdir -p "$MC_E2E_OUTPUT"
# What a person has at home: settings, data and keychain, thrown away afterwards.
home=$(mktemp -d)
trap 'rm -rf -- "$home"' EXIT
mkdir -m 700 "$home"/{config,data,cache,run}

# WebKit's faster way to the screen is what people have; the slower one makes its driver hang when pictures are taken.
export WEBKIT_DISABLE_DMABUF_RENDERER=0
# shellcheck disable=SC2016 # for the shells inside
session='printf keychain | gnome-keyring-daemon --unlock --components=secrets >"$XDG_RUNTIME_DIR/keyring.log"
  cd desktop && exec npm run --silent native'
# The data directory of the system is found by MC_DATA_DIR, so that a home of its own changes nothing for it.
# shellcheck disable=SC2016
"$MC_BIN" dev system "$@" -- bash -euc 'MC_E2E_SIGN_IN=$("$MC_BIN" link)
  export MC_E2E_SIGN_IN XDG_CONFIG_HOME=$1/config XDG_DATA_HOME=$1/data XDG_CACHE_HOME=$1/cache XDG_RUNTIME_DIR=$1/run
  exec xvfb-run --auto-servernum --server-args="-screen 0 1280x800x24" dbus-run-session -- bash -euc "$2"' \
  native "$home" "$session" || {
  code=$?
  say "Pictures of the window: $MC_E2E_OUTPUT"
  exit "$code"
}
