# shellcheck shell=bash
# Builds the desktop window of desktop/src-tauri with the web page inside. Needs scripts/web.sh.

# A cargo workspace of its own, which keeps its builds in a folder beside the services'.
desktop_target=$CARGO_TARGET_DIR/desktop
# Of lib.sh, and for those who source this.
# shellcheck disable=SC2034,SC2154
desktop_bin=$desktop_target/$profile_dir/mission-control-desktop

# cargo there, always with the same features, so that every dependency is built once. With custom-protocol the page is part of
# the program; without, the window would open the address of the development server.
desktop_cargo() {
  (
    cd desktop/src-tauri || exit
    CARGO_TARGET_DIR=$desktop_target CARGO_INCREMENTAL=0 cargo "$1" --locked --features tauri/custom-protocol "${@:2}"
  )
}

# Builds page and window, whichever has changed.
desktop_build() {
  { web_is_fresh || web_build; } && desktop_cargo build --profile "$MC_PROFILE"
}
