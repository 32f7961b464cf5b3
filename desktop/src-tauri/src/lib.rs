//! The window of Mission Control. The web view shows; everything that holds a token or leaves this computer is in here.

pub mod commands;
pub mod desktop;
pub mod error;
pub mod gateway;
pub mod keychain;
pub mod notifications;
pub mod secret;
pub mod settings;
pub mod surroundings;
pub mod tasks;
pub mod window;

use std::io::{BufRead as _, Read as _};
use std::time::Duration;

use tauri::{Manager as _, RunEvent, WindowEvent};
use tracing_subscriber::EnvFilter;

use crate::commands::{credentials, gateway as calls, notify, windows};
use crate::desktop::Desktop;
use crate::keychain::Keychain;
use crate::secret::Secret;
use crate::settings::Settings;
use crate::tasks::Tasks;

/// How long the end of the program waits for what must be stored.
const END_WITHIN: Duration = Duration::from_secs(5);

/// The longest sign-in link that is read.
const MAX_LINK_BYTES: u64 = 4096;

/// The line that `--sign-in` brings on standard input: arguments and environments of programs can be read by others.
fn brought_link() -> Option<Secret> {
    std::env::args_os().skip(1).find(|argument| argument == "--sign-in")?;
    let line = std::io::stdin().lock().take(MAX_LINK_BYTES).lines().next()?.ok()?;
    Some(Secret::new(line)).filter(|link| !link.expose().trim().is_empty())
}

/// Opens the window and runs until it is closed. With `--sign-in` it reads a sign-in link from its standard input first.
pub fn run() {
    let filter = EnvFilter::try_from_env("MC_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,mission_control_desktop=info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    // The only one in this process; a second call would find it there.
    let _ = rustls::crypto::ring::default_provider().install_default();

    let app = tauri::Builder::default()
        // First, so that a second start ends before it does anything.
        .plugin(tauri_plugin_single_instance::init(|app, _, _| windows::show_main(app)))
        .invoke_handler(tauri::generate_handler![
            calls::attach,
            calls::taken,
            calls::watch,
            calls::unwatch,
            calls::reconnect,
            calls::request,
            calls::read,
            calls::gateways,
            calls::choose_gateway,
            credentials::sign_in,
            credentials::sign_out,
            notify::show_notice,
            notify::withdraw_notice,
            windows::open_window,
            windows::set_theme,
        ])
        .setup(|app| {
            let tasks = Tasks::on(tauri::async_runtime::handle().inner().clone());
            let settings = Settings::read(app.path().app_config_dir()?.join("settings.json"));
            let desktop = Desktop::new(tasks, Keychain::system(), settings)?;
            if let Some(link) = brought_link() {
                desktop.bring(link);
            }
            app.manage(desktop);
            windows::open_main(app.handle())?;
            Ok(())
        })
        .on_window_event(|window, event| {
            if matches!(event, WindowEvent::Destroyed) {
                window.state::<Desktop>().detach(window.label());
            }
        })
        .build(tauri::generate_context!())
        .expect("start the window");
    app.run(|app, event| {
        if let RunEvent::Exit = event {
            let tasks = app.state::<Desktop>().tasks.clone();
            // Beyond that time nothing can be done: the program ends.
            let _ = tauri::async_runtime::block_on(tokio::time::timeout(END_WITHIN, tasks.end()));
        }
    });
}
