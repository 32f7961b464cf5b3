//! Messages of the operating system, for what needs a person who looks elsewhere.

use tauri::{AppHandle, Manager as _, State};

use crate::commands::windows::show_main;
use crate::desktop::Desktop;
use crate::notifications::Notice;

/// Shows or replaces a notice, unless somebody is looking at a window of ours. False if it was not shown.
#[tauri::command]
pub async fn show_notice(app: AppHandle, desktop: State<'_, Desktop>, notice: Notice) -> Result<bool, ()> {
    if app.webview_windows().values().any(|window| window.is_focused().unwrap_or(false)) {
        return Ok(false);
    }
    let handle = app.clone();
    desktop.notices.show(notice, move |notice, action| {
        if action == "open" {
            show_main(&handle);
        }
        if let Some(actions) = handle.state::<Desktop>().notice_actions() {
            // A window that does not take its actions is stuck; nothing is decided for it.
            let _ = actions.try_send((notice, action));
        }
    });
    Ok(true)
}

/// Takes a notice back, also when it is gone.
#[tauri::command]
pub fn withdraw_notice(desktop: State<'_, Desktop>, id: String) {
    desktop.notices.withdraw(&id);
}
