//! Signing in and out. What is typed goes in; no token comes out.

use tauri::State;

use crate::desktop::Desktop;
use crate::error::Error;
use crate::gateway::session::Credentials;

/// Opens a session and keeps it in the keychain. True if it is at another gateway than before: attach anew then.
#[tauri::command]
pub async fn sign_in(desktop: State<'_, Desktop>, credentials: Credentials) -> Result<bool, Error> {
    desktop.sign_in(credentials).await
}

/// Ends the session.
#[tauri::command]
pub async fn sign_out(desktop: State<'_, Desktop>) -> Result<(), Error> {
    desktop.session().sign_out().await
}
