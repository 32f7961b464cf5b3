//! Names the commands, so that each window may call only those that its capability lists.

fn main() {
    let commands = tauri_build::AppManifest::new().commands(&[
        "attach",
        "taken",
        "watch",
        "unwatch",
        "reconnect",
        "request",
        "read",
        "gateways",
        "choose_gateway",
        "sign_in",
        "sign_out",
        "show_notice",
        "withdraw_notice",
        "open_window",
        "set_theme",
    ]);
    tauri_build::try_build(tauri_build::Attributes::new().app_manifest(commands)).expect("build for Tauri");
}
